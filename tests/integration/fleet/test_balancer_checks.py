"""Health checks as haproxy makes them leave no line at info, no fault, and no connection to a server;
what they see is true."""

import signal
import socket
import struct

import pytest

from clients import announce, tls
from clients.observer import Metrics
from clients.plain import PlainClient
from harness.config import route
from harness.wait import wait_until
from servers import toy

GREETING = b"+OK hello\r\n"
BACKEND = """
backend mail
    {lines}
    server front 127.0.0.1:{port} check inter 2s fastinter 50ms downinter 50ms rise 10 {words}
"""
# The words of a server line, and of its backend; what haproxy says of the last check.
LOOKS = {
    "a port": ("", "", "L4OK"),
    "a header": ("send-proxy", "", "L4OK"),
    "a header of version 2": ("send-proxy-v2", "", "L4OK"),
    "TLS": ("send-proxy check-ssl verify none", "", "L6OK"),
    "TLS behind version 2": ("send-proxy-v2 check-ssl verify none", "", "L6OK"),
}
# Each mode's that a check sees anything of.
CASES = [("implicit", name) for name in LOOKS] + [
    (mode, name) for mode in ("required", "optional") for name in LOOKS if "TLS" not in name]


@pytest.fixture
def scene(fronts, run, pki, toys):
    """A daemon that believes the balancer: the front, its port, its observer's, and the upstream."""
    def start(protocol, mode, handler=toy.greeter(GREETING), **options):
        upstream, port, at = toys(handler), run.port(), run.port()
        front = fronts.start(
            pki.mail.block(),
            route("mail", port, upstream.port, protocol=protocol, tls=mode,
                  accept_proxy_from=["127.0.0.0/8"]),
            observe=[f"127.0.0.1:{at}"], **options)
        return front, port, at, upstream
    return start


def looked(front):
    """How often somebody has been there and gone again."""
    counted = front.route_status("mail")["connections"]
    return counted["accepted"] - counted["active"]


def faults(at):
    """Ends that were somebody's fault, and handshakes that failed."""
    seen = Metrics(at)
    return ([one for one in seen.labels("tlsfront_connection_ends_total") if one["fault"] != "none"],
            seen.get("tlsfront_handshake_failures_total", route="mail"))


@pytest.mark.parametrize("mode, look", CASES)
def test_a_look_is_quiet_and_no_servers_business(scene, balancers, mode, look):
    words, lines, verdict = LOOKS[look]
    front, port, at, upstream = scene("pop3", mode)
    balancer = balancers(BACKEND.format(port=port, words=words, lines=lines))
    balancer.looks_well("mail", "front")
    seen = balancer.server("mail", "front")
    balancer.stop()
    assert seen["status"].startswith("UP") and seen["check_status"].lstrip("* ") == verdict
    assert front.log("end") == [] and front.log("open") == []
    assert faults(at) == ([], 0)
    assert upstream.accepted == 0
    checks = front.route_status("mail")["connections"]["checks"]
    assert checks == Metrics(at).get("tlsfront_balancer_checks_total", route="mail")
    assert (checks > 0) == (look != "a port")


def test_one_that_waits_for_the_greeting_reads_it_and_is_as_quiet(scene, balancers):
    front, port, at, upstream = scene("pop3", "implicit")
    lines = "option tcp-check\n    tcp-check connect ssl send-proxy\n    tcp-check expect string +OK"
    balancer = balancers(BACKEND.format(port=port, words="send-proxy-v2 verify none", lines=lines))
    balancer.looks_well("mail", "front")
    seen = balancer.server("mail", "front")
    balancer.stop()
    assert seen["status"].startswith("UP") and seen["check_status"].lstrip("* ") == "L7OK"
    assert upstream.accepted >= 10
    assert front.log("end") == [] and front.log("open") == []
    assert faults(at) == ([], 0)


def test_one_that_speaks_is_answered(scene, balancers):
    front, port, _, upstream = scene("smtp", "optional", toy.greeter(b"220 hello\r\n"))
    lines = "option tcp-check\n    tcp-check connect send-proxy\n    tcp-check send-lf NOOP\\r\\n\n" \
            "    tcp-check expect string +OK"
    balancer = balancers(BACKEND.format(port=port, words="", lines=lines))
    balancer.looks_well("mail", "front")
    seen = balancer.server("mail", "front")
    balancer.stop()
    assert seen["status"].startswith("UP") and seen["check_status"].lstrip("* ") == "L7OK"
    assert upstream.accepted >= 10
    assert front.log("end") == [] and front.log("open") == []


def test_while_newcomers_are_refused_a_look_through_tls_fails(scene, balancers, pki):
    front, port, at, _ = scene("pop3", "implicit", drain_timeout="1h")
    balancer = balancers(BACKEND.format(
        port=port, words="send-proxy-v2 check-ssl verify none", lines=""))
    balancer.wait_for("mail", "front", "UP")
    with PlainClient(port, source="127.0.0.3") as client:
        client.send(announce.v2("192.0.2.7"))
        with client.secure(tls.context(pki)) as session:
            session.read_until(GREETING)
            front.send(signal.SIGTERM)
            balancer.wait_for("mail", "front", "DOWN")
            assert session.command(b"NOOP").startswith(b"+OK")
    assert Metrics(at).get("tlsfront_connections_refused_total", route="mail") in (0, None)
    balancer.stop()
    front.verify_end(front.process.wait(30))


# ---- by hand: what no balancer does on demand ----------------------------------------------------

LOCAL = {"v1": b"PROXY UNKNOWN\r\n", "v2": announce.v2("192.0.2.7", command=0)}


def reset(client):
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


@pytest.mark.parametrize("version", LOCAL)
@pytest.mark.parametrize("protocol", ["ldap", "tcp", "imap"])
def test_one_that_finishes_the_handshake_and_says_goodbye(scene, pki, protocol, version):
    front, port, at, upstream = scene(protocol, "implicit")
    with PlainClient(port) as client:
        client.send(LOCAL[version])
        client.secure(tls.context(pki)).close()
    wait_until(lambda: looked(front) == 1, "the session to end")
    assert upstream.accepted == 0
    assert front.log("end") == []
    assert faults(at) == ([], 0)


def test_where_clients_speak_first_one_that_says_nothing_is_no_servers_business(scene, pki):
    front, port, _, upstream = scene("ldap", "implicit", toy.echo)
    with PlainClient(port) as client:
        client.send(LOCAL["v2"])
        with client.secure(tls.context(pki)) as session:
            with pytest.raises(TimeoutError):
                session.fill(1.5)  # three times as long as one waits where the server speaks first
            assert upstream.accepted == 0
            session.send(b"0\x05\x02\x01\x01\x42\x00")
            wait_until(lambda: upstream.accepted == 1, "the server to be asked")
    assert front.log("open") == []


def test_a_check_is_not_held_against_its_address(fronts, run, pki, toys):
    port, upstream = run.port(), toys(toy.echo)
    front = fronts.start(pki.mail.block(), route(
        "mail", port, upstream.port, accept_proxy_from=["127.0.0.0/8"], max_connections_per_ip=1))
    sessions = []
    for _ in range(3):
        client = PlainClient(port)
        client.send(LOCAL["v2"])
        sessions.append(client.secure(tls.context(pki)))
    assert all(tls.says(one) for one in sessions)
    for one in sessions:
        one.close()
    assert front.log("end") == []


def test_a_balancer_that_comes_from_its_clients_address_speaks_for_the_client(scene, pki):
    """haproxy's `usesrc client`: source and port are the client's, and it had connected to the balancer."""
    front, port, _, _ = scene("pop3", "implicit")
    with PlainClient(port) as client:
        ours = client.socket.getsockname()
        client.send(announce.v1(ours[0], "192.0.2.4", (ours[1], 995)))
        with client.secure(tls.context(pki)) as session:
            session.read_until(GREETING)
    assert front.wait_for_log("open", route="mail", client=f"{ours[0]}:{ours[1]}")
    assert front.route_status("mail")["connections"]["checks"] == 0


def test_clients_behind_the_same_balancer_are_told_of_as_ever(scene, pki):
    front, port, at, _ = scene("pop3", "implicit")
    with PlainClient(port) as client:
        client.send(announce.v2("192.0.2.7"))
        session = client.secure(tls.context(pki))
        session.read_until(GREETING)
        session.drop()
    end = front.wait_for_log("end", route="mail")
    assert (end["fault"], end["client"]) == ("client", "192.0.2.7:4321")
    assert front.log("open")
    assert Metrics(at).get("tlsfront_balancer_checks_total", route="mail") == 0


@pytest.mark.parametrize("leave", ["fin", "reset"])
@pytest.mark.parametrize("mode", ["implicit", "required"])
def test_nobody_is_to_blame_for_leaving_without_a_word(fronts, run, pki, toys, mode, leave):
    """From anywhere: so keepalived looks."""
    port, at, upstream = run.port(), run.port(), toys(toy.greeter(GREETING))
    front = fronts.start(pki.mail.block(), route("mail", port, upstream.port, protocol="pop3", tls=mode),
                         observe=[f"127.0.0.1:{at}"])
    client = PlainClient(port)
    if leave == "reset":
        reset(client)
    else:
        client.socket.close()
    wait_until(lambda: looked(front) == 1, "the session to end")
    assert front.log("end") == []
    assert faults(at) == ([], 0)
