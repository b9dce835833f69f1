"""The observer as a process: where it listens, who it is, what becomes of it; and readiness."""

import os
import pwd
import signal
import socket

import pytest

from clients import tls
from clients.observer import Metrics, fetch
from harness.config import route
from harness.daemon import STATUS_CONFIG_WRONG
from harness.process import open_files, running, status_field
from harness.wait import wait_until
from servers import toy


@pytest.fixture
def echo(toys):
    return toys(toy.echo).port


@pytest.fixture
def start(fronts, run, pki, echo):
    """Starts a daemon; (front, its port)."""
    def start(**options):
        port = run.port()
        front = fronts.start(pki.mail.block(), route("echo", port, echo), **options)
        front.blocks = (pki.mail.block(), route("echo", port, echo))
        return front, port
    return start


def here(port):
    return [f"127.0.0.1:{port}"]


def observer(front):
    [pid] = front.processes("observer")
    return pid


def test_without_the_key_there_is_no_observer(start):
    front, _ = start()
    assert front.processes("observer") == []
    assert "observer" not in front.status()


def test_an_address_changes_hands_between_it_and_a_route(start, run, pki, echo):
    first, second = run.port(), run.port()
    front, _ = start(observe=here(first))
    for served, observed in (first, second), (second, first):
        front.write(pki.mail.block(), route("echo", served, echo), observe=here(observed))
        done = front.reload()
        assert done.returncode == 0, done.stderr
        assert fetch(observed, "/-/healthy")[0] == 200
        with tls.TlsClient(served, tls.context(pki)) as client:
            assert tls.says(client)


def test_it_is_ready_and_healthy_once_it_serves(start, run):
    at = run.port()
    start(observe=here(at))
    assert fetch(at, "/-/ready")[::2] == (200, "ready\n")
    assert fetch(at, "/-/healthy")[::2] == (200, "healthy\n")


def test_it_is_not_ready_while_it_drains(start, run, pki):
    at = run.port()
    front, port = start(observe=here(at), drain_timeout="60s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        wait_until(lambda: fetch(at, "/-/ready")[0] == 503, "it to be not ready")
        assert fetch(at, "/-/ready")[2] == "not ready: draining\n"
        assert fetch(at, "/-/healthy")[0] == 200
        assert Metrics(at).get("tlsfront_ready") == 0
        assert tls.says(client)
    front.verify_end(front.process.wait(60))


def test_on_a_unix_socket_any_host_will_do(start, run):
    path = run.make_folder("observer-socket") / "observer.sock"
    start(observe=[f"unix:{path}"])
    assert fetch(path, "/-/ready", Host="whatever.example")[0] == 200


def test_a_reload_adds_moves_and_removes_it(start, run):
    first, second = run.port(), run.port()
    front, _ = start()
    assert not tls.listens(first)
    front.write(*front.blocks, observe=here(first))
    assert front.reload().returncode == 0
    assert fetch(first, "/-/ready")[0] == 200
    pid = observer(front)
    front.write(*front.blocks, observe=here(first) + here(second))
    assert front.reload().returncode == 0
    wait_until(lambda: fetch(first, "/-/ready")[0] == fetch(second, "/-/ready")[0] == 200,
               "both to be served")
    assert observer(front) == pid
    front.write(*front.blocks, observe=here(second))
    assert front.reload().returncode == 0
    wait_until(lambda: not tls.listens(first), "the first to be closed")
    assert fetch(second, "/-/ready")[0] == 200
    front.write(*front.blocks, observe=None)
    assert front.reload().returncode == 0
    wait_until(lambda: not tls.listens(second) and not running(pid), "the observer to be gone")
    front.write(*front.blocks, observe=here(second))
    assert front.reload().returncode == 0
    wait_until(lambda: tls.listens(second), "another one")
    assert fetch(second, "/-/ready")[0] == 200
    assert front.log("observer-died") == []


def test_an_address_that_is_taken_refuses_the_reload_and_changes_nothing(start, run):
    at, taken = run.port(), run.port()
    front, _ = start(observe=here(at))
    with socket.create_server(("127.0.0.1", taken)):
        front.write(*front.blocks, observe=here(at) + here(taken))
        done = front.reload()
    assert done.returncode != 0
    assert f"observe: cannot listen on 127.0.0.1:{taken}" in done.stderr
    assert fetch(at, "/-/ready")[0] == 200
    assert not tls.listens(taken)
    assert Metrics(at).get("tlsfront_config_last_reload_successful") == 0


def test_a_mistake_is_found_by_check(fronts, run, pki, echo):
    port = run.port()
    front = fronts.new(pki.mail.block(), route("echo", port, echo), observe=["127.0.0.1"])
    done = front.check()
    assert done.returncode == STATUS_CONFIG_WRONG
    assert 'observe "127.0.0.1" has no port' in done.stderr


def test_one_that_dies_has_a_successor_and_nobody_else_notices(start, run, pki):
    at = run.port()
    front, port = start(observe=here(at))
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        before = Metrics(at).get("tlsfront_connections_total")
        victim = observer(front)
        os.kill(victim, signal.SIGKILL)
        # The queue is the supervisor's: whoever comes meanwhile is served by the successor.
        assert Metrics(at).get("tlsfront_connections_total") == before
        assert observer(front) != victim
        assert tls.says(client)
    front.wait_for_log("observer-died")
    assert front.status()["observer"]["restarts"] == 1


def test_it_is_nobody_has_nothing_and_is_in_a_sandbox(start, run, memory_factor):
    at = run.port()
    front, _ = start(observe=here(at))
    assert fetch(at, "/-/ready")[0] == 200
    pid = observer(front)
    assert set(status_field(pid, "Uid")) == {str(pwd.getpwnam("nobody").pw_uid)}
    assert int(status_field(pid, "CapEff")[0], 16) == 0
    assert status_field(pid, "NoNewPrivs") == ["1"]
    if memory_factor == 1:
        assert status_field(pid, "Seccomp") == ["2"]
        assert front.status()["observer"]["sandbox"]["seccomp"]


def test_workers_do_not_have_the_library_that_the_observer_has(start, run):
    at = run.port()
    front, _ = start(observe=here(at))
    assert fetch(at, "/-/ready")[0] == 200

    def maps(pid):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            return file.read()

    assert "libmicrohttpd" in maps(observer(front))
    for pid in [front.pid, *front.workers(), *front.processes("signer")]:
        assert "libmicrohttpd" not in maps(pid) and "libgnutls" not in maps(pid)


def test_many_scrapes_leave_nothing_behind(start, run):
    at = run.port()
    front, _ = start(observe=here(at))
    for _ in range(50):
        assert fetch(at)[0] == 200
    supervisor, own = open_files(front.pid), open_files(observer(front))
    for _ in range(300):
        assert fetch(at, "/-/ready")[0] == 200
    assert open_files(front.pid) <= supervisor + 1
    wait_until(lambda: open_files(observer(front)) <= own, "descriptors to be given back")
