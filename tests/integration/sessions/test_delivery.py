"""Every way in which a side can end, in every state: what it said before arrives whole, and the other
side is told how it ended."""

import fcntl
import socket
import struct
import termios
import threading
import time

import pytest

from clients import tls
from harness.config import route
from harness.wait import wait_until
from servers import toy

FEW = b"".join(b"line %04d\r\n" % number for number in range(200))
MUCH = b"".join(b"line %08d\r\n" % number for number in range(20000))


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Listener:
    """An upstream that notes all that it hears, and how that ended; one connection."""

    def __init__(self, toys, *, slow=False, greets=False):
        self.heard, self.end, self.slow = bytearray(), None, slow
        self.may_greet = threading.Event() if greets else None
        self.toy = toys(self.listen)
        if slow:
            self.toy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def listen(self, connection):
        if self.may_greet is not None:
            self.may_greet.wait(30)
            connection.sendall(b"+OK ready\r\n")
        if self.slow:
            time.sleep(0.3)
        try:
            while data := connection.recv(2048 if self.slow else 65536):
                self.heard += data
                if self.slow:
                    time.sleep(0.001)
            self.end = "end"
        except ConnectionResetError:
            self.end = "reset"

    def wait(self):
        wait_until(lambda: self.end is not None, "the upstream to be told of the end", 60)


def connect(port, pki, version=None):
    """Whoever breaks off throws away what its own kernel still holds: so that holds nothing."""
    client = tls.TlsClient(port, tls.context(pki, version))
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


# ---- what the client says ----------------------------------------------------------------------

def half_close(client):
    client.close_notify()


def say_goodbye_and_close(client):
    client.close_notify()
    client.socket.close()


def fin(client):
    client.socket.shutdown(socket.SHUT_WR)


def close(client):
    client.socket.close()


def break_off(client):
    reset(client.socket)


# Only a close_notify is an end that the upstream may believe.
LEAVINGS = {half_close: "end", say_goodbye_and_close: "end", fin: "reset", close: "reset",
            break_off: "reset"}


def ways(leavings, but=None):
    return [pytest.param(leave, id=leave.__name__) for leave in leavings if leave is not but]


@pytest.mark.parametrize("leave", ways(LEAVINGS))
def test_what_a_client_says_at_once_before_it_leaves(fronts, run, pki, toys, leave):
    upstream, port = Listener(toys), run.port()
    fronts.start(pki.mail.block(), route("one", port, upstream.toy.port))
    client = connect(port, pki)
    client.send(FEW)
    leave(client)
    upstream.wait()
    assert bytes(upstream.heard) == FEW
    assert upstream.end == LEAVINGS[leave]
    client.socket.close()


@pytest.mark.parametrize("leave", ways(LEAVINGS))
def test_what_a_client_says_while_an_upstream_is_dialled(fronts, run, pki, toys, leave):
    hole, upstream, port = toy.FullBacklog(), Listener(toys), run.port()
    front = fronts.start(pki.mail.block(),
                         route("two", port, [hole.port, upstream.toy.port], connect_timeout="1s"))
    client = connect(port, pki)
    client.send(FEW)
    leave(client)
    upstream.wait()
    hole.close()
    assert front.log("upstream-failed"), "it was dialled in vain before"
    assert bytes(upstream.heard) == FEW
    assert upstream.end == LEAVINGS[leave]
    client.socket.close()


@pytest.mark.parametrize("leave", ways(LEAVINGS))
def test_what_a_client_says_before_it_is_greeted(fronts, run, pki, toys, leave):
    upstream, port = Listener(toys, greets=True), run.port()
    fronts.start(pki.mail.block(), route("three", port, upstream.toy.port, protocol="pop3"))
    client = connect(port, pki)
    client.send(b"NOOP\r\n" * 3)
    leave(client)
    wait_until(lambda: upstream.toy.accepted, "the upstream to be connected")
    upstream.may_greet.set()
    upstream.wait()
    assert bytes(upstream.heard) == b"NOOP\r\n" * 3
    assert upstream.end == LEAVINGS[leave]
    client.socket.close()


# Of so much the client's own kernel still holds some, which is lost when it breaks off.
@pytest.mark.parametrize("leave", ways(LEAVINGS, but=break_off))
def test_what_a_client_leaves_behind_for_a_slow_upstream(fronts, run, pki, toys, leave):
    upstream, port = Listener(toys, slow=True), run.port()
    fronts.start(pki.mail.block(), route("four", port, upstream.toy.port))
    client = connect(port, pki)
    client.send(MUCH)
    leave(client)
    upstream.wait()
    assert len(upstream.heard) == len(MUCH)
    assert bytes(upstream.heard) == MUCH
    assert upstream.end == LEAVINGS[leave]
    client.socket.close()


def test_what_a_client_says_in_clear_before_its_end(fronts, run, pki, toys):
    upstream, port = Listener(toys, greets=True), run.port()
    fronts.start(pki.mail.block(), route("five", port, upstream.toy.port, protocol="pop3",
                                         tls="optional", plaintext_login="allow"))
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"NOOP\r\n" * 3)
        client.shutdown(socket.SHUT_WR)
        upstream.may_greet.set()
        upstream.wait()
    assert bytes(upstream.heard) == b"NOOP\r\n" * 3
    assert upstream.end == "end"


# ---- what the upstream says --------------------------------------------------------------------

def speaker(what, leave):
    """Says it when it has heard a line, and leaves."""
    def handler(connection):
        connection.makefile("rb").readline()
        connection.sendall(what)
        leave(connection)
    return handler


def close_unheard(connection):
    """The kernel resets whoever sends on."""
    connection.close()


def finish(connection):
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


UPSTREAM_LEAVINGS = {finish: tls.CLOSE_NOTIFY, close_unheard: tls.CLOSE_NOTIFY, reset: "reset"}


def read_slowly(client):
    """All of it, in small pieces; how it ended is then in client.ended."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while client.receive_some():
        time.sleep(0.002)
    return client.read_all()


@pytest.mark.parametrize("leave", ways(UPSTREAM_LEAVINGS))
def test_what_an_upstream_says_before_it_leaves(fronts, run, pki, toys, leave, version):
    upstream, port = toys(speaker(FEW, leave)), run.port()
    fronts.start(pki.mail.block(), route("six", port, upstream.port))
    with connect(port, pki, version) as client:
        client.send(b"go\r\n")
        assert client.read_all() == FEW
        assert client.ended == UPSTREAM_LEAVINGS[leave]


@pytest.mark.parametrize("leave", ways(UPSTREAM_LEAVINGS, but=reset))
def test_what_an_upstream_leaves_behind_for_a_slow_client(fronts, run, pki, toys, leave):
    upstream, port = toys(speaker(MUCH, leave)), run.port()
    fronts.start(pki.mail.block(), route("seven", port, upstream.port))
    with connect(port, pki) as client:
        client.send(b"go\r\n")
        assert read_slowly(client) == MUCH
        assert client.ended == UPSTREAM_LEAVINGS[leave]


def test_the_last_words_of_an_upstream_that_takes_no_more(fronts, run, pki, toys):
    """As a mail server does whose limit is reached: it says so and closes, whatever still comes."""
    upstream, port = toys(speaker(b"552 too much\r\n", close_unheard)), run.port()
    front = fronts.start(pki.mail.block(), route("eight", port, upstream.port))
    with connect(port, pki) as client:
        try:
            client.send(MUCH * 10)
        except OSError:
            pass
        client.drain_records()
        assert client.read_all() == b"552 too much\r\n"
    assert "upstream" in front.wait_for_log("end")["end"]


def unacknowledged(connection):
    """Bytes that were sent, or are to be, and that the far side's kernel has not confirmed."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0]


def test_the_last_words_of_a_client_that_takes_no_more(fronts, run, pki, toys):
    """Its connection is reset by the answer, which it did not wait for."""
    heard = []

    def answers_at_once(connection):
        for line in connection.makefile("rb"):
            heard.append(line)
            try:
                connection.sendall(b"250 " + line)
            except OSError:
                pass

    upstream, port = toys(answers_at_once), run.port()
    front = fronts.start(pki.mail.block(), route("nine", port, upstream.port))
    lines = FEW.splitlines(keepends=True)
    client = connect(port, pki)
    for line in lines:
        client.tls.write(line)
        client.flush()
    # What its own kernel still has when the reset goes out has never left it.
    wait_until(lambda: unacknowledged(client.socket) == 0, "the far side to have it all")
    client.socket.close()
    front.wait_for_log("end")
    wait_until(lambda: len(heard) == len(lines), "all that the client said")
    assert b"".join(heard) == FEW


# ---- both at once ------------------------------------------------------------------------------

@pytest.mark.parametrize("finishes_first", ["client", "upstream"])
def test_either_half_goes_on_when_the_other_has_ended(fronts, run, pki, toys, finishes_first):
    upstream_ended, heard = threading.Event(), bytearray()

    def speak_and_listen(connection):
        if finishes_first == "client":
            while data := connection.recv(65536):
                heard.extend(data)
            connection.sendall(MUCH)
        else:
            connection.sendall(MUCH)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                heard.extend(data)
        upstream_ended.set()

    upstream, port = toys(speak_and_listen), run.port()
    front = fronts.start(pki.mail.block(), route("ten", port, upstream.port))
    with connect(port, pki) as client:
        if finishes_first == "upstream":
            assert client.read_all() == MUCH
        client.send(MUCH)
        client.close_notify()
        if finishes_first == "client":
            assert client.read_all() == MUCH
        assert client.ended == tls.CLOSE_NOTIFY
        assert upstream_ended.wait(30)
    assert bytes(heard) == MUCH
    ended = front.wait_for_log("end")
    assert (ended["bytes-in"], ended["bytes-out"]) == (str(len(MUCH)), str(len(MUCH)))
