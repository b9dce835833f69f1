"""Timeouts, descriptors and memory: every cost has an end, and service comes back by itself."""

import resource
import socket
import time

import pytest

from clients import tls
from harness import process
from harness.config import route
from harness.wait import wait_until
from servers import toy

# No assertion measures speed: this only tells "in time" from "never".
SOON = 20


# ---- timeouts ----------------------------------------------------------------------------------

def test_a_client_that_trickles_its_handshake_is_ended(fronts, run, pki, toys):
    """The limit is for the whole handshake: single bytes in between do not buy time."""
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port,
                                                 handshake_timeout="1s"))
    settings = tls.context(pki)
    incoming, outgoing = tls.ssl.MemoryBIO(), tls.ssl.MemoryBIO()
    with pytest.raises(tls.ssl.SSLWantReadError):
        settings.wrap_bio(incoming, outgoing, server_hostname="x").do_handshake()
    hello, began = outgoing.read(), time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(0.2)
        answer, at = None, 0
        while answer is None and time.monotonic() - began < SOON:
            try:
                connection.sendall(hello[at:at + 1])
                at = min(at + 1, len(hello) - 2)
                answer = connection.recv(100)
            except TimeoutError:
                continue
        assert answer is not None
        assert answer == b"" or answer[0] == 21, "at most an alert"
    ended = front.wait_for_log("end", stage="handshake", fault="client")
    assert "in time" in ended["end"]


def test_a_client_that_never_speaks_leaves_a_line_that_blames_it(fronts, run, pki, toys):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port,
                                                 handshake_timeout="500ms"))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(SOON)
        while connection.recv(100):
            pass
    wait_until(lambda: front.log("end"), "the line about its end")
    end, = front.log("end")
    assert end["fault"] == "client"
    assert end["end"] == "the client did not finish the handshake in time"


def test_an_idle_session_is_ended_politely(fronts, run, pki, toys, version):
    port, upstream = run.port(), toys(toy.echo)
    front = fronts.start(pki.mail.block(),
                         route("echo", port, upstream.port, idle_timeout="3s"))
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        assert tls.says(client)
        assert client.read_all() == b""
        assert client.ended == tls.CLOSE_NOTIFY
    assert front.wait_for_log("end")["end"] == "idle timeout"
    upstream.wait_empty()


def test_a_session_with_traffic_one_way_is_not_idle(fronts, run, pki, toys):
    def ticks(connection):
        for _ in range(24):
            connection.sendall(b"tick\n")
            time.sleep(0.25)

    port = run.port()
    front = fronts.start(pki.mail.block(),
                         route("ticks", port, toys(ticks).port, idle_timeout="4s"))
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert client.read_all() == b"tick\n" * 24
    assert front.wait_for_log("end")["end"] == "the upstream closed"


def test_an_upstream_that_does_not_answer_the_dial(fronts, run, pki):
    hole, port = toy.FullBacklog(), run.port()
    try:
        front = fronts.start(pki.mail.block(), route("hole", port, hole.port, protocol="pop3",
                                                     connect_timeout="1s"))
        with tls.TlsClient(port, tls.context(pki)) as client:
            assert client.read_all().startswith(b"-ERR [SYS/TEMP]")
        assert front.wait_for_log("upstream-failed")["why"] == "connect timeout"
    finally:
        hole.close()


@pytest.mark.parametrize("protocol, refusal", [
    ("pop3", b"-ERR [SYS/TEMP]"), ("smtp", b"421 "), ("imap", b"* BYE"), ("nntp", b"400 ")])
def test_an_upstream_that_never_greets(fronts, run, pki, toys, protocol, refusal):
    port, upstream = run.port(), toys(toy.silent)
    front = fronts.start(pki.mail.block(), route("mute", port, upstream.port, protocol=protocol,
                                                 greeting_timeout="1s"))
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert client.read_all().startswith(refusal)
        assert client.ended == tls.CLOSE_NOTIFY
    assert "greeting" in front.wait_for_log("upstream-failed")["why"]
    upstream.wait_empty()


# ---- back-pressure -----------------------------------------------------------------------------

FLOOD = 96 << 20
ROOM_KIB = 8192


def test_a_client_that_does_not_read_does_not_fill_the_memory(fronts, run, pki, toys, version,
                                                              memory_factor):
    sent = []

    def flood(connection):
        block = bytes(65536)
        for _ in range(FLOOD // len(block)):
            connection.sendall(block)
            sent.append(len(block))

    port = run.port()
    front = fronts.start(pki.mail.block(), route("flood", port, toys(flood).port), workers=1)
    worker, = front.workers()
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        wait_until(lambda: sent, "the flood to begin")
        before = process.resident_kib(worker)

        def stalled():
            count = len(sent)
            time.sleep(0.3)
            return len(sent) == count

        wait_until(stalled, "the flood to be held back")
        assert sum(sent) < FLOOD
        assert process.resident_kib(worker) - before < ROOM_KIB * memory_factor
        total = len(client.read_all())
        assert total == FLOOD
        assert process.resident_kib(worker) - before < ROOM_KIB * memory_factor


def test_an_upstream_that_does_not_read_does_not_fill_the_memory(fronts, run, pki, toys, version,
                                                                 memory_factor):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("slow", port, toys(toy.slow_reader).port),
                         workers=1)
    worker, = front.workers()
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        before = process.resident_kib(worker)
        block = bytes(1 << 20)
        for _ in range(FLOOD // len(block)):
            client.send(block)
            assert process.resident_kib(worker) - before < ROOM_KIB * memory_factor
        client.close_notify()
        assert client.read_all() == str(FLOOD).encode()


def test_an_idle_session_costs_little(fronts, run, pki, toys, memory_factor):
    """No record buffers, no handshake state: its keys, two sockets' handles and a timer."""
    port, count = run.port(), 300
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port), workers=1)
    worker, = front.workers()
    settings = tls.context(pki)
    with tls.TlsClient(port, settings) as first:
        assert tls.says(first)
        before = process.resident_kib(worker)
        clients = [tls.TlsClient(port, settings) for _ in range(count)]
        assert front.active("echo") == count + 1
        grown = process.resident_kib(worker) - before
        for client in clients:
            client.close()
    assert grown / count < 4 * memory_factor, f"{grown / count:.1f} KiB per session"


def test_a_silent_connection_costs_less_still(fronts, run, pki, toys, memory_factor):
    """And one that says the beginning of a ClientHello no more than that: no TLS is set up for it."""
    port, count = run.port(), 500
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port), workers=1)
    worker, = front.workers()
    with tls.TlsClient(port, tls.context(pki)) as first:
        assert tls.says(first)
    before = process.resident_kib(worker)
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    wait_until(lambda: front.active("echo") == count, "all to be accepted")
    silent = process.resident_kib(worker) - before
    for connection in crowd:
        connection.sendall(b"\x16\3\1\1\0" + b"\1\0\0\xfc" + b"\3\3" + bytes(32))
    with tls.TlsClient(port, tls.context(pki)) as last:
        assert tls.says(last)
    begun = process.resident_kib(worker) - before
    for connection in crowd:
        connection.close()
    assert silent / count < 2 * memory_factor, f"{silent / count:.1f} KiB for a silent one"
    assert begun / count < 3 * memory_factor, f"{begun / count:.1f} KiB for one that has begun"


# ---- descriptors -------------------------------------------------------------------------------

def few_files(number):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def crowd_in(port, settings):
    """Sessions until there is no place for another one, and the client who waits for that."""
    inside = []
    while True:
        client = tls.TlsClient(port, settings, handshake=False)
        client.socket.settimeout(1)
        client.TIMEOUT = 1
        try:
            client.handshake()
        except TimeoutError:
            return inside, client
        inside.append(client)


def test_without_descriptors_it_neither_spins_nor_stops_for_good(fronts, run, pki, toys):
    """More clients than descriptors: some are served, the rest wait, and all is well afterwards."""
    port, upstream = run.port(), toys(toy.echo)
    front = fronts.start(pki.mail.block(), route("echo", port, upstream.port), workers=1,
                         before_exec=few_files(96))
    worker, = front.workers()
    settings = tls.context(pki)
    with tls.TlsClient(port, settings) as inside:
        assert tls.says(inside)
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        wait_until(lambda: front.log("accept-paused"), "accepting to pause")
        spent, began = process.cpu_seconds(worker), time.monotonic()
        time.sleep(2)
        lines = len(front.log("accept-paused"))
        assert process.cpu_seconds(worker) - spent < 0.5
        assert lines <= time.monotonic() - began + 3, "at most a line a second"
        assert tls.says(inside), "established sessions go on"
        assert front.reload().returncode == 0, "there are descriptors for a reload"
        assert tls.says(inside)
        for connection in crowd:
            connection.close()
        with tls.TlsClient(port, settings) as after:
            assert tls.says(after)
    assert worker in front.workers()


def test_established_sessions_without_descriptors_for_more(fronts, run, pki, toys):
    """The same with real sessions: those beyond the limit wait in the queue and then get in."""
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port), workers=1,
                         before_exec=few_files(96))
    inside, outside = crowd_in(port, tls.context(pki))
    assert len(inside) >= 8
    assert front.log("accept-paused")
    assert all(tls.says(client) for client in inside)
    inside.pop().close()
    outside.TIMEOUT = SOON
    outside.handshake()
    assert tls.says(outside)
    for client in inside + [outside]:
        client.close()


def test_no_session_ends_by_a_reload_for_which_there_are_no_descriptors(fronts, run, pki, toys):
    port, upstream = run.port(), toys(toy.echo).port

    def route_of(count):
        addresses = [f"127.0.{number // 250}.{number % 250 + 1}:{port}" for number in range(count)]
        return pki.mail.block(), route("echo", addresses, upstream)

    front = fronts.start(*route_of(40), workers=1, before_exec=few_files(256))
    worker, = front.workers()
    inside, outside = crowd_in(port, tls.context(pki))
    assert len(inside) > 40
    assert front.reload().returncode == 0, "each address may be there twice"
    front.write(*route_of(160))
    done = front.reload()
    assert done.returncode == 1
    assert "no descriptors left" in done.stdout + done.stderr
    assert "LimitNOFILE" in done.stdout + done.stderr
    assert front.status()["generation"] == 2
    assert front.workers() == [worker]
    assert all(tls.says(client) for client in inside)
    for client in inside + [outside]:
        client.close()
    assert front.reload().returncode == 0


def test_clients_beyond_a_limit_take_no_places_from_another_route(fronts, run, pki, toys):
    """They are silent, so that nothing but a limit ends them; a few are told, the others reset."""
    limited, free, upstream = run.port(), run.port(), toys(toy.echo).port
    front = fronts.start(pki.mail.block(),
                         route("limited", limited, upstream, max_connections_per_ip=1),
                         route("free", free, upstream),
                         workers=1, before_exec=few_files(160))
    settings = tls.context(pki)
    crowd = [begin_to_connect(limited) for _ in range(150)]
    with tls.TlsClient(free, settings) as client:
        assert tls.says(client)
    ended = set()

    def most_have_ended():
        ended.update(one for one in crowd if one not in ended and is_reset(one))
        return len(crowd) - len(ended) < 10

    wait_until(most_have_ended, "most of the crowd to be reset")
    assert front.status()["routes"][0]["connections"]["refused"] >= len(ended)
    assert not front.log("accept-paused")
    assert "limited" in front.wait_for_log("newcomers-reset")["msg"]
    for connection in crowd:
        connection.close()


def begin_to_connect(port):
    """To somebody who may have reset the connection before connect() could say that it is there."""
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", port))
    return connection


def is_reset(connection):
    try:
        connection.recv(100)
    except BlockingIOError:
        pass
    except ConnectionResetError:
        return True
    return False


# ---- crowds ------------------------------------------------------------------------------------

def test_a_flood_of_handshakes_does_not_starve_a_session(fronts, run, pki, toys):
    port = run.port()
    fronts.start(pki.mail.block(),
                 route("echo", port, toys(toy.echo).port, handshake_timeout="5m"), workers=1)
    settings = tls.context(pki)
    with tls.TlsClient(port, settings) as inside:
        assert tls.says(inside)
        crowd = [tls.TlsClient(port, settings, handshake=False) for _ in range(300)]
        for client in crowd:
            with pytest.raises(tls.ssl.SSLWantReadError):
                client.tls.do_handshake()
            client.flush()
        assert all(tls.says(inside) for _ in range(20))
        for client in crowd:
            client.handshake()
            assert tls.says(client)
            client.close()


def test_churn_leaves_no_memory_and_no_descriptors_behind(fronts, run, pki, toys, memory_factor):
    port, upstream = run.port(), toys(toy.echo)
    front = fronts.start(pki.mail.block(), route("echo", port, upstream.port), workers=1)
    worker, = front.workers()
    settings = {version: tls.context(pki, version) for version in ("1.2", "1.3")}

    def churn(count):
        for number in range(count):
            client = tls.TlsClient(port, settings["1.2" if number % 2 else "1.3"])
            assert tls.says(client, b"x" * 20000)
            (client.close, client.drop, client.reset)[number % 3]()
        wait_until(lambda: front.active("echo") == 0, "the end of all sessions")
        return process.open_files(worker), process.resident_kib(worker)

    files, memory = churn(100)
    files_after, memory_after = churn(400)
    assert files_after == files
    assert memory_after - memory < 1024 * memory_factor
