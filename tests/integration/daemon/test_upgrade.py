"""Upgrades: another binary under the same pid, no connection lost, and back where it does not come up."""

import contextlib
import errno
import http.client
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest

from clients import plain, tls
from clients.observer import Metrics, fetch
from harness import process
from harness.binary import own_binary
from harness.config import acme, route, server_name
from harness.daemon import STATUS_CONFIG_WRONG
from harness.load import Load
from harness.terminal import Terminal
from harness.wait import wait_until
from servers import toy

NUMBERS = itertools.count()


@pytest.fixture
def own(run, binary):
    """A binary to replace, and the daemons that run it; these have to end well."""
    mine, fronts = own_binary(run, binary, f"upgrade-{next(NUMBERS)}")
    mine.fronts = fronts
    yield mine
    fronts.finish()


@pytest.fixture
def echo(toys):
    return toys(toy.echo).port


def serve(own, run, pki, echo, **options):
    port = run.port()
    return own.fronts.start(pki.mail.block(), route("echo", port, echo), **options), port


def upgraded(own, front, **options):
    done = own.upgrade(front, **options)
    assert done.returncode == 0, done.stderr
    assert "has taken over from" in done.stdout
    return done


def serves(port, pki):
    with tls.TlsClient(port, tls.context(pki)) as client:
        return tls.says(client)


def is_refused(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def veterans(front, kind="workers"):
    return [one for one in front.status()[kind] if one["state"] == "retiring"]


def assert_goes_on(own, front, port, pki, before, why, status=1):
    """Refused, and everything is as it was."""
    done = own.upgrade(front)
    assert done.returncode == status, done.stderr
    assert why in done.stderr
    assert "goes on" in done.stderr
    assert front.status()["generation"] == before["generation"]
    assert [one["pid"] for one in front.status()["workers"]] == \
        [one["pid"] for one in before["workers"]]
    assert front.wait_for_log("upgrade-refused", level="error")
    assert serves(port, pki)
    return done


# ---- what goes on -------------------------------------------------------------------------------


def test_the_process_stays_and_everybody_else_is_another(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    before, family = front.status(), process.children(front.pid)
    own.replace()
    upgraded(own, front)
    after = front.status()
    assert after["pid"] == before["pid"] == front.pid
    assert after["started"] == before["started"]
    assert after["generation"] == before["generation"] + 1
    wait_until(lambda: not set(family) & set(process.children(front.pid)), "those of before to end")
    assert os.readlink(f"/proc/{front.pid}/exe") == str(own.path)
    assert serves(port, pki)
    assert front.wait_for_log("upgraded")


def shown_processes(observe, kind):
    shown = Metrics(observe).labels("process_resident_memory_bytes")
    return len([one for one in shown if one["process"] == kind])


def assert_veterans_are_shown(own, front, observe, version):
    """Where people and Prometheus look: each with its signer, and no series twice."""
    wait_until(lambda: len(veterans(front)) == len(veterans(front, "signers")) == 1,
               "the others of before to leave")
    (veteran,), (signer,) = veterans(front), veterans(front, "signers")
    screen = Terminal([own.path, "status", "-c", front.file], columns=132)
    try:
        lines = screen.finish().decode().splitlines()
    finally:
        screen.close()
    for kind, one in ("worker", veteran), ("signer", signer):
        line, = (line for line in lines if f" {one['pid']} " in line)
        assert line.startswith(f"{kind} {one['index']} ") and f"retiring, version {version}" in line
        assert f"retiring, version {version}, pid {one['pid']}" in fetch(observe, "/")[2]
    for kind in "worker", "signer":
        wait_until(lambda kind=kind: shown_processes(observe, kind) == len(front.processes(kind)),
                   f"every {kind} to be shown")


def test_versions_are_told(own, run, pki, echo):
    front, port = serve(own, run, pki, echo, observe=f"127.0.0.1:{(observe := run.port())}")
    first, second = own.version(), "9" * len(own.version())
    with tls.TlsClient(port, tls.context(pki)) as client:
        own.release(second)
        assert f"tlsfront {second} has taken over from {first}: " in upgraded(own, front).stdout
        assert front.status()["version"] == second
        assert {one["version"] for one in veterans(front)} == {first}
        text = front.command("status", "-c", front.file).stdout
        assert f"retiring, from before the upgrade from version {first}" in text
        assert_veterans_are_shown(own, front, observe, first)
        assert tls.says(client)
        own.replace()
        assert f"tlsfront {first} has taken over from " in upgraded(own, front).stdout
        assert tls.says(client)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_session_lives_on_and_its_worker_leaves_with_it(own, run, pki, echo, version):
    front, port = serve(own, run, pki, echo)
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        assert tls.says(client)
        for _ in range(3):
            upgraded(own, front)
            assert tls.says(client)
            wait_until(lambda: [one["connections"] for one in veterans(front)] == [1],
                       "the others of before to leave")
            assert serves(port, pki)
    wait_until(lambda: veterans(front) == [], "the worker of before to leave")


@pytest.mark.parametrize("isolation", ["on", "off"])
@pytest.mark.parametrize("mode", ["required", "optional"])
def test_a_client_turns_to_tls_after_the_upgrade(own, run, pki, toys, mode, isolation):
    """The handshake needs the key, which the signer of before still has."""
    upstream, port = toys(toy.greeter(b"+OK hello\r\n")).port, run.port()
    front = own.fronts.start(pki.mail.block(), route("mail", port, upstream, protocol="pop3", tls=mode),
                             key_isolation=isolation)
    with plain.PlainClient(port) as client:
        client.read_until(b"\r\n")
        upgraded(own, front)
        assert client.command(b"STLS").startswith(b"+OK")
        with client.secure(tls.context(pki)) as inside:
            assert inside.command(b"NOOP").startswith(b"+OK")
    wait_until(lambda: veterans(front) == [], "the worker of before to leave")


def test_a_handshake_that_has_begun_is_finished(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    hello = tls.TlsClient(port, tls.context(pki), handshake=False)
    try:
        hello.tls.do_handshake()
    except tls.ssl.SSLWantReadError:
        pass
    bytes_ = hello.outgoing.read()
    hello.socket.sendall(bytes_[:20])
    wait_until(lambda: front.active("echo") == 1, "the connection to be accepted")
    upgraded(own, front)
    hello.socket.sendall(bytes_[20:])
    with hello.handshake() as client:
        assert tls.says(client)


def test_what_is_half_closed_is_answered(own, run, pki, toys):
    received, port = [], run.port()
    upstream = toys(toy.collector(received, b"all of it")).port
    front = own.fronts.start(pki.mail.block(), route("echo", port, upstream))
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.send(b"first ")
        upgraded(own, front)
        client.send(b"second")
        client.close_notify()
        assert client.read_all() == b"all of it"
    assert received == [b"first second"]


def test_a_challenge_is_answered_to_who_had_begun_to_ask(own, run):
    tokens, port = run.make_folder("upgrade-tokens"), run.port()
    (tokens / "token").write_text("answer")
    front = own.fronts.start(acme("http", port, tokens))
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(b"GET /.well-known/acme-challenge/token HTTP/1.1\r\n")
        wait_until(lambda: front.active("http") == 1, "the connection to be accepted")
        upgraded(own, front)
        client.sendall(b"Host: mail.example.test\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"answer")


def test_tickets_of_before_are_taken_after(own, run, pki, echo, version):
    front, port = serve(own, run, pki, echo)
    settings = tls.context(pki, version)
    with tls.TlsClient(port, settings) as client:
        assert tls.says(client)
        session = client.tls.session
    upgraded(own, front)
    for _ in range(6):
        with tls.TlsClient(port, settings, session=session) as client:
            assert tls.says(client)
            assert client.tls.session_reused


def test_counters_go_on(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)

    def totals():
        one = front.route_status("echo")
        return (one["connections"]["accepted"], one["handshakes"]["completed"], one["bytes_in"])

    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        for number in range(1, 4):
            serves(port, pki)
            before = totals()
            upgraded(own, front)
            assert totals() == before
            assert front.active("echo") == 1
            assert tls.says(client)
            wait_until(lambda: totals()[2] > before[2], "what the session of before sends to count")
    wait_until(lambda: front.active("echo") == 0, "the session to end")
    assert totals()[0] == 4


class Watch:
    """Asks without a pause: no counter is to be less than it was, and the daemon always ready."""

    def __init__(self, at):
        self.at, self.fallen, self.unready, self.scrapes, self.over = at, [], [], 0, threading.Event()
        self.thread = threading.Thread(target=self.scrape)

    def scrape(self):
        before = {}
        while not self.over.is_set():
            try:
                now = daemon_counters(self.at)
                status, _, text = fetch(self.at, "/-/ready")
            except (OSError, http.client.HTTPException):
                continue  # its observer is on its way out: for Prometheus, too, the next one counts
            self.fallen += [(key, value, now.get(key)) for key, value in before.items() if now.get(key, -1) < value]
            before, self.scrapes = now, self.scrapes + 1
            self.unready += [text] if status != 200 else []

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def daemon_counters(at):
    """Those of single processes end with these."""
    return {key: value for key, value in Metrics(at).counters().items() if not key[0].startswith("process_")}


def test_no_metric_that_counts_falls_over_upgrades(own, run, pki, echo):
    port, at, dead = run.port(), run.port(), run.port()
    front = own.fronts.start(pki.mail.block(), route("echo", port, [f"127.0.0.1:{dead}", f"127.0.0.1:{echo}"], max_connections=3),
                             observe=f"127.0.0.1:{at}")

    def refused():
        """One beyond the limit; and one who does not shake hands."""
        with contextlib.suppress(OSError, AssertionError), tls.TlsClient(port, tls.context(pki)) as beyond:
            tls.says(beyond)
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(b"no hello\r\n")
            with contextlib.suppress(OSError):
                while client.recv(4096):
                    pass

    def ended():
        return Metrics(at).get("tlsfront_connection_ends_total", route="echo", stage="relay")

    with tls.TlsClient(port, tls.context(pki)) as first, Watch(at) as watch:
        assert tls.says(first)
        for number in range(1, 3):
            with tls.TlsClient(port, tls.context(pki)) as second, tls.TlsClient(port, tls.context(pki, "1.2")) as third:
                assert tls.says(second) and tls.says(third)
                refused()
                wait_until(lambda: front.route_status("echo")["connections"]["refused"] >= number, "the refusal to count")
                upgraded(own, front)
                assert tls.says(second) and tls.says(third) and tls.says(first)
            wait_until(lambda: ended() == 2 * number, "the ends of sessions of before to count")
            wait_until(lambda: Metrics(at).get("tlsfront_connections", route="echo") == 1, "the gauge to forget them")
            scraped = watch.scrapes
            wait_until(lambda: watch.scrapes > scraped + 2, "somebody to look")
    wait_until(lambda: ended() == 5, "the session of before both to count once")
    assert watch.fallen == [] and watch.unready == []
    seen, told = Metrics(at), front.route_status("echo")
    assert seen.get("tlsfront_connections_total", route="echo") == told["connections"]["accepted"]
    assert seen.get("tlsfront_handshakes_total", route="echo", version="TLSv1.2") == told["handshakes"]["tls1.2"] == 2
    assert seen.get("tlsfront_handshakes_total", route="echo", version="TLSv1.3") == told["handshakes"]["tls1.3"]
    assert seen.get("tlsfront_connections_refused_total", route="echo", reason="limit") == \
        told["connections"]["refused_by"]["limit"] >= 2
    assert seen.get("tlsfront_upstream_failures_total", route="echo", upstream=f"127.0.0.1:{dead}") > 0
    assert seen.get("tlsfront_handshake_seconds_count") == told["handshakes"]["completed"]
    assert sum(told["handshakes"]["groups"].values()) == told["handshakes"]["completed"]


class Askers:
    """Ask for the same page again and again, several at a time, and note what did not come."""

    def __init__(self, at, path):
        self.url, self.over = (at, path), threading.Event()
        self.answers, self.failures = 0, []
        self.threads = [threading.Thread(target=self.ask) for _ in range(3)]

    def ask(self):
        while not self.over.is_set():
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.url[0], timeout=30)) as asks:
                try:
                    asks.request("GET", self.url[1])
                    assert asks.getresponse().read()
                    self.answers += 1
                except (OSError, http.client.HTTPException, AssertionError) as failure:
                    self.failures.append(failure)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def test_who_asks_how_things_are_is_answered_over_upgrades(own, run, pki, echo):
    """By the observer that he has come to: each answer may wait for a second."""
    front, _ = serve(own, run, pki, echo, observe=f"127.0.0.1:{(at := run.port())}")
    with Askers(at, "/metrics") as askers:
        for _ in range(3):
            answered = askers.answers
            wait_until(lambda: askers.answers > answered, "an answer")
            upgraded(own, front)
        answered = askers.answers
        wait_until(lambda: askers.answers > answered + 3, "answers of the last one")
    assert askers.failures == []


def test_what_died_and_what_came_back_counts_on(own, run, pki, echo):
    """The old binary, to which an upgrade goes back, has its counts, too."""
    front, port = serve(own, run, pki, echo, observe=f"127.0.0.1:{(at := run.port())}")
    assert serves(port, pki)
    os.kill(front.workers()[0], signal.SIGKILL)
    wait_until(lambda: Metrics(at).get("tlsfront_worker_restarts_total") == 1, "the death to count")
    before = daemon_counters(at)
    upgraded(own, front)
    wait_until(lambda: daemon_counters(at) == before, "the counts of before")
    own.misbehave_after_exec("crashes")
    assert own.upgrade(front).returncode != 0
    own.replace()
    wait_until(lambda: daemon_counters(at) == before, "the counts of before")
    assert serves(port, pki)
    assert Metrics(at).get("tlsfront_connections_total", route="echo") == 2


def test_limits_count_the_sessions_of_before(own, run, pki, echo):
    port = run.port()
    front = own.fronts.start(pki.mail.block(), route("echo", port, echo, max_connections=2))
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        upgraded(own, front)
        with tls.TlsClient(port, tls.context(pki)) as second:
            assert tls.says(second)
            with pytest.raises((OSError, AssertionError, tls.ssl.SSLError)):
                with tls.TlsClient(port, tls.context(pki)) as third:
                    tls.says(third)
        assert tls.says(client)


def test_unix_sockets_and_the_log_go_on(own, run, pki, echo):
    path, log = run.folder / "upgrade.sock", run.folder / "upgrade.log"
    front = own.fronts.new(pki.mail.block(), route("echo", f"unix:{path}", echo), log=log)
    front.log_file = lambda: log
    front.start()
    upgraded(own, front)
    assert serves(path, pki)
    front.send(signal.SIGUSR1)
    assert front.wait_for_log("log-reopen")
    front.terminate()
    assert not path.exists()
    assert not (front.folder / "control.sock").exists()


def test_names_are_known_at_once(own, run, pki, echo):
    port = run.port()
    front = own.fronts.start(pki.mail.block(), route("echo", port, f"localhost:{echo}"))
    assert serves(port, pki)
    upgraded(own, front)
    assert serves(port, pki)
    assert front.status()["resolver"]["pid"]


def test_callers_who_have_not_said_anything_yet_are_answered(own, run, pki, echo):
    front, _ = serve(own, run, pki, echo)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(front.folder / "control.sock"))
        caller.settimeout(30)
        wait_until(lambda: front.status()["pid"] == front.pid, "the caller before us to be accepted")
        upgraded(own, front)
        caller.sendall(b"serving\n")
        assert caller.recv(4096).startswith(b"0\n")


def test_the_configuration_on_disk_is_taken_along(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    other = run.port()
    with tls.TlsClient(port, tls.context(pki)) as old:
        front.write(pki.mail.block(), route("other", other, echo), workers=3)
        upgraded(own, front)
        assert serves(other, pki)
        wait_until(lambda: is_refused(port), "the workers of before to stop listening")
        assert tls.says(old)
        assert len([one for one in front.status()["workers"] if one["state"] == "running"]) == 3


def test_who_observes_it_finds_it_where_it_was(own, run, pki, echo):
    front, port = serve(own, run, pki, echo, observe=f"127.0.0.1:{(observe := run.port())}")

    def healthy():
        with urllib.request.urlopen(f"http://127.0.0.1:{observe}/-/healthy", timeout=30) as answer:
            return answer.status == 200

    assert healthy()
    upgraded(own, front)
    wait_until(healthy, "the observer after the upgrade")
    assert serves(port, pki)
    assert len(front.processes("observer")) == 1


def test_what_balancers_are_told_goes_on(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    assert front.command("drain", "-c", front.file).returncode == 0
    upgraded(own, front)
    assert not front.status()["ready"]
    assert serves(port, pki)
    assert front.command("drain", "-c", front.file).returncode == 0
    upgraded(own, front)
    assert front.status()["ready"]


def test_reloads_go_on_after_it(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    with tls.TlsClient(port, tls.context(pki)) as old:
        upgraded(own, front)
        assert front.reload().returncode == 0
        front.write(pki.mail.block(), "nonsense\n")
        assert front.reload().returncode == STATUS_CONFIG_WRONG
        assert tls.says(old)
        assert serves(port, pki)


def test_a_daemon_of_an_ordinary_user_upgrades(own, run, pki, echo):
    port, folder = run.port(), run.make_folder("upgrade-ordinary")
    front = own.fronts.new(pki.mail.block(), route("echo", port, echo), control=folder / "c.sock")
    os.chown(folder, 65534, 65534)
    os.chown(front.folder, 65534, 65534)
    front.wrapper = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    readable = [pki.mail.chain, pki.mail.key]
    modes = [os.stat(path).st_mode & 0o777 for path in readable]
    try:
        for path in readable:
            os.chmod(path, 0o644)
        front.start_unchecked()
        with tls.TlsClient(port, tls.context(pki)) as client:
            upgraded(own, front)
            assert tls.says(client)
            assert serves(port, pki)
    finally:
        for path, mode in zip(readable, modes):
            os.chmod(path, mode)


# ---- the end ------------------------------------------------------------------------------------


def test_a_drain_waits_for_the_sessions_of_before(own, run, pki, echo):
    front, port = serve(own, run, pki, echo, drain_timeout="30s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        upgraded(own, front)
        front.send(signal.SIGTERM)
        wait_until(lambda: front.status()["state"] == "draining", "the drain")
        assert tls.says(client)
        done = own.upgrade(front)
        assert done.returncode == 1
        assert "the daemon is going down" in done.stderr
    front.verify_end(front.process.wait(30))


def test_a_second_signal_ends_the_sessions_of_before(own, run, pki, echo):
    front, port = serve(own, run, pki, echo, drain_timeout="30s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        upgraded(own, front)
        front.workers()
        front.send(signal.SIGTERM)
        wait_until(lambda: front.status()["state"] == "draining", "the drain")
        front.send(signal.SIGTERM)
        front.verify_end(front.process.wait(30))
        assert client.read_all() == b""


def test_a_worker_of_before_that_is_killed_is_not_replaced(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    with tls.TlsClient(port, tls.context(pki)) as client:
        upgraded(own, front)
        # The other one has nobody to wait for, and leaves at any moment.
        victim, = [one["pid"] for one in veterans(front) if one["connections"] == 1]
        os.kill(victim, signal.SIGKILL)
        client.read_all()
        assert client.transport in ("eof", "reset")
    wait_until(lambda: veterans(front) == [], "the worker to be gone")
    assert "nobody replaces it" in front.wait_for_log("worker-died")["msg"]
    assert front.active("echo") == 0
    assert serves(port, pki)


# ---- refused before anything is touched ---------------------------------------------------------


@pytest.mark.parametrize("text, why", [
    (b"\x00garbage" * 100, "is no program"),
    (b"", "is no program"),
    (b"\x7fELF and no more", "upgrade refused"),
    ("#!/no/such/shell\n", "cannot be executed"),
    ('fputs("I will not\\n", stderr); return 1;', "I will not"),
    ("return raise(SIGSEGV);", "killed by signal 11"),
    ('fputs("unrecognized option\\n", stderr); return 2;', "cannot take over from a running daemon"),
], ids=["garbage", "empty", "cut", "no-interpreter", "exits", "crashes", "older"])
def test_a_binary_that_does_not_come_up_is_refused(own, run, pki, echo, text, why):
    front, port = serve(own, run, pki, echo)
    with tls.TlsClient(port, tls.context(pki)) as client:
        before = front.status()
        if isinstance(text, str) and text.endswith(";"):
            own.program(text)
        else:
            own.replace(text)
        assert_goes_on(own, front, port, pki, before, why)
        assert tls.says(client)
        own.replace()
        upgraded(own, front)
        assert tls.says(client)


def test_a_binary_that_hangs_is_refused_in_time(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    own.program("for (;;) pause();")
    assert_goes_on(own, front, port, pki, front.status(), "did not get ready within")
    assert len(process.children(front.pid)) == 4


def test_a_binary_that_is_gone_or_may_not_be_executed_is_refused(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    own.path.unlink()
    assert_goes_on(own, front, port, pki, front.status(), "No such file or directory")
    own.replace("#!/bin/sh\n", mode=0o644)
    assert_goes_on(own, front, port, pki, front.status(), "cannot be executed")
    own.replace()
    upgraded(own, front)


def test_a_binary_in_another_directory_is_refused_with_the_reason_and_the_cure(own, run, pki, echo):
    """Also where a link on the path that the daemon was started by leads there."""
    places = [own.folder / "v1", own.folder / "v2"]
    for place in places:
        place.mkdir()
        shutil.copy(own.original, place)

    def turn(to):
        own.path.unlink()
        own.path.symlink_to(to)
    turn(places[0] / own.original.name)
    front, port = serve(own, run, pki, echo)
    turn(places[1] / own.original.name)
    if front.status()["sandbox"]["landlock"] > 0:
        assert_goes_on(own, front, port, pki, front.status(),
                       "the directory of the binary that runs: put the new one there, or restart")
    shutil.copy(own.original, places[0] / "next")
    turn(places[0] / "next")
    upgraded(own, front)


def test_a_binary_that_runs_cannot_be_written_into(own, run, pki, echo):
    """So what the way back executes is what was there."""
    front, port = serve(own, run, pki, echo)
    with pytest.raises(OSError):
        own.path.open("r+b")
    own.replace()
    upgraded(own, front)
    with pytest.raises(OSError):
        own.path.open("r+b")
    assert serves(port, pki)


def test_a_configuration_with_a_mistake_is_refused(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    good, before = front.file.read_text(), front.status()
    front.file.write_text(good + "nonsense = 1\n")
    done = assert_goes_on(own, front, port, pki, before, "nonsense", STATUS_CONFIG_WRONG)
    assert "tlsfront.conf:" in done.stderr and "cure:" in done.stderr
    front.file.write_text(good)
    upgraded(own, front)


def test_hundreds_of_warnings_do_not_hide_the_error(own, run, pki, echo, toys):
    front, port = serve(own, run, pki, echo)
    before, taken = front.status(), toys(toy.echo).port
    uncovered = [server_name(f"n{number}.example.test", max_connections=1) for number in range(400)]
    front.write(pki.mail.block(), route("echo", port, echo, names=uncovered),
                route("taken", taken, echo))
    assert_goes_on(own, front, port, pki, before, "Address already in use")


def test_an_address_that_is_taken_is_refused(own, run, pki, echo, toys):
    front, port = serve(own, run, pki, echo)
    taken = toys(toy.echo).port
    front.write(pki.mail.block(), route("echo", port, echo), route("more", taken, echo))
    assert_goes_on(own, front, port, pki, front.status(), f"127.0.0.1:{taken}")


# ---- back after the exec ------------------------------------------------------------------------


@pytest.mark.parametrize("deed, why", [("crashes", "it crashed with signal 11"),
                                       ("aborts", "it crashed with signal 06"),
                                       ("hangs", "it did not get ready in time"),
                                       ("exits", "it ended"),
                                       ("refuses", "/proc is not there")])
def test_an_image_that_fails_after_the_exec_gives_way_to_the_old(own, run, pki, echo, deed, why):
    front, port = serve(own, run, pki, echo)
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        accepted = front.route_status("echo")["connections"]["accepted"]
        own.misbehave_after_exec(deed)
        done = own.upgrade(front)
        assert done.returncode == 1
        assert why in done.stderr and "goes on" in done.stderr
        assert front.wait_for_log("upgrade-failed", level="error")
        assert tls.says(client)
        assert front.route_status("echo")["connections"]["accepted"] == accepted
        assert serves(port, pki)
        own.replace()
        upgraded(own, front)
        assert tls.says(client)
        assert serves(port, pki)
    wait_until(lambda: len(process.children(front.pid)) == 4, "all of before to end")


# ---- at the same time as something else ---------------------------------------------------------


def test_two_at_once_are_one(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    own.execute("sleep(1);")
    answers = []
    callers = [threading.Thread(target=lambda: answers.append(own.upgrade(front)))
               for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(done.returncode for done in answers) == [0, 1, 1]
    assert all("another one is under way" in done.stderr for done in answers if done.returncode)
    assert serves(port, pki)


def test_one_during_reloads_takes_what_was_reloaded_last(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    other = run.port()
    own.execute("sleep(1);")
    upgrading = threading.Thread(target=lambda: upgraded(own, front))
    upgrading.start()
    front.write(pki.mail.block(), route("echo", port, echo), route("other", other, echo))
    assert front.reload().returncode == 0
    upgrading.join()
    assert front.wait_for_log("upgraded")
    assert serves(port, pki)
    assert serves(other, pki)


def test_the_end_does_not_begin_a_reload_that_waits_for_it(own, run, pki, echo):
    front, _ = serve(own, run, pki, echo)
    own.program("for (;;) pause();")
    answers = []
    upgrading = threading.Thread(target=lambda: answers.append(own.upgrade(front)))
    upgrading.start()
    wait_until(lambda: len(process.children(front.pid)) == 5, "the new binary to be tried")
    front.write("this is no configuration")
    assert front.command("reload", "-c", front.file, "--timeout", "1").returncode == 1
    front.send(signal.SIGTERM)
    upgrading.join()
    assert "the daemon is going down" in answers[0].stderr
    front.verify_end(front.process.wait(30))
    assert front.log("configuration") == []


def test_one_right_after_the_start_waits_for_it(own, run, pki, echo):
    port = run.port()
    front = own.fronts.new(pki.mail.block(), route("echo", port, echo))
    front.process = run.start(front.folder.name, [own.path, "run", "-c", front.file],
                              log=front.folder / "tlsfront.log")
    wait_until(lambda: front.command("status", "-c", front.file).returncode == 0, "an answer")
    upgraded(own, front)
    assert serves(port, pki)


def test_a_worker_that_is_killed_meanwhile_is_nobody_elses_loss(own, run, pki, echo):
    front, port = serve(own, run, pki, echo)
    own.execute("sleep(1);")
    upgrading = threading.Thread(target=lambda: upgraded(own, front))
    upgrading.start()
    for pid in front.workers():
        os.kill(pid, signal.SIGKILL)
    upgrading.join()
    assert front.wait_for_log("upgraded")
    assert serves(port, pki)
    wait_until(lambda: len(process.children(front.pid)) == 4, "all of before to end")


def test_a_signal_to_end_meanwhile_is_obeyed(own, run, pki, echo):
    front, _ = serve(own, run, pki, echo)
    own.program("for (;;) pause();")
    asked = subprocess.Popen([own.original, "upgrade", "-c", front.file], stderr=subprocess.PIPE)
    wait_until(lambda: any("--state=" in process.command_of(pid)
                           for pid in process.children(front.pid)), "the rehearsal")
    front.terminate()
    assert b"the daemon is going down" in asked.communicate()[1]
    assert asked.returncode == 1


def test_upgrades_under_load_lose_nothing_and_leak_nothing(own, run, pki, echo):
    """Ten of them; upgrade_run.py does a hundred."""
    front, port = serve(own, run, pki, echo)
    old = [tls.TlsClient(port, tls.context(pki, version)) for version in ("1.2", "1.3")]
    load = Load(port, tls.context(pki))
    for number in range(10):
        own.replace()
        upgraded(own, front)
        if number == 1:
            files = process.open_files(front.pid)
    load.stop()
    assert load.failures == []
    assert all(tls.says(client) for client in old)
    for client in old:
        client.close()
    wait_until(lambda: len(process.children(front.pid)) == 4, "all of before to end")
    assert process.open_files(front.pid) <= files
