"""Who may come in, and how often: allow, deny, connection-rate-per-ip."""

import os
import re
import signal
import socket
import urllib.error
import urllib.request

import pytest

from clients import announce, dialects, tls
from clients.observer import Metrics
from clients.plain import PlainClient
from harness.config import acme, route
from harness.wait import wait_until
from servers import toy

HOSTNAME = "front.example.test"
IN, OUT = "127.0.0.2", "127.0.0.66"  # two clients
BALANCER = "127.0.0.3"
FAR, FAR6 = "192.0.2.7", "2001:db8:1:2::7"  # of whom the balancer tells

# What one who is refused reads (RFC 5321, 1939 with 3206, 9051, 3977, 5804).
REFUSED = {"smtp": rb"421 front\.example\.test .+\r\n", "pop3": rb"-ERR \[SYS/TEMP\] .+\r\n",
           "imap": rb"\* BYE .+\r\n", "nntp": rb"400 .+\r\n", "sieve": rb'BYE .*".+"\r\n'}
NOTICE_OF_DISCONNECTION = b"1.3.6.1.4.1.1466.20036"


def assert_refused(protocol, text, words):
    assert words in text, text
    if protocol == "ldap":
        assert NOTICE_OF_DISCONNECTION in text
    else:
        assert re.fullmatch(REFUSED[protocol], text), text


def connect(port, mode, pki, source):
    """As far as a greeting, or a refusal."""
    if mode == "implicit":
        return tls.TlsClient(port, tls.context(pki), source=source)
    return PlainClient(port, source=source)


def refusal(port, mode, pki, source):
    with connect(port, mode, pki, source) as client:
        return client.read_all()


def refused_by(front, name, reason):
    return front.route_status(name)["connections"]["refused_by"][reason]


def accepted_by(front, name):
    return front.route_status(name)["connections"]["accepted"]


MODES = ("implicit", "required", "optional")


@pytest.fixture(params=dialects.ALL, ids=lambda one: one.protocol)
def floor(request, fronts, run, pki, speaker):
    """make(**options) -> (front, dialect, {mode: port}), observed at `front.at`."""
    dialect = request.param

    def make(**options):
        modes = [mode for mode in MODES if mode != "implicit" or dialect.protocol != "sieve"]
        ports, upstream = {mode: run.port() for mode in modes}, speaker(dialect).port
        at = run.port()
        front = fronts.start(pki.mail.block(), *(
            route(mode, port, upstream, protocol=dialect.protocol, tls=mode, hostname=HOSTNAME,
                  **options) for mode, port in ports.items()), observe=[f"127.0.0.1:{at}"])
        front.at = at
        return front, dialect, ports
    return make


@pytest.mark.parametrize("options", [{"deny": [f"{OUT}/32"]}, {"allow": [f"{IN}/31"]}],
                         ids=["deny", "allow"])
def test_who_may_not_come_in_is_told_in_its_protocol(floor, pki, options):
    front, dialect, ports = floor(**options)
    for mode, port in ports.items():
        assert_refused(dialect.protocol, refusal(port, mode, pki, OUT), b"No service for your")
        ended = front.wait_for_log("end", route=mode, end="refused: its address may not come in")
        assert ended["fault"] == "client"
        assert ended["client"].startswith(f"{OUT}:")
        assert refused_by(front, mode, "denied") == 1
        with connect(port, mode, pki, IN) as client:
            dialect.greet(client, mode)
        seen = Metrics(front.at)
        assert seen.get("tlsfront_connections_refused_total", route=mode, reason="denied") == 1
        assert seen.get("tlsfront_connections_refused_total", route=mode, reason="limit") == 0


def test_who_comes_too_often_is_told_in_its_protocol(floor, pki):
    front, dialect, ports = floor(connection_rate_per_ip="2/1h")
    for mode, port in ports.items():
        for source in (OUT, OUT, IN):
            with connect(port, mode, pki, source) as client:
                dialect.greet(client, mode)
        wait_until(lambda: accepted_by(front, mode) == 3, "all to be let in")
        assert_refused(dialect.protocol, refusal(port, mode, pki, OUT), b"in a short time")
        ended = front.wait_for_log("end", route=mode, end="refused: it connects too often")
        assert ended["fault"] == "client"
        assert ended["client"].startswith(f"{OUT}:")
        assert refused_by(front, mode, "rate") == 1
        assert Metrics(front.at).get("tlsfront_connections_refused_total", route=mode,
                                     reason="rate") == 1
        with connect(port, mode, pki, IN) as client:
            dialect.greet(client, mode)


def test_deny_comes_before_allow(fronts, run, pki, toys):
    port = run.port()
    fronts.start(pki.mail.block(), route("few", port, toys(toy.echo).port,
                                         allow=["127.0.0.0/8"], deny=[f"{OUT}/32"]))
    with tls.TlsClient(port, tls.context(pki), source=IN) as client:
        assert tls.says(client)
    with tls.TlsClient(port, tls.context(pki), source=OUT) as client:
        assert client.read_all() == b"" and client.ended == tls.CLOSE_NOTIFY


def test_ipv6_clients_are_denied_by_networks_of_their_own(fronts, run, pki, toys):
    port = run.port()
    listen = [f"127.0.0.1:{port}", f"[::1]:{port}"]
    blocks = lambda **options: (pki.mail.block(), route("both", listen, toys(toy.echo).port,
                                                        **options))
    front = fronts.start(*blocks(deny=["::/0", "::ffff:127.0.0.66/128"]))

    def outcome(host, source=None):
        with tls.TlsClient(port, tls.context(pki), host=host, source=source) as client:
            client.send(b"hello")
            try:
                return client.read_exactly(5) == b"hello"
            except AssertionError:
                return False

    assert not outcome("::1")
    assert outcome("127.0.0.1", IN)
    assert not outcome("127.0.0.1", OUT)
    front.write(*blocks(allow=["::1"]))
    assert front.reload().returncode == 0
    assert outcome("::1")
    assert not outcome("127.0.0.1", IN)


# ---- the rate ----------------------------------------------------------------------------------


@pytest.fixture
def limited(fronts, run, pki, toys):
    """make(rate, **options) -> front, with `front.comes(source)`: is it served?"""
    def make(rate, workers=3, **options):
        port, upstream = run.port(), toys(toy.greeter(b"+OK ready\r\n")).port

        def blocks(rate):
            return pki.mail.block(), route("fair", port, upstream, protocol="pop3",
                                           connection_rate_per_ip=rate, **options)

        def comes(source):
            with tls.TlsClient(port, tls.context(pki), source=source) as client:
                return client.read_until(b"\r\n").startswith(b"+OK")

        def change(rate):
            front.write(*blocks(rate))
            done = front.reload()
            assert done.returncode == 0, done.stderr

        front = fronts.start(*blocks(rate), workers=workers)
        front.port, front.comes, front.change = port, comes, change
        return front
    return make


def test_a_rate_is_one_over_all_workers(limited):
    """They are as many, and have a queue each: a client meets now this one, now that."""
    front = limited("9/1h", workers=4)
    assert [front.comes(OUT) for _ in range(13)] == [True] * 9 + [False] * 4
    assert front.comes(IN)


def test_who_waited_comes_in_again(limited):
    front = limited("2/2s")
    while front.comes(OUT):
        pass
    wait_until(lambda: front.comes(OUT), "a period to pass")


def test_a_reload_forgets_nobody(limited):
    front = limited("3/1h")
    assert [front.comes(OUT) for _ in range(4)] == [True] * 3 + [False]
    front.change("3/1h")
    assert not front.comes(OUT)
    front.change("4/1h")
    assert [front.comes(OUT) for _ in range(2)] == [True, False]
    front.change("off")
    assert all(front.comes(OUT) for _ in range(6))


def test_a_worker_that_is_replaced_has_forgotten_nobody(limited):
    front = limited("3/1h", workers=1)
    assert [front.comes(OUT) for _ in range(4)] == [True] * 3 + [False]
    worker, = front.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: front.workers() not in ([], [worker]), "another worker")
    wait_until(lambda: front.log("worker-died"), "the death to be told")
    assert not front.comes(OUT)


def test_an_upgrade_forgets_nobody(limited):
    front = limited("3/1h")
    assert [front.comes(OUT) for _ in range(4)] == [True] * 3 + [False]
    done = front.command("upgrade", "-c", front.file)
    assert done.returncode == 0, done.stderr
    assert not front.comes(OUT)
    assert front.comes(IN)


def test_a_crowd_beyond_a_rate_fills_no_log(limited):
    front = limited("1/1h", workers=1)
    assert front.comes(OUT)
    crowd = []
    for _ in range(300):
        try:
            crowd.append(socket.create_connection(("127.0.0.1", front.port), 30, (OUT, 0)))
        except ConnectionResetError:
            pass  # before connect() had returned
    wait_until(lambda: front.route_status("fair")["connections"]["accepted"] == 301, "the crowd")
    for one in crowd:
        one.close()
    wait_until(lambda: refused_by(front, "fair", "rate") + len(front.log("end")) >= 290,
               "most of them to be refused")
    assert len(front.log("end", end="refused: it connects too often")) < 100
    line = front.wait_for_log("newcomers-reset")
    assert "connect too often" in line["msg"] and OUT in line["msg"]
    assert front.comes(IN)


# ---- behind a balancer, without an address --------------------------------------------------------


def greeted(port, pki, header):
    client = PlainClient(port, source=BALANCER)
    client.send(header)
    with client.secure(tls.context(pki)) as session:
        return session.read_until(b"\r\n")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_whom_a_balancer_announces_is_judged_and_it_is_not(limited, pki, version):
    front = limited("2/1h", accept_proxy_from=[f"{BALANCER}/32"], deny=["192.0.2.0/25"])
    header = getattr(announce, version)
    for far, again in ((FAR6, "2001:db8:1:2:ffff::1"), ("192.0.2.200", "192.0.2.200")):
        local = "::1" if ":" in far else "127.0.0.1"
        assert greeted(front.port, pki, header(far, local)).startswith(b"+OK")
        assert greeted(front.port, pki, header(again, local)).startswith(b"+OK")
        assert b"short time" in greeted(front.port, pki, header(again, local))
    assert b"No service for your address" in greeted(front.port, pki, header(FAR))
    ended = front.wait_for_log("end", end="refused: its address may not come in")
    assert ended["client"].startswith(f"{FAR}:")
    if version == "v2":
        header = lambda *_: announce.v2(FAR, command=0)  # LOCAL: its own health check
        assert all(greeted(front.port, pki, header()).startswith(b"+OK") for _ in range(5))


def test_clients_of_a_unix_socket_have_no_address_to_be_judged_by(fronts, run, pki, toys):
    path, port = run.make_folder("guards-unix") / "front.sock", run.port()
    front = fronts.start(pki.mail.block(), route(
        "both", [f"unix:{path}", f"127.0.0.1:{port}"], toys(toy.echo).port,
        deny=["127.0.0.0/8"], connection_rate_per_ip="1/1h"))
    for _ in range(4):
        with tls.TlsClient(path, tls.context(pki)) as client:
            assert tls.says(client)
    assert refused_by(front, "both", "denied") == 0


def test_an_acme_route_has_guards_too(fronts, run, pki, toys):
    port, folder = run.port(), run.make_folder("guards-acme")
    folder.chmod(0o755)
    fronts.start(pki.mail.block(), route("other", run.port(), toys(toy.echo).port),
                 acme("http", port, folder, deny=["127.0.0.1/32"]))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/.well-known/acme-challenge/x", timeout=30)
    assert refused.value.code == 403
    refused.value.close()
