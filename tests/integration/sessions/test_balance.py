"""balance: which of several upstreams a session is sent to, over all workers."""

import collections
import os
import random
import signal

import pytest

from clients import announce, tls
from clients.plain import PlainClient
from harness.config import route
from harness.wait import wait_until
from servers import toy

NAMES = (b"one", b"two", b"three")


@pytest.fixture
def three(toys):
    return [toys(toy.greeter(b"+OK " + name + b"\r\n")) for name in NAMES]


@pytest.fixture
def serve(fronts, run, pki, three):
    """Start, and give a function that connects: a client, and the name of the server that it got."""
    def start(balance, **options):
        port = run.port()
        front = fronts.start(pki.mail.block(), workers=3, *(
            route("many", port, [one.port for one in three], protocol="pop3", balance=balance,
                  **options),))

        def connect(source=None, header=b""):
            plain = PlainClient(port, source=source)
            plain.send(header)
            client = plain.secure(tls.context(pki))
            return client, client.read_until(b"\r\n").split()[1]

        return front, connect
    return start


def visit(connect, **options):
    client, name = connect(**options)
    client.close()
    return name


def test_rotation_gives_each_the_same_whichever_worker_it_is(serve):
    _, connect = serve("rotate")
    seen = [visit(connect) for _ in range(12)]
    assert set(seen[:3]) == set(NAMES)
    assert seen == seen[:3] * 4


def named(name):
    """Says who it is, whatever it is asked."""
    def handler(connection):
        connection.sendall(b"+OK ready\r\n")
        for _ in connection.makefile("rb"):
            connection.sendall(b"+OK " + name + b"\r\n")
    return handler


def test_a_session_that_upgrades_has_one_turn(fronts, run, pki, toys):
    """Its second upstream is the first one's server: else all TLS would come to every other one."""
    port, servers = run.port(), [toys(named(name)) for name in (b"even", b"odd")]
    fronts.start(pki.mail.block(), route("many", port, [one.port for one in servers], protocol="pop3",
                                         tls="optional", balance="rotate"), workers=2)
    seen = []
    for _ in range(6):
        client = PlainClient(port)
        client.read_until(b"\r\n")
        before = client.command(b"NOOP").split()[1]
        assert client.command(b"STLS").startswith(b"+OK")
        with client.secure(tls.context(pki)) as inside:
            inside.send(b"NOOP\r\n")
            seen.append(inside.read_until(b"\r\n").split()[1])
        assert seen[-1] == before
    assert seen in ([b"even", b"odd"] * 3, [b"odd", b"even"] * 3)


def test_rotation_passes_over_one_that_is_down(serve, three):
    _, connect = serve("rotate")
    three[1].close()
    assert set(visit(connect) for _ in range(9)) == {b"one", b"three"}


def test_the_one_with_the_fewest_sessions_is_next(serve):
    front, connect = serve("least")
    held = [connect() for _ in range(9)]
    try:
        assert collections.Counter(name for _, name in held) == dict.fromkeys(NAMES, 3)
        for gone in (b"two", b"two", b"one"):
            client, name = next(one for one in held if one[1] == gone)
            held.remove((client, name))
            client.close()
        wait_until(lambda: front.active("many") == 6, "the sessions to end")
        again = [connect() for _ in range(3)]
        held += again
        assert sorted(name for _, name in again) == [b"one", b"two", b"two"]
        assert again[0][1] == b"two"
    finally:
        for client, _ in held:
            client.close()


def test_those_that_die_with_their_worker_are_counted_no_more(serve):
    front, connect = serve("least")
    held = [connect() for _ in range(6)]
    for pid in front.workers():
        os.kill(pid, signal.SIGKILL)
    for client, _ in held:
        client.close()
    wait_until(lambda: front.serves() and front.active("many") == 0, "other workers")
    wait_until(lambda: len(front.workers()) == 3, "three workers")
    fresh = [connect() for _ in range(6)]
    assert collections.Counter(name for _, name in fresh) == dict.fromkeys(NAMES, 2)
    for client, _ in fresh:
        client.close()


def clients():
    return [f"127.0.0.{n}" for n in range(2, 42)]


def test_a_client_stays_with_its_server_and_a_loss_moves_nobody_elses(serve, three):
    _, connect = serve("source")
    before = {source: visit(connect, source=source) for source in clients()}
    assert set(before.values()) == set(NAMES)
    assert {source: visit(connect, source=source) for source in reversed(clients())} == before
    three[1].close()
    after = {source: visit(connect, source=source) for source in clients()}
    assert b"two" not in after.values()
    assert all(after[source] == name for source, name in before.items() if name != b"two")


def test_it_is_the_address_that_a_balancer_tells(serve):
    _, connect = serve("source", accept_proxy_from=["127.0.0.0/8"])
    places = {address: {visit(connect, source=random.choice(clients()), header=header(address, "::1" if ":" in address else "127.0.0.1"))
                        for header in (announce.v1, announce.v2) for _ in range(2)}
              for address in (*(f"192.0.2.{n}" for n in range(1, 25)), "2001:db8::1", "2001:db8:1::1")}
    assert {len(names) for names in places.values()} == {1}
    assert len(set.union(*places.values())) > 1


def test_an_order_that_changes_nothing_is_told(fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("one", run.port(), run.port(), balance="least"))
    checked = front.check()
    assert checked.returncode == 0
    assert "balance has no effect on one upstream" in checked.stdout + checked.stderr
