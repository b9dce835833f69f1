"""What docs/comparison.md says of tlsfront and of the peers, as the Debian packages here have them.

Every daemon serves the same certificate on a port of 127.0.0.1 before the same server. A row is a trial
of one thing; the sets say who passes it.
"""

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients import tls
from harness import process
from harness.config import route
from harness.pki import openssl
from harness.wait import wait_until

PEERS = ("tlsfront", "stunnel", "hitch", "haproxy", "nginx")
DOCUMENT = Path(__file__).parents[3] / "docs" / "comparison.md"
GREETING = b"* OK upstream\r\n"

HEADS = {
    "stunnel": "foreground = yes\npid =\nsyslog = no\ndebug = notice\n",
    "hitch": 'user = "nobody"\nlog-level = 2\n',
    "haproxy": "global\n  user nobody\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n"
               "  timeout server 1m\n",
    "nginx": "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\nuser nobody nogroup;\n"
             "pid PLACE/comparison.pid;\nerror_log stderr notice;\nworker_processes 1;\nevents { }\n",
}
BODIES = {
    "stunnel": "[s]\naccept = 127.0.0.1:PORT\nconnect = 127.0.0.1:UPSTREAM\ncert = PEM\n",
    "hitch": 'frontend = "[127.0.0.1]:PORT"\nbackend = "[127.0.0.1]:UPSTREAM"\npem-file = "PEM"\nworkers = 1\n',
    "haproxy": "listen s\n  bind 127.0.0.1:PORT ssl crt PEM\n  server u 127.0.0.1:UPSTREAM\n",
    "nginx": "stream { server { listen 127.0.0.1:PORT ssl; proxy_pass 127.0.0.1:UPSTREAM;\n"
             "ssl_certificate PEM; ssl_certificate_key PEM; } }\n",
}
COMMANDS = {
    "stunnel": lambda file: ["stunnel4", file],
    "hitch": lambda file: ["hitch", f"--config={file}"],
    "haproxy": lambda file: ["haproxy", "-W", "-db", "-f", file],
    "nginx": lambda file: ["nginx", "-c", file],
}
CHECKS = {
    "hitch": lambda file: ["hitch", "-t", f"--config={file}"],
    "haproxy": lambda file: ["haproxy", "-c", "-f", file],
    "nginx": lambda file: ["nginx", "-t", "-c", file],
}
RELOADS = dict.fromkeys(PEERS, signal.SIGHUP) | {"haproxy": signal.SIGUSR2}


def echo(connection):
    connection.sendall(GREETING)
    while data := connection.recv(4096):
        connection.sendall(data)


class Daemon:
    """One of the five. `edit` changes its configuration."""

    def __init__(self, name, run, fronts, place, upstream):
        self.name, self.run, self.fronts, self.place = name, run, fronts, place
        self.upstream, self.port = upstream, run.port()
        self.file = place / f"comparison-{name}-{self.port}.conf"
        self.log = place / f"comparison-{name}-{self.port}.log"
        self.process = None

    def text(self, pem, body=None):
        made = HEADS[self.name] + (body or BODIES[self.name])
        for word, value in (("PORT", self.port), ("UPSTREAM", self.upstream), ("PEM", self.place / pem),
                            ("PLACE", self.place)):
            made = made.replace(word, str(value))
        return made

    def blocks(self, pem):
        return (f'certificate mail {{ chain = "{self.place / pem}" }}\n',
                route("s", self.port, self.upstream, protocol="imap"))

    def configure(self, pem="mail.pem", body=None):
        if self.name == "tlsfront":
            self.front.write(*self.blocks(pem))
        else:
            self.file.write_text(self.text(pem, body))

    def spoil(self):
        """A mistake in the last line."""
        file = self.front.file if self.name == "tlsfront" else self.file
        file.write_text(file.read_text() + {"nginx": "nonsense;\n"}.get(self.name, "nonsense nonsense\n"))

    @contextmanager
    def serving(self, pem="mail.pem", body=None):
        if self.name == "tlsfront":
            self.front = self.fronts.new(*self.blocks(pem)).start()
            self.process, self.log = self.front.process, self.front.log_file()
        else:
            self.configure(pem, body)
            self.process = process.Process(self.name, COMMANDS[self.name](self.file), self.log,
                                           cwd=self.place)
        try:
            wait_until(lambda: not self.process.running() or tls.listens(self.port),
                       f"{self.name} to serve")
            assert self.process.running(), self.process.text()
            if self.name == "haproxy":  # before that, the signal of a reload would end it
                wait_until(lambda: "Loading success" in self.process.text(), "haproxy's master")
            yield self
        finally:
            if self.name == "tlsfront":
                self.front.terminate()
            else:
                self.process.stop()

    def client(self, pki, **options):
        settings = tls.context(pki, **options)
        settings.check_hostname = False
        return tls.TlsClient(self.port, settings, sni=None)

    def serial(self, pki):
        with self.client(pki) as client:
            return client.tls.getpeercert()["serialNumber"]

    def reload(self):
        """haproxy's master drops a signal that comes early, so it is said until it is heard."""
        size = self.log.stat().st_size

        for _ in range(15):
            self.process.send(RELOADS[self.name])
            try:
                return wait_until(lambda: self.log.stat().st_size > size, "a word", timeout=1)
            except AssertionError:
                continue
        raise AssertionError(f"{self.name} does not reload")

    def check(self):
        if self.name == "tlsfront":
            return self.front.check()
        if self.name not in CHECKS:
            return None
        return subprocess.run([str(word) for word in CHECKS[self.name](self.file)], capture_output=True,
                              text=True, timeout=60, check=False, cwd=self.place)


@pytest.fixture
def make(run, fronts, place, toys):
    def daemon(name, upstream=None):
        return Daemon(name, run, fronts, place, toys(echo).port if upstream is None else upstream)
    return daemon


def owners_of(client):
    """The processes that hold the far end of a client's connection."""
    ours, theirs = client.socket.getsockname()[1], client.socket.getpeername()[1]
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{theirs:04X}") and fields[2].endswith(f":{ours:04X}"):
            inodes.add(f"socket:[{fields[9]}]")
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        if inodes & set(open_files(pid)):
            found.append(pid)
    assert found, "nobody has the client's connection"
    return found


def open_files(pid):
    try:
        return [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


def scalar(key):
    """The private number of an EC key, as libraries keep it: either end first."""
    text = openssl("ec", "-in", key, "-noout", "-text")
    digits = re.search(r"priv:\s*((?:[0-9a-f]{2}:?\s*)+)", text)[1]
    number = bytes.fromhex(re.sub(r"[^0-9a-f]", "", digits))[-32:]
    return number, number[::-1]


# ---- the trials ----


def refusal_is_read(daemon, pki, run):
    with daemon.serving(), daemon.client(pki) as client:
        return client.read_all() != b""


def renewed(daemon, pki, before):
    """Newcomers may fall while a peer reloads; here it is about those who are there."""
    try:
        return daemon.serial(pki) != before
    except OSError:
        return False


def session_survives_a_reload(daemon, pki, run):
    with daemon.serving():
        before = daemon.serial(pki)
        with daemon.client(pki) as client:
            client.read_until(b"\n")
            daemon.configure("news.pem")
            daemon.reload()
            wait_until(lambda: renewed(daemon, pki, before), f"{daemon.name} to serve the new certificate")
            return client.command(b"still here\n", b"\n") == b"still here\n"


def mistake_is_survived(daemon, pki, run):
    with daemon.serving():
        before = daemon.serial(pki)
        daemon.spoil()
        daemon.reload()
        return daemon.serial(pki) == before


def mistake_is_named(daemon, pki, run):
    with daemon.serving():
        daemon.spoil()
        file = daemon.front.file if daemon.name == "tlsfront" else daemon.file
        line = file.read_text().count("\n")
        done = daemon.check()
        return done is not None and done.returncode != 0 and \
            re.search(rf"[: ]{line}\b", done.stdout + done.stderr) is not None


def expired_certificate_is_refused(daemon, pki, run):
    daemon.front = daemon.fronts.new() if daemon.name == "tlsfront" else None
    daemon.configure("expired.pem")
    done = daemon.check()
    return done is not None and done.returncode != 0


def key_is_elsewhere(daemon, pki, run):
    needles = scalar(daemon.place / "mail.key")
    with daemon.serving(), daemon.client(pki) as client:
        client.read_until(b"\n")
        return not any(process.memory_holds(pid, needles) for pid in owners_of(client))


def client_side_is_filtered(daemon, pki, run):
    with daemon.serving(), daemon.client(pki) as client:
        client.read_until(b"\n")
        return all(process.status_field(pid, "Seccomp") == ["2"] for pid in owners_of(client))


def tls_1_3_by_default(daemon, pki, run):
    with daemon.serving(), daemon.client(pki) as client:
        return client.tls.version() == "TLSv1.3"


TRIALS = {
    "refusal": (refusal_is_read, {"tlsfront"}),
    "reload-keeps-sessions": (session_survives_a_reload, set(PEERS)),
    "reload-survives-a-mistake": (mistake_is_survived, set(PEERS)),
    "check-names-the-line": (mistake_is_named, {"tlsfront", "hitch", "haproxy", "nginx"}),
    "check-refuses-an-expired-certificate": (expired_certificate_is_refused, {"tlsfront"}),
    "key-is-elsewhere": (key_is_elsewhere, {"tlsfront"}),
    "seccomp": (client_side_is_filtered, {"tlsfront"}),
    "tls-1.3-by-default": (tls_1_3_by_default, {"tlsfront", "stunnel", "hitch", "haproxy"}),
}


@pytest.fixture(autouse=True)
def expired(place, pki):
    file = place / "expired.pem"
    if not file.exists():
        file.write_bytes(pki.expired.chain.read_bytes() + pki.expired.key.read_bytes())
        file.chmod(0o600)


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("trial", TRIALS)
def test_the_comparison_holds(make, pki, run, memory_factor, trial, name):
    if name == "tlsfront" and trial in ("seccomp", "key-is-elsewhere") and memory_factor > 1:
        pytest.skip("sanitized daemons have no sandbox, and too much memory to be searched")
    attempt, passes = TRIALS[trial]
    upstream = run.port() if trial == "refusal" else None
    assert attempt(make(name, upstream), pki, run) == (name in passes)


def test_the_document_says_the_same():
    """Each row that names a trial has a yes where it passes."""
    rows = re.findall(r"^\| [^|]+ \|(.*)\| `-k ([a-z0-9.-]+)` \|$", DOCUMENT.read_text(), re.M)
    assert [name for _, name in rows] == list(TRIALS)
    for cells, name in rows:
        said = {peer for peer, cell in zip(PEERS, cells.split("|"), strict=True) if cell.strip() == "yes"}
        assert said == TRIALS[name][1], name
