"""Workers: who they are, what happens when one dies, and when the supervisor does."""

import os
import pwd
import re
import resource
import signal
import socket
import struct
import threading
from pathlib import Path

import pytest

from clients import tls
from harness import process
from harness.config import route
from harness.tree import TREE
from harness.wait import wait_until
from servers import toy


@pytest.fixture
def served(fronts, run, pki, toys):
    """A daemon with two workers before an echo, and its port."""
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port))
    return front, port


def sessions_by_worker(front, port, settings, at_least=2):
    """Open sessions until every worker has some: {pid: [client, ...]}."""
    pids = {f"worker-{w['index']}": w["pid"] for w in front.status()["workers"]}
    found = {pid: [] for pid in pids.values()}
    for _ in range(100):
        client = tls.TlsClient(port, settings)
        assert tls.says(client)
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
    wait_until(lambda: replaced(front, victim), "a new worker")
    assert survivor in front.workers()
    assert all(tls.says(client) for client in found[survivor])
    for client in found[victim]:
        client.read_all()
        assert client.ended in ("eof", "reset"), "a dead worker cannot have said goodbye"
    died = front.wait_for_log("worker-died")
    assert died["level"] == "error"
    assert str(victim) in died["msg"]
    for _ in range(10):
        with tls.TlsClient(port, settings) as client:
            assert tls.says(client)
    close_all(found)
    wait_until(lambda: front.active("echo") == 0, "no session counted for the dead worker")


def test_one_that_is_killed_while_it_retires_is_told_of(fronts, run, pki, toys):
    """Its sessions are lost as those of any other."""
    port, upstream = run.port(), toys(toy.echo).port
    front = fronts.start(pki.mail.block(), route("echo", port, upstream))
    found = sessions_by_worker(front, port, tls.context(pki))
    front.write(pki.mail.block(), route("echo", port, upstream), workers=1)
    assert front.reload().returncode == 0
    victim = next(one["pid"] for one in front.status()["workers"] if one["state"] == "retiring")
    os.kill(victim, signal.SIGABRT)
    died = front.wait_for_log("worker-died")
    assert died["level"] == "error"
    assert f"(pid {victim}) was killed by signal 6" in died["msg"]
    assert died["msg"].endswith("its sessions are lost, nobody replaces it")
    close_all(found)


def test_more_than_there_are_descriptors_for_are_refused(fronts, run, pki, toys):
    """So that no client waits in the socket of one that cannot be started."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    port, upstream = run.port(), toys(toy.echo).port
    blocks = pki.mail.block(), route("echo", port, upstream)
    front = fronts.start(*blocks, before_exec=few)
    before = front.workers()
    for number in (40, 60, 150):
        front.write(*blocks, workers=number)
        done = front.reload()
        assert done.returncode == 1
        assert "Too many open files" in done.stderr
        assert "cure: raise the limit on open files" in done.stderr
        assert "reload refused" in done.stderr and "generation 1 stays" in done.stderr
    assert front.workers() == before
    for _ in range(20):
        with tls.TlsClient(port, tls.context(pki)) as client:
            assert tls.says(client)
    front.write(*blocks, workers=4)
    assert front.reload().returncode == 0
    assert len(front.workers()) == 4


def test_queued_connections_of_a_killed_worker_are_served(served, pki):
    """The worker is stopped, so that its share of the connections waits in the kernel's queue."""
    front, port = served
    settings = tls.context(pki)
    victim = front.workers()[0]
    process.os.kill(victim, signal.SIGSTOP)
    results = []

    def visit():
        with tls.TlsClient(port, settings) as client:
            results.append(tls.says(client))

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
        assert tls.says(client)


def test_workers_go_away_with_a_killed_supervisor(fronts, run, pki, toys):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port))
    workers = front.workers()
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
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
        assert tls.says(client)


# ---- workers that nobody should trust ----------------------------------------------------------

IPC_HEADER = TREE / "proxy" / "ipc" / "ipc.h"
IPC_TYPES = re.findall(r"^    IPC_(\w+)(?: = \d+)?,", IPC_HEADER.read_text(), re.MULTILINE)
IPC = 3  # a worker's descriptor to the supervisor


def message(kind, payload=b"", generation=0, size=None):
    size = len(payload) if size is None else size
    return struct.pack("=IIII", IPC_TYPES.index(kind), generation, size, 0) + payload


NONSENSE = {
    "a byte": b"x",
    "a size that is wrong": message("PONG", size=7),
    "a kind that there is not": struct.pack("=IIII", 4711, 0, 0, 0),
    "what only the supervisor says": message("STOP"),
    "a generation that is to come": message("PREPARED", generation=99),
    "a commit that is to come": message("COMMITTED", generation=99),
    "a payload where there is none": message("PREPARED", b"x", generation=1),
    "a reason without end": message("REFUSED", b"x" * 32768, generation=1),
    "half a question": message("CHALLENGE_QUERY", b"x" * 10),
    "a name without end": message("CHALLENGE_QUERY", b"x" * 272),
}


def say_for(pid, data):
    with socket.socket(fileno=process.take_descriptor(pid, IPC)) as ipc:
        ipc.send(data)


def test_a_worker_that_talks_nonsense_is_replaced(served, pki):
    front, port = served
    for name, data in NONSENSE.items():
        victim, survivor = front.workers()
        say_for(victim, data)
        wait_until(lambda: replaced(front, victim), f"a new worker after {name}", 20)
        assert survivor in front.workers(), name
    assert len(front.log("worker-nonsense")) == len(NONSENSE)
    assert front.reload().returncode == 0
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)


def test_a_worker_that_is_cut_off_is_replaced(served):
    front, _ = served
    victim = front.workers()[0]
    with socket.socket(fileno=process.take_descriptor(victim, IPC)) as ipc:
        ipc.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: replaced(front, victim), "a new worker", 20)


def test_what_a_worker_says_is_shown_as_text(served):
    front, _ = served
    victim = front.workers()[0]
    say_for(victim, message("REFUSED", b"\x1b[31m\ntime=x event=forged\0", generation=1))
    wait_until(lambda: replaced(front, victim), "a new worker", 20)
    assert front.log("forged") == []
    assert "\\x1b[31m\\x0atime=x" in front.wait_for_log("worker-failed")["msg"]


def test_a_worker_that_hangs_is_replaced_and_has_no_veto(fronts, run, pki, toys):
    """One with a reload, one without: the limits run at the same time."""
    upstream, settings = toys(toy.echo).port, tls.context(pki)
    ports = run.port(), run.port()
    with_reload, without = (fronts.start(pki.mail.block(), route("echo", port, upstream))
                            for port in ports)
    found = sessions_by_worker(with_reload, ports[0], settings, 1)
    victim, survivor = found
    other = without.workers()[0]
    for pid in (victim, other):
        os.kill(pid, signal.SIGSTOP)
    done = with_reload.reload()
    assert done.returncode == 0, done.stderr
    assert replaced(with_reload, victim)
    assert survivor in with_reload.workers()
    assert all(tls.says(client) for client in found[survivor])
    assert {w["generation"] for w in with_reload.status()["workers"]} == {2}
    assert with_reload.log("worker-late")
    close_all(found)
    wait_until(lambda: replaced(without, other), "the worker that hangs to be replaced", 60)
    assert without.log("worker-hung")
    with tls.TlsClient(ports[1], settings) as client:
        assert tls.says(client)


def shared_memory(pid):
    """(descriptor-like path, permissions) of the mappings that a worker has of counters."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [line.split() for line in lines if "memfd:tlsfront-counters" in line]


def test_a_worker_writes_its_own_counters_and_reads_the_others(served):
    front, _ = served
    inodes = set()
    for pid in front.workers():
        own = [line for line in shared_memory(pid) if line[1] == "rw-s"]
        others = [line for line in shared_memory(pid) if line[1] == "r--s"]
        assert len(own) == 1 and len(others) == 1
        inodes.add(own[0][4])
        # VmFlags without "mw": mprotect(2) cannot make it writable.
        text = Path(f"/proc/{pid}/smaps").read_text()
        flags = text[text.index(others[0][0]):].partition("VmFlags:")[2].splitlines()[0].split()
        assert "mw" not in flags and "mr" in flags
    assert len(inodes) == 2


def test_limits_hold_over_workers_that_came_later(fronts, run, pki, toys):
    """Each sees the counters of all, whoever was there first."""
    port, upstream = run.port(), toys(toy.echo).port
    blocks = pki.mail.block(), route("echo", port, upstream, max_connections=4)
    front = fronts.start(*blocks, workers=1)
    front.write(*blocks, workers=4)
    assert front.reload().returncode == 0
    victim = front.workers()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(front.workers()) == 4 and victim not in front.workers(), "a new worker")
    clients = [tls.TlsClient(port, tls.context(pki)) for _ in range(4)]
    assert all(tls.says(client) for client in clients)
    for _ in range(12):  # the kernel deals them to all workers
        with tls.TlsClient(port, tls.context(pki)) as one_too_many:
            assert one_too_many.read_all() == b""
    for client in clients:
        client.close()


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


def test_workers_are_somebody_else_for_good(served):
    front, _ = served
    account = pwd.getpwnam("nobody")
    for pid in front.workers():
        assert process.status_field(pid, "Uid") == [str(account.pw_uid)] * 4
        assert process.status_field(pid, "Gid") == [str(account.pw_gid)] * 4
        assert process.status_field(pid, "Groups") in ([], [str(account.pw_gid)])
        assert process.status_field(pid, "NoNewPrivs") == ["1"]
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(process.status_field(pid, kind)[0], 16) == 0


def test_workers_are_named_like_the_program(served):
    front, _ = served
    for pid in (front.pid, *front.workers()):
        assert Path(f"/proc/{pid}/comm").read_text() == "tlsfront\n"


def test_nothing_comes_along_into_a_worker(fronts, run, pki, toys):
    """Neither a descriptor nor the environment of whoever started the daemon."""
    secret = os.memfd_create("secret", 0)

    def bring_along():
        os.dup2(secret, 77, inheritable=True)

    front = fronts.new(pki.mail.block(), route("echo", run.port(), toys(toy.echo).port),
                       wrapper=("env", "SECRET=do-not-tell"), before_exec=bring_along)
    front.start_unchecked()
    os.close(secret)
    for pid in front.workers():
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"SECRET" not in environment and b"PATH" not in environment
        links = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
        assert not any("secret" in link for link in links)


def test_no_process_leaves_its_memory_behind(served, memory_factor):
    front, _ = served
    for pid in (front.pid, *front.workers()):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
        if memory_factor == 1 and pid != front.pid:  # not under a sanitizer, which has to look
            assert os.stat(f"/proc/{pid}/environ").st_uid == 0, "it is not dumpable"


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
        assert tls.says(client)


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
