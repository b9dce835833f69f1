"""What the documents print, works: configurations are accepted, command lines do what is said of them.

All of it runs where the default paths are the test's own: a mount namespace with folders of the run in
the place of /etc, /run, /var/lib and /var/log.
"""

import re
import shlex
import shutil
import subprocess

import pytest

from clients.plain import PlainClient
from harness.config import route
from harness.keys import p7b
from harness.tree import TREE
from harness.wait import wait_until
from servers import toy

DOCUMENTS = [TREE / "README.md", *sorted((TREE / "docs").rglob("*.md")),
             *sorted((TREE / "docs").glob("*.scd"))]
STUNNEL = "cert = /etc/stunnel/mail.pem\n[pop3s]\naccept = 995\nconnect = 110\n"
NAMES = ("mail.example.org", "pop.example.org", "smtp.example.org")

OVER = 'for place in etc run var/lib var/log; do mount --bind "$1/$place" "/$place"; done; shift; exec "$@"'


def blocks(document):
    """The examples of a document; in a manual's source the backslashes of other examples are doubled."""
    text = document.read_text()
    return re.findall(r"^ *```[a-z]*\n(.*?)^ *```", text.replace("\\\\", "\\") if document.suffix == ".scd"
                      else text, re.DOTALL | re.MULTILINE)


def lines(document):
    """Shell commands, each whole."""
    for block in blocks(document):
        joined = re.sub(r"\|\n\s*", "| ", re.sub(r"\\\n\s*", " ", block))
        yield from (line.strip() for line in joined.splitlines()
                    if re.match(r"\s*(tlsfront|journalctl) ", line))


def configurations(document):
    return [block for block in blocks(document) if re.search(r"^certificate \w+ \{", block, re.MULTILINE)
            and re.search(r"^route \w+ \{", block, re.MULTILINE)]


class Machine:
    """One where these are ours, with a user for the workers and a log to read."""

    def __init__(self, run, pki, binary, name):
        self.pki, self.folder = pki, run.make_folder(name)
        self.etc, self.state = self.folder / "etc", self.folder / "var" / "lib" / "tlsfront"
        shutil.copytree("/etc", self.etc, symlinks=True)
        for place in ("run", "var/lib", "var/log/tlsfront", "bin", "work", "etc/tlsfront"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        with open(self.etc / "passwd", "a", encoding="ascii") as users:
            users.write("tlsfront:x:64990:64990::/:/usr/sbin/nologin\n")
        with open(self.etc / "group", "a", encoding="ascii") as groups:
            groups.write("tlsfront:x:64990:\n")
        self.log = self.folder / "tlsfront.log"
        self.tool("tlsfront", f'exec "{binary}" "$@"')
        # tests/service/ has the real one, which picks by fields.
        self.tool("journalctl", 'case "$*" in "-u tlsfront -o cat" | "-u tlsfront "*TLSFRONT_*=*) ;; *) exit 1 ;; esac; '
                                f'cat "{self.log}"')
        self.tool("systemctl", '[ "$*" = "start tlsfront" ]')  # tests/package/ has the real one
        self.wrapper = ("unshare", "--mount", "sh", "-ec", OVER, "sh", self.folder)

    def tool(self, name, text):
        file = self.folder / "bin" / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def shell(self, line, *, inside=None, text=None):
        """Run a line, as whoever sits at this machine."""
        place = ("nsenter", "-t", str(inside), "--mount") if inside else self.wrapper
        script = f'set -o pipefail; PATH="{self.folder}/bin:$PATH"; cd "{self.folder}/work"; {line}'
        return subprocess.run([*map(str, place), "bash", "-c", script], input=text, text=True,
                              capture_output=True, timeout=60, check=False)

    def place(self, path):
        """Where a path of a command or a configuration lies."""
        return self.folder / path[1:] if path.startswith("/") else self.folder / "work" / path

    def make(self, path, kind):
        """A file that a configuration or a command names."""
        file, pki = self.place(path), self.pki
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        chain, key = pki.mail.chain.read_bytes(), pki.mail.key.read_bytes()
        file.write_bytes({"chain": chain + key, "key": key, "client-crl": pki.crl.read_bytes(),
                          "client-ca": pki.people.certificate.read_bytes(), "ticket-key": b"k" * 48}[kind])

    def configure(self, text):
        (self.etc / "tlsfront" / "tlsfront.conf").write_text(text)

    def answer(self, words):
        """The authority's answer to the request that waits, in the files that a command names."""
        leaf = self.folder / "answer.pem"
        self.pki.intermediate.answer(self.state / "mail" / "request.csr", leaf, NAMES)
        p7b(self.folder / "answer.p7b", leaf, self.pki.intermediate.certificate)
        for word in words:
            source = {"answer.p7b": self.folder / "answer.p7b",
                      "intermediate.crt": self.pki.intermediate.certificate}.get(word, leaf)
            shutil.copy(source, self.place(word))


@pytest.fixture(scope="module")
def machine(run, pki, binary):
    return Machine(run, pki, binary, "documents-machine")


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if configurations(one)],
                         ids=lambda one: one.name)
def test_documented_configurations_are_accepted(machine, document):
    for text in configurations(document):
        for kind, value in re.findall(r"^ *(chain|key|client-ca|client-crl|ticket-key) *= *([^#\n]+)", text,
                                      re.MULTILINE):
            for path in re.findall(r'"([^"]+)"', value):
                machine.make(path, kind)
        machine.configure(text)
        for name in re.findall(r"^certificate ([\w-]+) \{ *\}", text, re.MULTILINE):
            if not (machine.state / name).exists():
                machine.shell(f"tlsfront key self-signed {name} --host {name}.example.org")
        done = machine.shell("tlsfront check")
        assert " error: " not in done.stderr, done.stderr
        assert done.returncode == 0, done


# ---- command lines ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(machine, run, module_toys, fronts):
    """The machine with a daemon, whose log has something of each kind that is searched for."""
    port = run.port()
    machine.configure("certificate mail { }\n" +
                      route("imap", port, module_toys(toy.greeter(b"* OK ready\r\n")).port, protocol="imap",
                            tls="optional", plaintext_login="allow"))
    done = machine.shell("tlsfront key self-signed mail --host mail.example.org")
    assert done.returncode == 0, done.stderr
    shutil.copytree(machine.state, machine.folder / "saved")
    process = run.start("documents", [*machine.wrapper, machine.folder / "bin" / "tlsfront", "run"],
                        log=machine.log)
    wait_until(lambda: "event=started" in machine.log.read_text(), "the daemon")
    for end in (PlainClient.close, PlainClient.reset):
        client = PlainClient(port)
        client.read_until(b"ready\r\n")
        client.command(b"a NOOP")
        end(client)
    wait_until(lambda: machine.log.read_text().count("event=end") == 2, "both ends")
    yield process
    process.stop()


def run_line(machine, process, line):
    """With what stands for the reader's own in its place."""
    line = line.replace("FILE...", "answer.p7b")
    line = line.replace("id=daf8c931-2", re.search(r"\bid=\S+", machine.log.read_text())[0])
    words = shlex.split(line, comments=True)
    files = [word for word in words[4:] if word.endswith((".pem", ".crt", ".p7b"))]
    if words[:3] == ["tlsfront", "key", "install"]:
        machine.answer(files)
    elif words[:3] == ["tlsfront", "key", "import"]:
        for word in files:
            machine.make(word, "key" if "key" in word else "chain")
    elif words[:3] == ["tlsfront", "import", "stunnel"]:
        machine.make("/etc/stunnel/mail.pem", "chain")
        machine.place(words[3]).write_text(STUNNEL)
    return machine.shell(line, inside=process.pid)


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if any(lines(one))],
                         ids=lambda one: one.name)
def test_documented_command_lines_do_what_is_said(machine, running, document):
    shutil.rmtree(machine.state)
    shutil.copytree(machine.folder / "saved", machine.state)
    for line in lines(document):
        done = run_line(machine, running, line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        assert done.stdout or ">" in line, f"{line}: it says nothing"
