"""Refusals speak the protocol, inside TLS: upstream down, too many connections, shutting down."""

import re
import signal

import pytest

from clients import dialects, ldap, tls
from clients.plain import PlainClient
from harness.config import route
from harness.wait import wait_until
from servers import toy

HOSTNAME = "front.example.test"

# What the client reads when nobody is there (RFC 5321, 1939 with 3206, 9051, 3977, 5804).
REFUSALS = {
    "smtp": rb"421 front\.example\.test .+\r\n",
    "pop3": rb"-ERR \[SYS/TEMP\] .+\r\n",
    "imap": rb"\* BYE .+\r\n",
    "nntp": rb"400 .+\r\n",
    "sieve": rb'BYE .*".+"\r\n',
    "tcp": rb"",
}
NOTICE_OF_DISCONNECTION = b"1.3.6.1.4.1.1466.20036"
BUSY, UNAVAILABLE = 51, 52

# What is spoken on a route of each protocol; tcp carries any.
DIALECTS = {one.protocol: one for one in dialects.ALL} | {"tcp": dialects.POP3}

# How the upstream answers a dialect's probe.
HEARD = {
    "smtp": b"250 2.0.0 heard\r\n",
    "pop3": b"+OK heard\r\n",
    "imap": b"p OK heard\r\n",
    "nntp": b"111 heard\r\n",
    "sieve": b'OK "heard"\r\n',
    "ldap": ldap.message(2, ldap.ber(ldap.COMPARED, ldap.ber(10, b"\0"), ldap.ber(4),
                                     ldap.ber(4, b"heard"))),
}


def check_served(client, dialect):
    client.send(dialect.probe)
    answer = HEARD[dialect.protocol]
    assert client.read_exactly(len(answer)) == answer


def read_refusal(client):
    text = client.read_all()
    assert client.ended == tls.CLOSE_NOTIFY, "a refusal ends like a session: with close_notify"
    return text


def check_text(protocol, text):
    assert re.fullmatch(REFUSALS[protocol], text), text


def check_notice(text, code):
    """RFC 4511, 4.4.1: an ExtendedResponse with message id 0."""
    tag, content, rest = ldap.unber(text)
    assert (tag, rest) == (0x30, b"")
    _, number, operation = ldap.unber(content)
    assert number == b"\0"
    tag, content, rest = ldap.unber(operation)
    assert (tag, rest) == (ldap.EXTENDED, b"")
    tag, result, content = ldap.unber(content)
    assert (tag, result) == (0x0a, bytes([code]))
    _, matched, content = ldap.unber(content)
    _, words, content = ldap.unber(content)
    assert matched == b"" and words != b""
    tag, name, rest = ldap.unber(content)
    assert (tag, name, rest) == (0x8a, NOTICE_OF_DISCONNECTION, b"")


def check_refusal(protocol, text, code):
    check_notice(text, code) if protocol == "ldap" else check_text(protocol, text)


@pytest.fixture(scope="module")
def down(fronts, run, pki):
    """One route per protocol, each to a port where nobody listens."""
    ports = {protocol: run.port() for protocol in [*REFUSALS, "ldap"]}
    front = fronts.start(pki.mail.block(), *[
        route(protocol, port, run.port(), protocol=protocol, hostname=HOSTNAME)
        for protocol, port in ports.items()])
    return front, ports


@pytest.mark.parametrize("protocol", REFUSALS)
def test_without_an_upstream_the_client_is_told_in_its_protocol(down, pki, version, protocol):
    front, ports = down
    with tls.TlsClient(ports[protocol], tls.context(pki, version)) as client:
        check_text(protocol, read_refusal(client))
    ended = front.wait_for_log("end", route=protocol, tls=f"TLSv{version}")
    assert ended["fault"] == "upstream"
    assert ended["end"].startswith("refused")
    assert front.log("upstream-failed", route=protocol)[0]["level"] == "warn"


def test_without_an_upstream_ldap_clients_get_a_notice_of_disconnection(down, pki, version):
    _, ports = down
    with tls.TlsClient(ports["ldap"], tls.context(pki, version)) as client:
        check_notice(read_refusal(client), UNAVAILABLE)


def mumbler(greeting):
    """Greets, and answers all that it hears with what is no reply in any protocol."""
    def handler(connection):
        connection.sendall(greeting)
        while connection.recv(65536):
            connection.sendall(b"ready\r\n")
    return handler


@pytest.mark.parametrize("protocol", [one.protocol for one in dialects.ALL])
def test_an_upstream_of_another_protocol_is_the_clients_to_judge(fronts, run, pki, toys, protocol):
    """On TLS there is nothing of ours to protect. In clear: test_starttls_upstreams.py."""
    port = run.port()
    fronts.start(pki.mail.block(), route("other", port, toys(mumbler(b"ready\r\n")).port,
                                         protocol=protocol, hostname=HOSTNAME))
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert client.read_until(b"\n") == b"ready\r\n"
        client.send(DIALECTS[protocol].probe)
        assert client.read_until(b"\n") == b"ready\r\n"


def test_refusals_are_counted(down, pki):
    front, ports = down
    before = front.route_status("pop3")["connections"]["refused"]
    with tls.TlsClient(ports["pop3"], tls.context(pki)) as client:
        read_refusal(client)
    assert front.route_status("pop3")["connections"]["refused"] == before + 1


def test_a_client_that_talks_first_still_reads_the_refusal(down, pki, version):
    """Its bytes lie unread when the connection closes: no reset may eat the answer."""
    _, ports = down
    with tls.TlsClient(ports["ldap"], tls.context(pki, version)) as client:
        client.send(ldap.bind_request(1) * 50)
        check_notice(read_refusal(client), UNAVAILABLE)


@pytest.mark.parametrize("protocol", [*REFUSALS, "ldap"])
def test_beyond_max_connections_the_client_is_told_so(fronts, run, pki, speaker, protocol):
    port, dialect = run.port(), DIALECTS[protocol]
    front = fronts.start(pki.mail.block(),
                         route("few", port, speaker(dialect).port,
                               protocol=protocol, hostname=HOSTNAME, max_connections=3))
    settings = tls.context(pki)
    inside = [tls.TlsClient(port, settings) for _ in range(3)]
    for client in inside:
        dialect.greet(client, "implicit")
    with tls.TlsClient(port, settings) as client:
        text = read_refusal(client)
    check_refusal(protocol, text, BUSY)
    assert front.wait_for_log("end", fault="tlsfront")["end"].startswith("refused: too many")
    for client in inside:
        check_served(client, dialect)
    inside.pop().close()
    wait_until(lambda: front.active("few") == 2, "the end of one session")
    with tls.TlsClient(port, settings) as client:
        dialect.greet(client, "implicit")
        check_served(client, dialect)
    for client in inside:
        client.close()


def test_max_connections_per_ip_counts_each_address_by_itself(fronts, run, pki, toys):
    port = run.port()
    front = fronts.start(pki.mail.block(),
                         route("fair", port, toys(toy.greeter(b"+OK ready\r\n")).port,
                               protocol="pop3", max_connections_per_ip=2), workers=3)
    settings = tls.context(pki)
    first = [tls.TlsClient(port, settings, source="127.0.0.1") for _ in range(2)]
    second = [tls.TlsClient(port, settings, source="127.0.0.2") for _ in range(2)]
    for client in first + second:
        client.read_until(b"+OK ready\r\n")
    for source in ("127.0.0.1", "127.0.0.2"):
        with tls.TlsClient(port, settings, source=source) as client:
            check_text("pop3", read_refusal(client))
    with tls.TlsClient(port, settings, source="127.0.0.3") as client:
        client.read_until(b"+OK ready\r\n")
    first.pop().close()
    wait_until(lambda: front.active("fair") == 3, "the end of two sessions")
    with tls.TlsClient(port, settings, source="127.0.0.1") as client:
        client.read_until(b"+OK ready\r\n")
    for client in first + second:
        client.close()


@pytest.mark.parametrize("protocol", [*REFUSALS, "ldap"])
def test_while_draining_newcomers_are_told_so(fronts, run, pki, toys, protocol):
    port, keep = run.port(), run.port()
    upstream = toys(toy.greeter(b"+OK ready\r\n")).port
    front = fronts.start(pki.mail.block(), route("keep", keep, upstream),
                         route("drained", port, upstream, protocol=protocol, hostname=HOSTNAME),
                         drain_timeout="60s")
    with tls.TlsClient(keep, tls.context(pki)) as inside:
        inside.read_until(b"+OK ready\r\n")
        front.workers()
        front.send(signal.SIGTERM)
        front.wait_for_log("draining")
        with tls.TlsClient(port, tls.context(pki)) as client:
            text = read_refusal(client)
        check_refusal(protocol, text, UNAVAILABLE)
        assert inside.command(b"NOOP") == b"+OK NOOP\r\n"
    front.verify_end(front.process.wait(30))


# ---- the end of a drain --------------------------------------------------------------------------

@pytest.mark.parametrize("protocol", [*REFUSALS, "ldap"])
def test_who_is_left_at_the_end_of_a_drain_is_said_goodbye(fronts, run, pki, speaker, protocol,
                                                          version):
    """Between two replies, a second behind the last. POP3 has no place for unasked words, and tcp no
    words."""
    port, dialect = run.port(), DIALECTS[protocol]
    front = fronts.start(pki.mail.block(),
                         route("left", port, speaker(dialect).port, protocol=protocol,
                               hostname=HOSTNAME), drain_timeout="6s")
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        dialect.greet(client, "implicit")
        check_served(client, dialect)
        front.workers()
        front.send(signal.SIGTERM)
        text = read_refusal(client)
    if protocol in ("pop3", "tcp"):
        assert text == b""
    else:
        check_refusal(protocol, text, UNAVAILABLE)
    front.verify_end(front.process.wait(30))
    ended = front.wait_for_log("end", route="left")
    assert (ended["end"], ended["fault"]) == ("drain timeout", "tlsfront")
    assert not front.log("drain-timeout")


@pytest.mark.parametrize("protocol", ["smtp", "imap", "nntp", "sieve"])
def test_who_is_in_clear_with_us_at_the_end_of_a_drain_is_said_goodbye(fronts, run, pki, speaker,
                                                                      protocol):
    port = run.port()
    front = fronts.start(pki.mail.block(),
                         route("left", port, speaker(DIALECTS[protocol]).port, protocol=protocol,
                               tls="required", hostname=HOSTNAME), drain_timeout="6s")
    with PlainClient(port) as client:
        DIALECTS[protocol].greet(client, "required")
        front.workers()
        front.send(signal.SIGTERM)
        check_text(protocol, client.read_all())
    front.verify_end(front.process.wait(30))
    assert front.wait_for_log("end", route="left")["end"] == "drain timeout"


def test_a_reader_behind_group_is_said_goodbye(fronts, run, pki, toys):
    """It has read what LISTGROUP would have answered, too; and a list would have come by then."""
    def handler(connection):
        connection.sendall(b"200 ready\r\n")
        connection.recv(65536)
        connection.sendall(b"211 3 1 3 example.test\r\n")
        connection.recv(65536)

    port = run.port()
    front = fronts.start(pki.mail.block(), route("nntp", port, toys(handler).port, protocol="nntp",
                                                 hostname=HOSTNAME), drain_timeout="6s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.read_until(b"200 ready\r\n")
        assert client.command(b"GROUP example.test") == b"211 3 1 3 example.test\r\n"
        front.workers()
        front.send(signal.SIGTERM)
        check_text("nntp", read_refusal(client))
    front.verify_end(front.process.wait(30))
    assert front.wait_for_log("end", route="nntp")["end"] == "drain timeout"


def test_nobody_is_said_goodbye_in_the_middle_of_a_literal(fronts, run, pki, toys):
    """Its session ends with the drain, without a word that could be taken for the literal's."""
    def handler(connection):
        connection.sendall(b"* OK ready\r\n* 1 FETCH (BODY[] {100}\r\nthe beginning\r\n")
        connection.recv(65536)

    port = run.port()
    front = fronts.start(pki.mail.block(), route("imap", port, toys(handler).port, protocol="imap",
                                                 hostname=HOSTNAME), drain_timeout="1s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.read_until(b"beginning\r\n")
        front.workers()
        front.send(signal.SIGTERM)
        assert read_refusal(client) == b""
    front.verify_end(front.process.wait(30))
    assert front.wait_for_log("end", route="imap")["end"] == "stopped"
