"""Hosts that vanish without a word: sessions with them end after tcp-user-timeout."""

import pytest

from clients import tls
from clients.plain import PlainClient
from harness.config import route
from harness.wait import wait_until
from servers import toy

CLIENT, FRONT, SERVER = "198.18.1.2", "198.18.1.1", "198.18.2.2"
UPSTREAM_PORT = 7  # in a namespace of our own
SILENCE = """
table inet silence {
    chain in { type filter hook input priority 0; policy drop; }
    chain out { type filter hook output priority 0; policy drop; }
}
"""


@pytest.fixture
def vanish(spaces):
    """The host of that role is gone; at the end it is back."""
    gone = []

    def go(role):
        spaces.command(role, "nft", "-f", "-", text=SILENCE)
        gone.append(role)

    yield go
    for role in gone:
        spaces.command(role, "nft", "flush", "ruleset")


@pytest.fixture
def speaking(spaces):
    """An upstream on another host."""
    upstream = spaces.run("server", lambda: toy.Toy(toy.echo, (SERVER, UPSTREAM_PORT)))
    yield upstream
    upstream.close()


@pytest.fixture
def front(fronts, run, pki, spaces, speaking):
    port = run.port()
    made = fronts.start(
        pki.mail.block(), route("far", f"{FRONT}:{port}", f"{SERVER}:{UPSTREAM_PORT}",
                                tcp_user_timeout="1s", idle_timeout="1h"),
        wrapper=spaces.wrapper("front"))
    made.port = port
    yield made
    made.terminate()


def connect(front, pki, spaces):
    plain = spaces.run("client", lambda: PlainClient(front.port, host=FRONT))
    client = plain.secure(tls.context(pki))
    assert tls.says(client)
    return client


def test_a_client_whose_host_is_gone_is_not_waited_for(front, pki, spaces, speaking, vanish):
    with connect(front, pki, spaces):
        vanish("client")
        ended = front.wait_for_log("end", fault="client")
        assert ended["end"] == "the client's connection broke"
        speaking.wait_empty()


def test_nor_one_that_has_not_acknowledged_what_was_sent(front, pki, spaces, speaking, vanish):
    with connect(front, pki, spaces):
        with speaking.lock:
            served, = speaking.connections
        vanish("client")
        served.sendall(b"are you there?")
        assert front.wait_for_log("end", fault="client")
        speaking.wait_empty()


def test_a_server_whose_host_is_gone_is_not_waited_for(front, pki, spaces, speaking, vanish):
    with connect(front, pki, spaces) as client:
        vanish("server")
        wait_until(lambda: not client.receive_some(), "the client to be told")
        assert client.ended == "reset"
        assert front.wait_for_log("end", fault="upstream")["end"] == "the upstream's connection broke"
