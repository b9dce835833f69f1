"""An upstream that comes to lead back here while the daemon runs: nobody is sent there."""

import pytest

from clients.plain import PlainClient
from harness.config import route
from harness.wait import wait_until

FRONT, VIRTUAL = {4: "198.18.1.1", 6: "[fd00:1::1]"}, {4: "198.18.1.100", 6: "[fd00:1::100]"}
BITS = {4: 32, 6: 128}
WHY = "leads back here, where route mx listens"


@pytest.fixture(params=[4, 6], ids=["inet", "inet6"])
def come(spaces, request):
    """(the front's address, the one that comes to it, and what brings it)."""
    words = [f"{VIRTUAL[request.param].strip('[]')}/{BITS[request.param]}", "dev", "lo"]
    came = []

    def come():
        spaces.ip("front", "addr", "add", *words)
        came.append(words)

    yield FRONT[request.param], VIRTUAL[request.param], come
    for words in came:
        spaces.ip("front", "addr", "del", *words)


@pytest.fixture
def start(fronts, run, pki, spaces, come):
    def start(**options):
        here, virtual, bring = come
        port = run.port()
        everywhere = "0.0.0.0" if here == FRONT[4] else "[::]"
        front = fronts.start(
            pki.mail.block(), route("mx", f"{everywhere}:{port}", f"{virtual}:{port}",
                                    protocol="smtp", tls="optional", connect_timeout="500ms",
                                    **options), wrapper=spaces.wrapper("front"), workers=2)
        bring()
        return front, lambda: spaces.run("client", lambda: PlainClient(port, host=here.strip("[]")))
    return start


def test_a_session_is_not_sent_to_where_it_comes_from(start):
    front, connect = start()
    with connect() as client:
        assert client.read_until(b"\r\n").startswith(b"421 ")
    assert front.wait_for_log("upstream-failed")["why"] == WHY
    assert front.route_status("mx")["connections"]["accepted"] == 1
    front.terminate()


def test_a_visit_is_not_made_there(start):
    front, _ = start(health_check="200ms")

    def found():
        [upstream] = front.route_status("mx")["upstreams"]
        return upstream["why"]

    wait_until(lambda: found() == "other", "a visit behind the address's coming")
    connections = front.route_status("mx")["connections"]
    assert connections["accepted"] == connections["checks"] == 0
    front.terminate()
