"""Every key of every block with every odd value, by every way that a configuration comes in: a finding
with place and cure, or it works; never a death, and nothing on a terminal that is no text."""

import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from clients import tls
from harness.daemon import STATUS_CONFIG_WRONG
from harness.tree import TREE
from servers import toy

SCHEMA = TREE / "config" / "schema.c"
ODD = {
    "empty": b'""', "nothing": b"{}", "empties": b'{"", ""}', "blank": b'" "',
    "list": b'{"a", "b"}', "number": b"4711", "negative": b"-1", "zero": b"0",
    "overflow": b"99999999999999999999", "fraction": b"1.5", "huge": b'"' + b"a" * 70000 + b'"',
    "many": b"{" + b", ".join(b"x%d" % i for i in range(300)) + b"}",
    "control": b'"a\x01\x1b[31mb"', "newline": b'"a\nb"', "nul": b'"a\x00b"', "escape": b'"a\\x1bb"',
    "latin": b'"\xe4\xff\xfe"', "utf-8": '"\N{SNOWMAN}"'.encode(), "percent": b'"%s%n%99999d"',
    "variable": b'"${HOME}"', "quote": b"'a\"b'", "folder": b'"/"', "here": b'"."',
    "device": b'"/dev/zero"', "nowhere": b'"/no/such/place"', "long path": b'"/' + b"x/" * 3000 + b'"',
    "root": b"root", "all": b'"*"', "addresses": b'"::"', "on": b"on", "block": b"{ a = b }",
}


def keys():
    """(block, key) for all of them, as config/schema.c has them."""
    text = SCHEMA.read_text()
    for scope, rows in re.findall(r"^static const struct key (\w+)_keys\[\] = \{\n(.*?)^\};", text,
                                  re.MULTILINE | re.DOTALL):
        for name in re.findall(r'^    \{"([a-z0-9-]+)"', rows, re.MULTILINE):
            yield scope, name


KEYS = list(keys())


def test_the_schema_is_understood_by_this_test():
    assert {scope for scope, _ in KEYS} == {"global", "certificate", "route", "server_name"}
    assert ("global", "user") in KEYS and ("route", "listen") in KEYS and len(KEYS) > 40


# What ends the reading of a file, as it is no value at all: each needs a file of its own.
SPOILING = {"control", "nul", "block", "latin"}


class Owner:
    """Who runs all of it."""

    def __init__(self, name, uid):
        self.name = name
        self.ids = {"user": uid, "group": uid, "extra_groups": []} if uid else {}

    def become(self):
        if self.ids:
            os.setgroups([])
            os.setgid(self.ids["group"])
            os.setuid(self.ids["user"])


class Base:
    """A good configuration, and the same with values exchanged."""

    def __init__(self, run, pki, upstream, owner):
        self.owner, self.port = owner, run.port()
        self.folder = run.make_folder(f"odd-values-{owner.name}")
        self.file = self.folder / "tlsfront.conf"
        self.control = self.folder / "control.sock"
        chain, key = self.folder / "chain.pem", self.folder / "key.pem"
        shutil.copy(pki.mail.chain, chain)
        shutil.copy(pki.mail.key, key)
        if owner.ids:
            for path in (self.folder, key):
                os.chown(path, owner.ids["user"], owner.ids["group"])
        self.blocks = {
            "global": {"user": b"nobody", "control": quoted(self.control),
                       "state": quoted(self.folder / "state")},
            "certificate": {"chain": quoted(chain), "key": quoted(key)},
            "route": {"listen": b'"127.0.0.1:%d"' % self.port, "protocol": b"tcp",
                      "certificate": b"mail", "upstream": b'"127.0.0.1:%d"' % upstream},
            "server_name": {"max-connections": b"100"}}

    def block(self, scope, key=None, value=None):
        keys = dict(self.blocks[scope])
        if key == "challenges":
            keys = {"listen": keys["listen"], "protocol": b"acme"}
        if key:
            keys[key] = value
        return b"".join(b"%s = %s\n" % (k.encode(), v) for k, v in keys.items())

    def write(self, scope=None, key=None, value=None):
        """The good one, with this in the place of what `scope` had for `key`. A block of a name is there
        for its own keys only: not all routes may have one."""
        odd = {one: self.block(one, *((key, value) if one == scope else ())) for one in self.blocks}
        name = b"server-name a.example {\n" + odd["server_name"] + b"}\n" if scope == "server_name" else b""
        self.file.write_bytes(odd["global"] + b"certificate mail {\n" + odd["certificate"] +
                              b"}\nroute r {\n" + odd["route"] + name + b"}\n")

    def write_all(self, scope, key, names):
        """The good one, and a further block for each of these values."""
        self.write()
        with open(self.file, "ab") as file:
            for number, name in enumerate(names):
                odd = self.block(scope, key, ODD[name])
                if scope == "server_name":
                    odd = self.block("route") + b"server-name a.example {\n%s}\n" % odd
                file.write(b"%s odd%d {\n%s}\n" % (
                    b"route" if scope == "server_name" else scope.encode(), number, odd))

    def command(self, binary, command):
        return subprocess.run([binary, command, "-c", self.file], capture_output=True, timeout=60,
                              check=False, **self.owner.ids)

    def reload(self):
        """As the command does it; without one, for speed."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(60)
            caller.connect(str(self.control))
            caller.sendall(b"reload\n")
            with caller.makefile("rb") as answer:
                status, text = answer.readline(), answer.read()
        return int(status), text


def quoted(path):
    return b'"%s"' % bytes(path)


@pytest.fixture(scope="module", params=[Owner("root", 0), Owner("nobody", 65534)],
                ids=lambda owner: owner.name)
def base(run, pki, module_toys, request):
    return Base(run, pki, module_toys(toy.echo).port, request.param)


def assert_text(output, what):
    """Fit for a terminal."""
    assert re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", output) is None, f"{what}: {output!r}"
    output.decode("utf-8")


def assert_told(base, output, what):
    """A cause and a cure for each finding, and the place of one at least."""
    assert_text(output, what)
    found = re.findall(rb"^(.*?): error: (.*)\n(    cure: .*)?", output, re.MULTILINE)
    assert found and all(cause and cure for _, cause, cure in found), f"{what}: {output!r}"
    assert any(place.startswith(bytes(base.file) + b":") for place, _, _ in found), f"{what}: {found}"


def assert_told_or_taken(base, binary, what):
    done = base.command(binary, "check")
    assert_text(done.stdout + done.stderr, what)
    if done.returncode == 0:
        return
    for command in ("check", "run"):
        done = done if command == "check" else base.command(binary, command)
        assert done.returncode == STATUS_CONFIG_WRONG, f"{command}, {what}: {done}"
        assert_told(base, done.stderr, f"{command}, {what}")


def each_key(test):
    return pytest.mark.parametrize("scope, key", KEYS, ids=[f"{s}.{k}" for s, k in KEYS])(test)


@each_key
def test_what_is_odd_is_told_or_works(binary, base, scope, key):
    alone = SPOILING if scope != "global" else ODD
    for name in alone:
        base.write(scope, key, ODD[name])
        assert_told_or_taken(base, binary, f"{key} = {name}")
    if scope != "global":
        base.write_all(scope, key, [name for name in ODD if name not in alone])
        assert_told_or_taken(base, binary, key)


@pytest.fixture(scope="module")
def front(fronts, base):
    """A daemon that is told odd things."""
    this = fronts.new(before_exec=base.owner.become)
    this.file = base.file
    base.write()
    return this.start()


@each_key
def test_a_running_daemon_lives_through_what_is_odd(front, base, pki, scope, key):
    """Told by the control socket and by the signal; its sessions go on, and newcomers are served."""
    base.write()
    assert base.reload()[0] == 0
    with tls.TlsClient(base.port, tls.context(pki)) as session:
        for name, value in ODD.items():
            base.write(scope, key, value)
            status, text = base.reload()
            assert_text(text, f"{key} = {name}")
            assert status in (0, 1, STATUS_CONFIG_WRONG), f"{key} = {name}: {text!r}"
            if status == STATUS_CONFIG_WRONG:
                assert_told(base, text, f"{key} = {name}")
            front.send(signal.SIGHUP)
        session.send(b"still here")
        assert session.read_exactly(10) == b"still here"
    base.write()
    status, text = base.reload()
    assert status == 0, text
    with tls.TlsClient(base.port, tls.context(pki)) as client:
        client.send(b"newcomer")
        assert client.read_exactly(8) == b"newcomer"
