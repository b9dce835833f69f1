"""Private keys are in the signers and nowhere near a client's bytes (key-isolation)."""

import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from clients import tls
from harness.config import route
from harness.pki import openssl
from harness.process import memory_holds, status_field
from harness.wait import wait_until
from servers import toy


def secrets_of(key):
    """What only the private key has, in the forms that programs keep it in."""
    text = openssl("pkey", "-in", key, "-noout", "-text")
    needles = []
    for name in ("priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2"):
        found = re.search(rf"^{name}:\n((?: +[0-9a-f:]+\n)+)", text, re.MULTILINE)
        if found:
            number = bytes.fromhex(re.sub(r"[\s:]", "", found[1])).lstrip(b"\0")
            needles += [number, number[::-1]]
    lines = key.read_text().splitlines()
    needles.append(lines[len(lines) // 2].encode())
    assert len(needles) in (3, 11)
    return needles


@pytest.fixture
def searchable(memory_factor):
    if memory_factor != 1:
        pytest.skip("a sanitizer's shadow is too large to be searched, and keeps what was freed")


@pytest.fixture
def serve(fronts, run, pki, toys):
    """Starts a daemon before an echo: (front, a function that has it serve somebody)."""
    def start(certificate=None, **options):
        port, shown = run.port(), certificate or pki.mail
        front = fronts.start(shown.block(),
                             route("echo", port, toys(toy.echo).port, certificate=(shown.name,)),
                             **options)

        def served(version=None):
            with tls.TlsClient(port, tls.context(pki, version)) as client:
                return tls.says(client)
        served.port = port
        return front, served
    return start


@pytest.mark.usefixtures("searchable")
@pytest.mark.parametrize("kind", ["mail", "mail_rsa"])
def test_a_worker_never_has_the_key(serve, pki, kind):
    certificate = getattr(pki, kind)
    front, served = serve(certificate)
    for version in "1.2", "1.3":
        for _ in range(4):
            assert served(version)
    needles = secrets_of(certificate.key)
    for pid in front.workers():
        assert not memory_holds(pid, needles)
    for pid in front.processes("signer"):
        assert memory_holds(pid, needles), "the search finds nothing"


@pytest.mark.usefixtures("searchable")
def test_a_key_that_stands_in_the_chain_file_is_kept_from_workers_too(serve, pki, run):
    both = run.folder / "both.pem"
    both.write_text(pki.mail.key.read_text() + pki.mail.chain.read_text())
    both.chmod(0o600)
    front, served = serve()
    front.write(f"certificate mail {{ chain = {both} }}\n",
                front.file.read_text().split("}\n", 1)[1])
    assert front.reload().returncode == 0
    assert served()
    needles = secrets_of(pki.mail.key)
    for pid in front.workers():
        assert not memory_holds(pid, needles)


@pytest.mark.usefixtures("searchable")
def test_without_isolation_workers_have_it_and_there_is_no_signer(serve, pki):
    front, served = serve(key_isolation="off")
    assert served()
    assert front.processes("signer") == [] == front.status()["signers"]
    assert any(memory_holds(pid, secrets_of(pki.mail.key)) for pid in front.workers())


def test_a_signer_has_no_privileges_and_no_descriptors_to_the_world(serve):
    front, served = serve()
    assert served()
    for pid in front.processes("signer"):
        assert status_field(pid, "Uid")[0] != "0"
        assert status_field(pid, "NoNewPrivs") == ["1"]
        assert int(status_field(pid, "CapEff")[0], 16) == 0
        kinds = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        assert sum(kind.startswith("socket:") for kind in kinds) == 2  # supervisor, worker
        unix = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines()[1:]}
        assert all(kind[8:-1] in unix for kind in kinds if kind.startswith("socket:"))


def test_the_status_tells_each_signer(serve):
    front, served = serve()
    assert served()
    told = front.status()["signers"]
    assert sorted(one["pid"] for one in told) == sorted(front.processes("signer"))
    assert [(one["index"], one["state"], one["restarts"]) for one in told] == \
        [(0, "running", 0), (1, "running", 0)]
    text = front.command("status", "-c", front.file).stdout
    assert len(re.findall(r"^signer \d: pid \d+, 0 restarts, sandbox ", text, re.MULTILINE)) == 2


def test_a_signer_that_dies_costs_no_handshake(serve):
    front, served = serve()
    done, wrong, stop = [], [], threading.Event()

    def clients():
        while not stop.is_set():
            try:
                assert served()
                done.append(1)
            except (OSError, AssertionError) as error:
                wrong.append(repr(error))
    threads = [threading.Thread(target=clients) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(1, 4):
        victims = front.processes("signer")
        seen = len(done)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(front.processes("signer")) == 2
                   and not set(front.processes("signer")) & set(victims), "other signers")
        wait_until(lambda: len(done) > seen + 20, "clients to be served")
        assert len(front.log("signer-died")) == 2 * round_
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(front.workers()) == 2 and front.log("worker-died") == []


def test_a_worker_that_could_not_open_the_way_to_its_signer_gets_another(serve):
    front, served = serve(workers=1)
    assert served()
    worker, = front.workers()

    def limit_files(number):
        subprocess.run(["prlimit", f"--pid={worker}", f"--nofile={number}:"], check=True,
                       user="nobody", group="nogroup", extra_groups=[])

    limit_files(4)
    os.kill(front.processes("signer")[0], signal.SIGKILL)
    assert "signer" in front.wait_for_log("out-of-descriptors")["msg"]
    limit_files(200)
    assert served()
    assert front.workers() == [worker]


def test_a_signer_that_stands_still_delays_only_new_handshakes(serve, pki):
    front, served = serve()
    client = tls.TlsClient(served.port, tls.context(pki))
    victims = front.processes("signer")
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    waiting = threading.Thread(target=served)
    waiting.start()
    for _ in range(5):
        assert tls.says(client)
    for pid in victims:
        os.kill(pid, signal.SIGCONT)
    waiting.join(10)
    assert not waiting.is_alive()
    client.close()


def test_a_signer_that_does_not_answer_is_our_fault_in_the_log(fronts, run, pki, toys):
    port = run.port()
    front = fronts.start(pki.mail.block(),
                         route("echo", port, toys(toy.echo).port, handshake_timeout="4s"))
    for pid in front.processes("signer"):
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(OSError):
            tls.TlsClient(port, tls.context(pki)).handshake()
        line = front.wait_for_log("end", fault="tlsfront")
    finally:
        for pid in front.processes("signer"):
            os.kill(pid, signal.SIGCONT)
    assert line["end"] == "the signer did not sign in time" and line["stage"] == "handshake"


class Renewed:
    """A daemon for POP3 with STARTTLS, whose certificate and key are replaced while it runs."""

    def __init__(self, fronts, run, pki, upstream):
        self.pki, self.port = pki, run.port()
        self.where = route("pop", self.port, upstream, protocol="pop3", tls="required",
                           upgrade_timeout="1m")
        self.front = fronts.start(pki.mail.block(), self.where)

    def connect(self):
        """Somebody in clear."""
        client = socket.create_connection(("127.0.0.1", self.port))
        client.settimeout(10)
        assert client.recv(1000).startswith(b"+OK")
        return client

    def renew(self, reloads=1, **options):
        for _ in range(reloads):
            self.front.write(self.pki.renewed.block().replace("renewed", "mail", 1), self.where,
                             **options)
            done = self.front.reload()
            assert done.returncode == 0, done.stderr

    def upgrade(self, client):
        """Its session begins TLS at last: the certificate that it is shown."""
        client.sendall(b"STLS\r\n")
        assert client.recv(1000).startswith(b"+OK")
        with tls.context(self.pki).wrap_socket(client,
                                               server_hostname="mail.example.test") as upgraded:
            return upgraded.getpeercert(True)


@pytest.fixture
def renewed(fronts, run, pki, toys):
    return Renewed(fronts, run, pki, toys(toy.greeter(b"+OK hello\r\n")).port)


@pytest.mark.parametrize("reloads", [1, 2, 4])
def test_a_new_key_signs_after_a_reload_and_the_old_one_for_who_began_before(renewed, pki, reloads):
    with renewed.connect() as early:
        renewed.renew(reloads)
        assert renewed.upgrade(early) == pki.mail.der()
    with renewed.connect() as late:
        assert renewed.upgrade(late) == pki.renewed.der()


def test_the_sessions_of_workers_that_retire_are_signed_for_to_their_end(renewed, pki):
    early = [renewed.connect() for _ in range(30)]
    renewed.renew(workers=1)
    renewed.renew(3, workers=1)
    assert len(renewed.front.workers()) == 2
    for client in early:
        with client:
            assert renewed.upgrade(client) == pki.mail.der()


def test_the_successor_of_a_signer_has_the_keys_that_sessions_hold(renewed, pki):
    with renewed.connect() as early:
        renewed.renew(3)
        before = renewed.front.processes("signer")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(renewed.front.processes("signer")) - set(before)) == 2,
                   "other signers")
        assert renewed.upgrade(early) == pki.mail.der()


def test_sessions_of_before_are_signed_for_when_isolation_has_ended(renewed, pki):
    with renewed.connect() as early:
        renewed.renew(3, key_isolation="off")
        assert renewed.upgrade(early) == pki.mail.der()


@pytest.mark.usefixtures("searchable")
def test_a_key_is_forgotten_that_no_session_holds_any_more(renewed, pki):
    front, needles = renewed.front, secrets_of(pki.mail.key)

    def old_key_is_there():
        return any(memory_holds(pid, needles) for pid in front.processes("signer"))
    with renewed.connect():
        renewed.renew(3)
        assert old_key_is_there()

    def forgotten():
        renewed.renew()
        return not old_key_is_there()
    wait_until(forgotten, "a reload after the worker has said so", 30)


@pytest.mark.parametrize("before, after", [("on", "off"), ("off", "on")])
def test_it_can_be_changed_while_the_daemon_runs(serve, pki, before, after):
    front, served = serve(key_isolation=before)
    assert served()
    text = front.file.read_text()
    front.file.write_text(text.replace(f'key-isolation = "{before}"', f'key-isolation = "{after}"'))
    assert front.reload().returncode == 0
    assert served()
    if after == "on":
        wait_until(lambda: len(front.processes("signer")) == 2, "signers")
        assert served()


def test_more_and_fewer_workers_have_as_many_signers(serve):
    front, served = serve(workers=1)
    for count in (3, 1, 2):
        text = re.sub(r"workers = \d", f"workers = {count}", front.file.read_text())
        front.file.write_text(text)
        assert front.reload().returncode == 0
        wait_until(lambda: len(front.processes("signer")) == count == len(front.workers()),
                   f"{count} pairs")
        for _ in range(6):
            assert served()


def test_called_by_hand_it_is_wrong_usage(binary):
    done = subprocess.run([binary, "signer", "0"], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    assert done.returncode == 2
