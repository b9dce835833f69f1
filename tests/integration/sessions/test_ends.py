"""Ends: each half by itself, close_notify and FIN carried across, truncation told apart."""

import hashlib
import socket

import pytest

from clients import tls
from harness.config import route
from harness.wait import wait_until
from servers import toy

BULK = bytes(range(256)) * 4096 * 8  # 8 MiB


@pytest.fixture
def front_of(fronts, run, pki, toys):
    """A daemon with one route to a toy; returns it, the port and the toy."""
    def make(handler, **options):
        upstream, port = toys(handler), run.port()
        front = fronts.start(pki.mail.block(), route("end", port, upstream.port, **options))
        return front, port, upstream
    return make


def test_a_client_that_has_finished_still_reads_the_answer(front_of, pki, version):
    received = []
    front, port, _ = front_of(toy.collector(received, b"the answer"))
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        client.send(b"the question")
        client.close_notify()
        assert client.read_all() == b"the answer"
        assert client.ended == tls.CLOSE_NOTIFY
    assert received == [b"the question"]
    ended = front.wait_for_log("end")
    assert (ended["fault"], ended["bytes-in"], ended["bytes-out"]) == ("none", "12", "10")


def test_an_upstream_that_has_finished_still_hears_the_client(front_of, pki, version):
    received = []

    def speaks_first(connection):
        connection.sendall(b"all I have to say")
        connection.shutdown(socket.SHUT_WR)
        toy.collector(received)(connection)

    front, port, _ = front_of(speaks_first)
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        assert client.read_all() == b"all I have to say"
        assert client.ended == tls.CLOSE_NOTIFY
        client.send(b"and I say this")
        client.close_notify()
        wait_until(lambda: received, "the client's bytes at the upstream")
    assert received == [b"and I say this"]
    assert front.wait_for_log("end")["fault"] == "none"


def test_the_log_tells_who_closed(front_of, pki, version):
    front, port, _ = front_of(toy.one_line)
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        client.send(b"line\n")
        client.read_all()
    by_upstream = front.wait_for_log("end")
    front, port, _ = front_of(toy.echo)
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        client.send(b"line\n")
        client.read_until(b"\n")
    by_client = front.wait_for_log("end")
    assert "upstream" in by_upstream["end"]
    assert "client" in by_client["end"]
    assert by_upstream["fault"] == by_client["fault"] == "none"


@pytest.mark.parametrize("leave", ["drop", "reset"])
def test_a_truncated_stream_is_told_apart_and_resets_the_upstream(front_of, pki, version, leave):
    """An upstream that saw a clean end would take half a message for a whole one."""
    seen = []

    def watcher(connection):
        connection.sendall(connection.recv(100))
        try:
            seen.append(connection.recv(100))
        except ConnectionResetError:
            seen.append("reset")

    front, port, _ = front_of(watcher)
    client = tls.TlsClient(port, tls.context(pki, version))
    client.send(b"half a mess")
    client.read_until(b"mess")
    getattr(client, leave)()
    ended = front.wait_for_log("end")
    assert ended["fault"] == "client"
    if leave == "drop":
        assert "close_notify" in ended["end"]
    wait_until(lambda: seen, "the end at the upstream")
    assert seen == ["reset"]


def test_an_upstream_that_breaks_off_is_not_a_clean_end(front_of, pki, version):
    front, port, _ = front_of(toy.resetter)
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        client.send(b"line\n")
        client.read_all()
        assert client.ended != tls.CLOSE_NOTIFY
    assert front.wait_for_log("end")["fault"] == "upstream"


def test_bytes_sent_right_before_the_end_arrive(front_of, pki, version):
    """Megabytes, then close_notify at once: all of it arrives, in both directions."""
    received = []
    front, port, _ = front_of(toy.collector(received, BULK))
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        client.send(BULK)
        client.close_notify()
        assert hashlib.sha256(client.read_all()).digest() == hashlib.sha256(BULK).digest()
        assert client.ended == tls.CLOSE_NOTIFY
    assert received[0] == BULK
    ended = front.wait_for_log("end")
    assert (ended["bytes-in"], ended["bytes-out"]) == (str(len(BULK)), str(len(BULK)))


def test_both_directions_at_once(front_of, pki, version):
    _, port, _ = front_of(toy.echo)
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        client.send(BULK)
        client.close_notify()
        assert client.read_all() == BULK


def test_a_client_that_finishes_at_once_is_served(front_of, pki, version):
    """Its close_notify may come before the upstream is even dialled."""
    received = []
    _, port, _ = front_of(toy.collector(received, b"nothing heard"))
    with tls.TlsClient(port, tls.context(pki, version), handshake=False) as client:
        client.handshake()
        client.close_notify()
        assert client.read_all() == b"nothing heard"
    assert received == [b""]


def test_nothing_is_left_of_ended_sessions(front_of, pki, version):
    front, port, upstream = front_of(toy.echo)
    for number in range(30):
        client = tls.TlsClient(port, tls.context(pki, version))
        client.send(b"x" * 1000)
        client.read_exactly(1000)
        (client.close, client.drop, client.reset)[number % 3]()
    upstream.wait_empty()
    wait_until(lambda: len(front.log("end")) == 30, "thirty end lines")
    wait_until(lambda: front.active("end") == 0, "no active connection in the status")
