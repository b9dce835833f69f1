"""Several upstreams: tried in order, those that failed last, back as soon as they are."""

import socket
import time

import pytest

from clients import tls
from clients.observer import Metrics
from harness.config import route
from harness.wait import wait_until
from servers import toy


def greeting(port, pki):
    with tls.TlsClient(port, tls.context(pki)) as client:
        return client.read_until(b"\r\n")


def named(name):
    return toy.greeter(b"+OK " + name + b"\r\n")


def test_the_first_upstream_serves_while_it_is_there(fronts, run, pki, toys):
    port, first, second = run.port(), toys(named(b"first")), toys(named(b"second"))
    fronts.start(pki.mail.block(),
                 route("pair", port, [first.port, second.port], protocol="pop3"))
    assert [greeting(port, pki) for _ in range(5)] == [b"+OK first\r\n"] * 5
    assert second.accepted == 0


def test_the_next_one_serves_when_the_first_is_down(fronts, run, pki, toys, version):
    port, second = run.port(), toys(named(b"second"))
    front = fronts.start(pki.mail.block(),
                         route("pair", port, [run.port(), second.port], protocol="pop3"))
    assert greeting(port, pki) == b"+OK second\r\n"
    ended = front.wait_for_log("end")
    assert ended["upstream"] == f"127.0.0.1:{second.port}"
    assert ended["fault"] == "none"


def test_however_many_are_tried_all_are_told_of(fronts, run, pki):
    port, at = run.port(), run.port()
    upstreams = [f"unix:/run/nobody-{number}" for number in range(40)]
    front = fronts.start(pki.mail.block(), route("many", port, upstreams, protocol="pop3"),
                         observe=[f"127.0.0.1:{at}"])
    assert greeting(port, pki).startswith(b"-ERR")
    told = front.route_status("many")["upstreams"]
    assert [(one["upstream"], one["state"]) for one in told] == [(one, "down") for one in upstreams]
    seen = Metrics(at)
    assert {one["upstream"] for one in seen.labels("tlsfront_upstream_up")} == set(upstreams)
    assert seen.get("tlsfront_upstream_failures_total", route="many") == len(upstreams)


@pytest.mark.parametrize("handler", [lambda connection: None, toy.silent])
def test_one_that_accepts_but_does_not_greet_is_passed_over(fronts, run, pki, toys, handler):
    port = run.port()
    first, second = toys(handler), toys(named(b"second"))
    fronts.start(pki.mail.block(), route("pair", port, [first.port, second.port], protocol="pop3",
                                         greeting_timeout="3s"))
    assert greeting(port, pki) == b"+OK second\r\n"
    assert first.accepted == 1


def test_one_that_does_not_answer_the_dial_is_passed_over(fronts, run, pki, toys):
    hole, port = toy.FullBacklog(), run.port()
    try:
        fronts.start(pki.mail.block(),
                     route("pair", port, [hole.port, toys(named(b"second")).port],
                           protocol="pop3", connect_timeout="500ms"))
        assert greeting(port, pki) == b"+OK second\r\n"
    finally:
        hole.close()


def test_the_first_serves_again_soon_after_it_is_back(fronts, run, pki, toys):
    port, first = run.port(), run.port()
    fronts.start(pki.mail.block(),
                 route("pair", port, [first, toys(named(b"second")).port], protocol="pop3"))
    assert greeting(port, pki) == b"+OK second\r\n"
    toys(named(b"first"), ("127.0.0.1", first))
    wait_until(lambda: greeting(port, pki) == b"+OK first\r\n" or time.sleep(0.1),
               "the first upstream to be used again", 10)


def test_an_upstream_that_flaps_costs_no_client_more_than_a_refusal(fronts, run, pki, toys):
    port, place = run.port(), run.port()
    fronts.start(pki.mail.block(), route("flap", port, place, protocol="pop3"))
    for _ in range(5):
        upstream = toys(named(b"here"), ("127.0.0.1", place))
        wait_until(lambda: greeting(port, pki) == b"+OK here\r\n" or time.sleep(0.1),
                   "service to be back", 10)
        upstream.close()
        assert greeting(port, pki).startswith(b"-ERR [SYS/TEMP]")


def test_a_name_may_stand_for_the_upstream(fronts, run, pki, toys):
    port = run.port()
    upstream = toys(named(b"by name"))
    fronts.start(pki.mail.block(),
                 route("name", port, f"localhost:{upstream.port}", protocol="pop3"))
    assert greeting(port, pki) == b"+OK by name\r\n"


def test_a_name_that_does_not_resolve_is_refused_politely(fronts, run, pki):
    port = run.port()
    front = fronts.start(pki.mail.block(),
                         route("name", port, "no-such-host.invalid:110", protocol="pop3"))
    assert greeting(port, pki).startswith(b"-ERR [SYS/TEMP]")
    assert "no-such-host.invalid" in front.wait_for_log("resolve-failed")["msg"]


def test_the_source_address_is_the_configured_one(fronts, run, pki, toys):
    seen = []

    def peer_name(connection):
        seen.append(connection.getpeername()[0])
        toy.echo(connection)

    port = run.port()
    fronts.start(pki.mail.block(), route("from", port, toys(peer_name).port, source="127.0.0.7"))
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.send(b"x")
        assert client.read_exactly(1) == b"x"
    assert seen == ["127.0.0.7"]


def proxy_v2(connection):
    """Reads a PROXY protocol v2 header and says what it holds, then echoes."""
    head = b""
    while len(head) < 16:
        head += connection.recv(16 - len(head))
    assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n"
    body, size = b"", int.from_bytes(head[14:16], "big")
    while len(body) < size:
        body += connection.recv(size - len(body))
    source = socket.inet_ntoa(body[:4]), int.from_bytes(body[8:10], "big")
    connection.sendall(b"%s:%d tls=%d\n" % (source[0].encode(), source[1], b"TLSv1." in body))
    toy.echo(connection)


def proxy_v1(connection):
    connection.sendall(connection.makefile("rb", buffering=0).readline())
    toy.echo(connection)


def test_the_upstream_learns_the_client_by_the_proxy_protocol(fronts, run, pki, toys):
    ports = run.port(), run.port()
    fronts.start(pki.mail.block(),
                 route("one", ports[0], toys(proxy_v1).port, send_proxy="v1"),
                 route("two", ports[1], toys(proxy_v2).port, send_proxy="v2"))
    with tls.TlsClient(ports[0], tls.context(pki)) as client:
        address, number = client.socket.getsockname()
        assert client.read_until(b"\n") == \
            b"PROXY TCP4 %s 127.0.0.1 %d %d\r\n" % (address.encode(), number, ports[0])
        client.send(b"hello\n")
        assert client.read_until(b"\n") == b"hello\n"
    with tls.TlsClient(ports[1], tls.context(pki)) as client:
        address, number = client.socket.getsockname()
        assert client.read_until(b"\n") == b"%s:%d tls=1\n" % (address.encode(), number)
