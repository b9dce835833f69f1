"""Signals: TERM and INT drain, a second one stops, QUIT drains without limit, USR1 and USR2."""

import os
import re
import signal
import socket
import time

import pytest

from clients import tls
from harness.config import route
from harness.wait import wait_until
from servers.common import PASSWORD


def ended_well(front):
    front.verify_end(front.process.wait(30))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_without_sessions_the_end_comes_at_once(served, number):
    front, port = served()
    front.send(number)
    ended_well(front)
    assert not (front.folder / "control.sock").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_drain_lets_sessions_finish(served, pki, version, number):
    front, port = served(drain_timeout="60s")
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        assert tls.says(client)
        front.send(number)
        front.wait_for_log("draining")
        time.sleep(0.3)
        assert front.status()["state"] == "draining"
        assert tls.says(client)
    ended_well(front)


def test_a_drain_ends_with_its_timeout(served, pki, version):
    front, port = served(drain_timeout="5s")
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        assert client.read_all() == b""
        assert client.ended == tls.CLOSE_NOTIFY
    ended_well(front)
    assert front.log("drain-ends")
    assert front.log("end")[-1]["end"] == "drain timeout"


def test_what_is_left_ends_one_after_another_the_longest_idle_first(served, pki):
    front, port = served(drain_timeout="10s")
    clients = [tls.TlsClient(port, tls.context(pki)) for _ in range(12)]
    try:
        for client in clients:
            assert tls.says(client)
        front.send(signal.SIGTERM)
        front.wait_for_log("drain-ends")
        assert len(front.log("end")) < len(clients)
        for client in clients:
            assert client.read_all() == b""
    finally:
        for client in clients:
            client.close()
    ended_well(front)
    ends = front.log("end")
    assert {line["end"] for line in ends} == {"drain timeout"}
    assert len({line["time"] for line in ends}) > len(clients) / 2
    for worker in {line["from"] for line in ends}:
        opened = [line["id"] for line in front.log("open") if line["from"] == worker]
        assert [line["id"] for line in ends if line["from"] == worker] == opened


def test_idle_imap_clients_read_bye_at_the_end_of_a_drain(fronts, run, pki, dovecot):
    port, mailbox = run.port(), dovecot.new_mailbox()
    front = fronts.start(pki.mail.block(),
                         route("imaps", port, dovecot.imap, protocol="imap"), drain_timeout="2s")
    clients = [tls.TlsClient(port, tls.context(pki)) for _ in range(10)]
    try:
        for client in clients:
            client.read_until(b"\r\n")
            client.send(b"a LOGIN %s %s\r\n" % (mailbox.encode(), PASSWORD.encode()))
            client.read_until(b"a OK")
            client.send(b"b SELECT INBOX\r\nc IDLE\r\n")
            client.read_until(b"+ idling\r\n")
        front.workers()
        front.send(signal.SIGTERM)
        for client in clients:
            # Dovecot tells those who idle that it is there, all at once, when it sees fit.
            assert re.fullmatch(rb"(\* OK Still here\r\n)?\* BYE .+\r\n", client.read_all())
            assert client.ended == tls.CLOSE_NOTIFY
    finally:
        for client in clients:
            client.close()
    ended_well(front)


def test_quit_has_no_timeout(served, pki):
    front, port = served(drain_timeout="500ms")
    with tls.TlsClient(port, tls.context(pki)) as client:
        front.send(signal.SIGQUIT)
        front.wait_for_log("draining")
        time.sleep(1.5)
        assert tls.says(client)
    ended_well(front)


@pytest.mark.parametrize("first, second", [
    (signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT),
    (signal.SIGQUIT, signal.SIGTERM)])
def test_a_second_signal_stops_now(served, pki, first, second):
    front, port = served(drain_timeout="60s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(first)
        front.wait_for_log("draining")
        front.send(second)
        client.read_all()
        assert client.ended == tls.CLOSE_NOTIFY
    ended_well(front)


def test_a_hup_while_draining_is_no_harm(served, pki):
    front, port = served(drain_timeout="60s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        front.send(signal.SIGTERM)
        front.wait_for_log("draining")
        front.send(signal.SIGHUP)
        done = front.reload()
        assert done.returncode == 1
        assert "going down" in done.stderr
        assert tls.says(client)
    ended_well(front)


def test_newcomers_hear_a_refusal_also_from_the_successor_of_a_worker_that_died(served, pki):
    front, port = served(drain_timeout="60s")
    settings = tls.context(pki)
    with tls.TlsClient(port, settings) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        front.wait_for_log("draining")
        serves = next(one for one in front.status()["workers"] if one["connections"] == 1)
        victim = next(pid for pid in front.workers() if pid != serves["pid"])
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):  # the kernel deals them to all sockets
            with tls.TlsClient(port, settings) as newcomer:
                assert newcomer.read_all() == b""
        assert tls.says(client)
        assert f"(pid {victim})" in front.wait_for_log("worker-died")["msg"]
    ended_well(front)


def test_a_session_that_idles_at_the_upstream_ends_with_the_drain(served, pki):
    """Bytes on their way when the drain begins still arrive."""
    front, port = served(drain_timeout="60s")
    bulk = b"0123456789abcdef" * 65536
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.send(bulk)
        front.send(signal.SIGTERM)
        assert client.read_exactly(len(bulk)) == bulk
    ended_well(front)


def test_usr1_reopens_the_log_file(served, run, pki):
    folder = run.make_folder("rotated")
    log = folder / "front.log"
    front, port = served(log=log)

    def visit():
        with tls.TlsClient(port, tls.context(pki)) as client:
            assert tls.says(client)

    front.log_file = lambda: log
    visit()
    front.wait_for_log("end")
    log.rename(folder / "front.log.1")
    front.send(signal.SIGUSR1)
    wait_until(log.exists, "the new log file")
    front.wait_for_log("log-reopen")
    before = (folder / "front.log.1").read_text()
    assert "event=end" in before
    visit()
    front.wait_for_log("end")
    assert (folder / "front.log.1").read_text() == before, "every worker must have moved on"


def test_usr2_writes_the_status_to_the_log(served, pki):
    front, port = served()
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(signal.SIGUSR2)
        wait_until(lambda: any("echo" in line["msg"] for line in front.log("status")),
                   "the route in the log")
