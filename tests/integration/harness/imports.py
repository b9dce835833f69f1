"""`tlsfront import`: what it makes of a peer's configuration, as Python values."""

import re
import subprocess

VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s{},"]+)')
LOST = re.compile(r"^# (?P<file>[^:]+):(?P<line>\d+)(?:-\d+)?: (?P<rest>.*)$")


def values(text):
    return [quoted or bare for quoted, bare in VALUE.findall(text)]


class Imported:
    """`routes` and `withheld` by name, as "key=value,value" words; `lost` are the lines of the
    peer's file that a comment tells of."""

    def __init__(self, done):
        self.status, self.text, self.errors = done.returncode, done.stdout, done.stderr
        self.routes, self.withheld, self.certificates, self.globals = {}, {}, {}, {}
        self.lost, self.why = set(), {}
        block, in_lost = self.globals, False
        for line in self.text.splitlines():
            found = LOST.match(line)
            in_lost = line == "# Not carried over:" or (in_lost and found is not None)
            if in_lost and found:
                self.lost.add(int(found["line"]))
                self.why[int(found["line"])] = found["rest"]
                continue
            block = self._take(line, block)

    def _take(self, line, block):
        bare = line[2:] if line.startswith("# ") else line
        opened = re.match(r"^( *)(route|certificate|server-name) (\S+) \{$", bare)
        if opened:
            kind, name = opened[2], opened[3].strip('"')
            if kind == "server-name":
                block.setdefault("names", {})[name] = self.inner = {}
                self.outer = block
                return self.inner
            where = self.certificates if kind == "certificate" else \
                self.withheld if line.startswith("# ") else self.routes
            where[name] = {}
            return where[name]
        if bare == "    }":
            return self.outer
        setting = re.match(r"^ *([a-z0-9-]+) = (.*)$", bare)
        if setting and (bare is line or self._is_withheld(block)):
            block[setting[1]] = ",".join(values(setting[2]))
        return block

    def _is_withheld(self, block):
        return any(block is one or block in one.get("names", {}).values() for one in self.withheld.values())


def words(settings):
    """In one line, as the tests write what they expect."""
    return " ".join(sorted(f"{key}={value}" for key, value in settings.items() if key != "names"))


def run_import(binary, peer, *files, folder, text=None):
    done = subprocess.run([binary, "import", peer, *files], cwd=folder, input=text, text=True,
                          capture_output=True, timeout=60, check=False)
    return Imported(done)


def flat(routes):
    """Each in one line; a server-name block as "ROUTE/NAME"."""
    lines = {}
    for route, settings in routes.items():
        lines[route] = words(settings)
        for name, own in settings.get("names", {}).items():
            lines[f"{route}/{name}"] = words(own)
    return lines


def with_presets(line, presets):
    given = dict(word.split("=", 1) for word in line.split())
    return words(presets | given)


class Case:
    """A configuration of a peer, and what has to become of it. `expected`: lines of
    "NAME: key=value ...", with a # before what is withheld, and "NAME/HOST: ..." of a server-name block. `lost`: the lines that are told as not
    carried over, counted from 1."""

    def __init__(self, name, text, expected="", lost=(), certificates=None, globals=None):
        self.name, self.text, self.lost = name, text.lstrip("\n"), set(lost)
        self.certificates, self.globals = certificates, globals
        self.routes, self.withheld = {}, {}
        for line in expected.strip().splitlines():
            where = self.withheld if line.strip().startswith("#") else self.routes
            route, _, settings = line.strip().lstrip("#").partition(": ")
            where[route] = " ".join(sorted(settings.split()))

    def verify(self, binary, peer, folder, presets):
        """`presets`: what a route has, unless a line says otherwise, because the peer does so by itself."""
        file = folder / f"{self.name}.conf"
        file.write_text(self.text)
        made = run_import(binary, peer, f"{self.name}.conf", folder=folder)
        assert made.status in (0, 1), made.errors
        for of, wanted in ((made.routes, self.routes), (made.withheld, self.withheld)):
            wanted = {name: line if "/" in name else with_presets(line, presets) for name, line in wanted.items()}
            found = {name: line.replace(str(folder), "DIR") for name, line in flat(of).items()}
            assert found == wanted, made.text
        assert made.lost == self.lost, made.text
        whole = not self.lost and not self.withheld and self.routes != {}
        assert made.status == (0 if whole else 1), made.errors
        for key, value in (self.globals or {}).items():
            assert made.globals.get(key) == value.replace("DIR", str(folder)), made.text
        for name, value in (self.certificates or {}).items():
            assert words(made.certificates[name]) == value.replace("DIR", str(folder)), made.text
        self.check(binary, folder, made)

    def check(self, binary, folder, made):
        """A table without a route is not one that check would take."""
        if not made.routes:
            return
        output = folder / f"{self.name}.out"
        output.write_text(made.text)
        done = subprocess.run([binary, "check", "-c", output], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{made.text}"


def identify(case):
    return case.name
