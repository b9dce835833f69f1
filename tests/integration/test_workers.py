"""Workers: who they are, what happens when one dies, and when the supervisor does."""

import pwd
import re
import resource
import signal
import threading
from pathlib import Path

import pytest

from clients import tls
from harness import process
from harness.config import route
from harness.wait import wait_until
from servers import toy


@pytest.fixture
def served(fronts, run, pki, toys):
    """A daemon with two workers before an echo, and its port."""
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port))
    return front, port


def says(client, text=b"still here\n"):
    client.send(text)
    return client.read_exactly(len(text)) == text


def sessions_by_worker(front, port, settings, at_least=2):
    """Open sessions until every worker has some: {pid: [client, ...]}."""
    pids = {f"worker-{w['index']}": w["pid"] for w in front.status()["workers"]}
    found = {pid: [] for pid in pids.values()}
    for _ in range(100):
        client = tls.TlsClient(port, settings)
        assert says(client)
        address = "%s:%d" % client.socket.getsockname()
        line = front.wait_for_log("open", client=address)
        found[pids[line["from"]]].append(client)
        if all(len(clients) >= at_least for clients in found.values()):
            return found
    raise AssertionError("the kernel gave all connections to one worker")


def close_all(found):
    for clients in found.values():
        for client in clients:
            client.close()


def replaced(front, old):
    pids = front.workers()
    return len(pids) == 2 and old not in pids and pids


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_killed_worker_is_back_and_the_others_sessions_live_on(served, pki, number):
    front, port = served
    settings = tls.context(pki)
    found = sessions_by_worker(front, port, settings)
    victim, survivor = found
    process.os.kill(victim, number)
    wait_until(lambda: replaced(front, victim), "a new worker", 5)
    assert survivor in front.workers()
    assert all(says(client) for client in found[survivor])
    for client in found[victim]:
        client.read_all()
        assert client.ended in ("eof", "reset"), "a dead worker cannot have said goodbye"
    died = front.wait_for_log("worker-died")
    assert died["level"] == "error"
    assert str(victim) in died["msg"]
    for _ in range(10):
        with tls.TlsClient(port, settings) as client:
            assert says(client)
    close_all(found)
    wait_until(lambda: front.active("echo") == 0, "no session counted for the dead worker")


def test_queued_connections_of_a_killed_worker_are_served(served, pki):
    """The worker is stopped, so that its share of the connections waits in the kernel's queue."""
    front, port = served
    settings = tls.context(pki)
    victim = front.workers()[0]
    process.os.kill(victim, signal.SIGSTOP)
    results = []

    def visit():
        with tls.TlsClient(port, settings) as client:
            results.append(says(client))

    visitors = [threading.Thread(target=visit) for _ in range(16)]
    for visitor in visitors:
        visitor.start()
    wait_until(lambda: len(results) > 0, "the other worker's share")
    process.os.kill(victim, signal.SIGKILL)
    for visitor in visitors:
        visitor.join(30)
    assert results == [True] * 16


def test_a_worker_that_dies_again_and_again_comes_back(served, pki):
    front, port = served
    for _ in range(5):
        victim = front.workers()[0]
        process.os.kill(victim, signal.SIGKILL)
        wait_until(lambda: replaced(front, victim), "a new worker", 20)
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert says(client)


def test_workers_go_away_with_a_killed_supervisor(fronts, run, pki, toys):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port))
    workers = front.workers()
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert says(client)
        front.send(signal.SIGKILL)
        front.process.wait()
        front.finished = True
        wait_until(lambda: not any(process.running(pid) for pid in workers),
                   "the orphaned workers to end")
    for pid in workers:
        process.reap(pid)
    again = fronts.new(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                       control=front.folder / "control.sock")
    again.start()  # neither the old addresses nor the stale control socket are in the way
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert says(client)


def test_a_reload_while_a_worker_is_dead_is_settled(served, pki):
    front, port = served
    for _ in range(5):
        victim = front.workers()[0]
        process.os.kill(victim, signal.SIGKILL)
        assert front.reload().returncode == 0
        wait_until(lambda: replaced(front, victim), "a new worker", 20)
    current = front.status()
    wait_until(lambda: {w["generation"] for w in front.status()["workers"]}
               == {current["generation"]}, "all workers to run the current generation")


def status_field(pid, name):
    text = Path(f"/proc/{pid}/status").read_text()
    return re.search(rf"^{name}:[ \t]*(.*)$", text, re.MULTILINE)[1].split()


def test_workers_are_somebody_else_for_good(served):
    front, _ = served
    account = pwd.getpwnam("nobody")
    for pid in front.workers():
        assert status_field(pid, "Uid") == [str(account.pw_uid)] * 4
        assert status_field(pid, "Gid") == [str(account.pw_gid)] * 4
        assert status_field(pid, "Groups") in ([], [str(account.pw_gid)])
        assert status_field(pid, "NoNewPrivs") == ["1"]
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status_field(pid, kind)[0], 16) == 0


def test_workers_hold_no_files_but_the_log(served):
    """What a worker could read was handed to it; of the disk it has at most standard streams."""
    front, _ = served
    for pid in front.workers():
        for number in process.os.listdir(f"/proc/{pid}/fd"):
            target = process.os.readlink(f"/proc/{pid}/fd/{number}")
            if target.startswith("/") and int(number) > 2:
                assert target.startswith("/memfd:") or target == "/dev/null", (number, target)


def test_private_keys_are_not_readable_for_the_workers(served, pki):
    """They serve although the key files belong to root alone."""
    _, port = served
    assert pki.mail.key.stat().st_mode & 0o077 == 0
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert says(client)


def test_the_soft_limit_on_files_is_raised_to_the_hard_one(fronts, run, pki, toys):
    def low_soft_limit():
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))

    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                         before_exec=low_soft_limit)
    for pid in front.workers():
        limits = Path(f"/proc/{pid}/limits").read_text()
        soft, hard = re.search(r"^Max open files\s+(\d+)\s+(\d+)", limits, re.MULTILINE).groups()
        assert soft == hard
