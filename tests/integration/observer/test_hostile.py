"""Clients of the observer that mean no good: they get little, and take nothing from others."""

import socket
import threading

import pytest

from clients.observer import fetch
from harness.config import route
from harness.process import resident_kib, running
from harness.wait import wait_until
from servers import toy

PLACES = 32  # connections at a time


@pytest.fixture(scope="module")
def front_and_port(fronts, run, pki, module_toys):
    at = run.port()
    front = fronts.start(pki.mail.block(), route("echo", run.port(), module_toys(toy.echo).port),
                         observe=[f"127.0.0.1:{at}"])
    yield front, at
    assert front.log("observer-died") == []


@pytest.fixture
def at(front_and_port):
    return front_and_port[1]


def connect(at):
    return socket.create_connection(("127.0.0.1", at), 30)


def answer_to(at, text):
    """Everything that is answered, up to the end."""
    with connect(at) as client:
        try:
            client.sendall(text)
        except OSError:
            pass
        answer = b""
        try:
            while data := client.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
        return answer


def status_of(answer):
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9770", "127.0.0.1.evil.example",
                                  "localhost.evil.example", ""])
def test_a_name_that_is_not_ours_is_not_answered(at, host):
    for path in ("/", "/metrics", "/status.json", "/-/ready"):
        status, _, text = fetch(at, path, Host=host)
        assert status == 421 and "tlsfront_" not in text and "{" not in text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:9770", "LOCALHOST."])
def test_a_name_that_is_ours_is_answered(at, host):
    assert fetch(at, "/-/ready", Host=host)[0] == 200


@pytest.mark.parametrize("target, status", [
    ("http://localhost/-/ready", 200), ("HTTP://[::1]:9770/-/ready", 200), ("http://127.0.0.1", 200),
    ("http://localhost/nowhere", 404), ("http://evil.example/-/ready", 421),
    ("http://localhost.evil.example", 421),
    ("http:///-/ready", 421), ("http://", 421), ("http://localhost@evil.example/", 421), ("http://" + "x" * 5000 + "/-/ready", 421)])
def test_the_name_in_a_target_counts_instead_of_host(at, target, status):
    """RFC 9112, 3.2.2."""
    for host in ("localhost", "evil.example"):
        answer = answer_to(at, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n"
                               "Connection: close\r\n\r\n".encode())
        assert status_of(answer) == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT",
                                    "PROPFIND", "get", "XYZZY"])
def test_there_is_nothing_to_change(at, method):
    answer = answer_to(at, f"{method} /metrics HTTP/1.1\r\nHost: localhost\r\n"
                           "Content-Length: 0\r\n\r\n".encode())
    assert status_of(answer) == 405
    assert b"\r\nAllow: GET, HEAD\r\n" in answer


def test_a_body_is_not_waited_for(at):
    answer = answer_to(at, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n"
                           b"\r\nx")
    assert status_of(answer) == 405


def test_no_other_site_may_read(at):
    for path in ("/metrics", "/status.json", "/-/ready"):
        _, headers, _ = fetch(at, path, Origin="https://evil.example")
        assert not [name for name in headers if name.lower().startswith("access-control")]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/metrics/", "/nothing", "//metrics", "/../etc/passwd", "/%2e%2e/",
                                  "/metrics%00", "*", "/<script>alert(1)</script>"])
def test_there_is_nothing_else(at, path):
    answer = answer_to(at, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert status_of(answer) in (400, 404)
    assert b"alert" not in answer and b"root:" not in answer


@pytest.mark.parametrize("text", [
    b"\r\n\r\n", b"\0" * 100, b"GET\r\n\r\n", b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
    b"GET /metrics HTTP/9.9\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_nonsense_ends(at, front_and_port, text):
    with connect(at) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        try:
            while client.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert fetch(at, "/-/ready")[0] == 200


def test_a_head_without_an_end_is_cut_off(at):
    head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X-Filler: " + b"x" * 200_000
    answer = answer_to(at, head)
    assert answer == b"" or status_of(answer) in (400, 413, 431)
    many = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 50_000
    answer = answer_to(at, many)
    assert answer == b"" or status_of(answer) in (400, 413, 431)
    assert fetch(at, "/-/ready")[0] == 200


def test_only_the_first_of_several_requests_is_answered(at):
    one = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = answer_to(at, 20 * one)
    assert answer.count(b"HTTP/1.1 200") == 1


def test_who_comes_in_crowds_keeps_nobody_out(at, front_and_port):
    crowd = [connect(at) for _ in range(4 * PLACES)]
    try:
        for client in crowd[::2]:
            try:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: loc")
            except OSError:
                pass  # it is the oldest that go
        for _ in range(20):
            assert fetch(at, "/-/ready")[0] == 200
    finally:
        for client in crowd:
            client.close()


def test_who_reads_nothing_or_drips_is_cut_off(at):
    """Ten seconds are for all of a connection, however busy it is."""
    stop = threading.Event()
    silent, dripping = connect(at), connect(at)

    def drip():
        text = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10000
        for i in range(len(text)):
            if stop.wait(0.2):
                return
            try:
                dripping.sendall(text[i:i + 1])
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        for client in (silent, dripping):
            client.settimeout(30)
            try:
                while client.recv(65536):
                    pass
            except ConnectionResetError:
                pass
    finally:
        stop.set()
        thread.join()
        silent.close()
        dripping.close()


def test_memory_stays_small(at, front_and_port):
    front, _ = front_and_port
    [pid] = front.processes("observer")
    fetch(at)
    before = resident_kib(pid)
    for _ in range(3):
        crowd = [connect(at) for _ in range(PLACES)]
        for client in crowd:
            try:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 15000)
            except OSError:
                pass
        for client in crowd:
            client.close()
    assert fetch(at)[0] == 200
    assert running(pid)
    wait_until(lambda: resident_kib(pid) < before + 8192, "memory to be given back")
