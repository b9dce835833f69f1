"""What TLS clients see: versions, certificates, names, ALPN, client certificates, alerts."""

import socket

import pytest

from clients import gnutls, openssl, raw_hello, tls
from harness.config import route
from servers import toy
from servers.recording import Recording

VERSIONS = ("1.2", "1.3")

# RFC 8446, 6.
FATAL, ALERT_RECORD = 2, 21
HANDSHAKE_FAILURE, CERTIFICATE_REVOKED, ILLEGAL_PARAMETER, UNKNOWN_CA = 40, 44, 47, 48
PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 70, 86
UNRECOGNIZED_NAME, CERTIFICATE_REQUIRED, NO_APPLICATION_PROTOCOL = 112, 116, 120


class Ports:
    """A route's port by the route's name."""


@pytest.fixture(scope="module")
def ports(fronts, run, pki, module_toys):
    upstream = module_toys(toy.one_line).port
    imap = Recording("imap")
    people = {"client_ca": pki.people.certificate}
    options = {
        "all": {"certificate": ("mail", "mail-rsa", "news", "wildcard")},
        "strict": {"certificate": ("mail", "news"), "strict_sni": "on"},
        "only13": {"min_version": "1.3"},
        "named": {"alpn": ("first", "second")},
        "optional": {"client_certificate": "optional"} | people,
        "required": {"client_certificate": "required"} | people,
        "revoking": {"client_certificate": "required", "client_crl": pki.crl} | people,
        "imap": {"protocol": "imap", "upstream": imap.port},
        "narrow": {"groups": ("secp384r1",), "ciphers": ("TLS_CHACHA20_POLY1305_SHA256",),
                   "min_version": "1.3"},
    }
    made, blocks = Ports(), []
    for name, extra in options.items():
        setattr(made, name, run.port())
        blocks.append(route(name, getattr(made, name), **{"upstream": upstream} | extra))
    made.front = fronts.start(
        pki.mail.block(), pki.mail_rsa.block(), pki.news.block(), pki.wildcard.block(), *blocks)
    yield made
    imap.close()


# ---- versions, suites, groups ------------------------------------------------------------------

def test_versions_are_served_and_told_in_the_log(ports, pki, version):
    shake = openssl.handshake(pki, ports.all, version=version)
    assert shake.version == f"TLSv{version}"
    assert shake.verified
    assert b"QUIT" in shake.output.encode()
    ended = ports.front.wait_for_log("end", route="all", tls=f"TLSv{version}", fault="none")
    assert ended["cipher"] == {"1.2": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                               "1.3": "TLS_AES_256_GCM_SHA384"}[version] or \
        ended["cipher"].startswith("TLS_")


@pytest.mark.parametrize("old", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused_with_protocol_version(ports, pki, old):
    shake = openssl.handshake(pki, ports.all, old, "-cipher", "ALL:@SECLEVEL=0")
    assert not shake.succeeded
    assert shake.alert == PROTOCOL_VERSION


def test_a_route_for_13_only_refuses_12(ports, pki):
    assert openssl.handshake(pki, ports.only13, version="1.3").version == "TLSv1.3"
    shake = openssl.handshake(pki, ports.only13, version="1.2")
    assert not shake.succeeded
    assert shake.alert == PROTOCOL_VERSION


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
def test_the_common_groups_are_served(ports, pki, version, group):
    shake = openssl.handshake(pki, ports.all, "-groups", group, version=version)
    assert shake.succeeded
    names = {"X25519": "x25519", "P-256": "secp256r1", "P-384": "secp384r1"}
    ports.front.wait_for_log("end", route="all", group=names[group], tls=f"TLSv{version}")


def test_a_client_is_asked_again_when_its_key_share_does_not_fit(ports, pki):
    """HelloRetryRequest: the first group is none of ours, the second is."""
    shake = openssl.handshake(pki, ports.narrow, "-groups", "X25519:P-384", version="1.3")
    assert shake.succeeded
    assert shake.cipher == "TLS_CHACHA20_POLY1305_SHA256"


def test_nothing_in_common_is_a_handshake_failure(ports, pki):
    shake = openssl.handshake(pki, ports.narrow, "-groups", "X25519", version="1.3")
    assert not shake.succeeded
    assert shake.alert == HANDSHAKE_FAILURE
    shake = openssl.handshake(pki, ports.all, "-cipher", "AES128-SHA:@SECLEVEL=0", version="1.2")
    assert not shake.succeeded
    assert shake.alert == HANDSHAKE_FAILURE


@pytest.mark.parametrize("size", [512, 1024, 2048, 4096])
def test_records_are_as_short_as_the_client_wants_them(ports, pki, version, size):
    """The chain is longer than the shortest, and a session that comes back keeps to it."""
    shake = openssl.handshake(pki, ports.all, "-maxfraglen", size, "-sigalgs",
                              "RSA-PSS+SHA256:RSA+SHA256", version=version,
                              text=b"x" * 3000 + b"QUIT\r\n")
    assert shake.verified
    assert "QUIT" in shake.output


def test_a_session_with_short_records_comes_back(ports, pki, tmp_path):
    session = tmp_path / "session"
    for given, resumed in ((("-sess_out", session), False), (("-sess_in", session), True)):
        shake = openssl.handshake(pki, ports.all, "-maxfraglen", "512", *given, version="1.2")
        assert shake.succeeded
        assert shake.resumed == resumed
        assert "QUIT" in shake.output


def test_gnutls_may_want_short_records(ports, pki):
    with gnutls.quiet_session(pki, ports.all, "--recordsize", "512", version="1.2") as session:
        session.send(b"QUIT\r\n")
        session.read_until(b"QUIT")


def test_a_client_that_fell_back_is_told_so(ports, pki):
    assert openssl.handshake(pki, ports.all, "-fallback_scsv", version="1.3").verified
    shake = openssl.handshake(pki, ports.all, "-fallback_scsv", version="1.2")
    assert not shake.succeeded
    assert shake.alert == INAPPROPRIATE_FALLBACK
    ports.front.wait_for_log("end", route="all", stage="handshake", fault="client",
                             end="client fell back to an older version of TLS than is served here "
                                 "(TLS_FALLBACK_SCSV)")


# ---- certificates ------------------------------------------------------------------------------

@pytest.mark.parametrize("name, wanted", [
    ("mail.example.test", "mail"), ("MAIL.Example.Test", "mail"), ("news.example.test", "news"),
    ("a.wild.example.test", "wildcard"), ("a.b.wild.example.test", "mail"),
    ("unknown.example.test", "mail"), (None, "mail")])
def test_the_name_asked_for_picks_the_certificate(ports, pki, version, name, wanted):
    shake = openssl.handshake(pki, ports.all, version=version, sni=name)
    assert shake.serial == getattr(pki, wanted).serial()


@pytest.mark.parametrize("algorithms, wanted", [
    ("ECDSA+SHA256", "mail"), ("RSA-PSS+SHA256:RSA+SHA256", "mail_rsa")])
def test_the_clients_algorithms_pick_between_ecdsa_and_rsa(ports, pki, version, algorithms,
                                                           wanted):
    shake = openssl.handshake(pki, ports.all, "-sigalgs", algorithms, version=version)
    assert shake.succeeded
    assert shake.serial == getattr(pki, wanted).serial()


def test_an_rsa_only_cipher_gets_the_rsa_certificate(ports, pki):
    shake = openssl.handshake(pki, ports.all, "-cipher", "ECDHE-RSA-AES128-GCM-SHA256",
                              version="1.2")
    assert shake.serial == pki.mail_rsa.serial()


def test_the_chain_is_sent_with_the_leaf(ports, pki, version):
    shake = openssl.handshake(pki, ports.all, version=version)
    assert shake.output.count("BEGIN CERTIFICATE") >= 2
    assert shake.verified


def test_strict_sni_refuses_names_that_no_certificate_has(ports, pki, version):
    assert openssl.handshake(pki, ports.strict, version=version,
                             sni="news.example.test").serial == pki.news.serial()
    shake = openssl.handshake(pki, ports.strict, version=version, sni="unknown.example.test")
    assert not shake.succeeded
    assert shake.alert == UNRECOGNIZED_NAME


# ---- ALPN --------------------------------------------------------------------------------------

@pytest.mark.parametrize("offer, chosen", [
    ("second", "second"), ("other,second", "second"), ("second,first", "first")])
def test_alpn_picks_by_the_order_of_the_configuration(ports, pki, version, offer, chosen):
    assert openssl.handshake(pki, ports.named, "-alpn", offer, version=version).alpn == chosen


def test_alpn_without_a_common_name_is_refused(ports, pki, version):
    shake = openssl.handshake(pki, ports.named, "-alpn", "h2,http/1.1", version=version)
    assert shake.alert == NO_APPLICATION_PROTOCOL


def test_a_client_without_alpn_is_served(ports, pki, version):
    assert openssl.handshake(pki, ports.named, version=version).succeeded


def test_a_mail_route_refuses_a_web_browsers_alpn(ports, pki, version):
    """ALPACA: what is meant for another protocol must not reach the server."""
    shake = openssl.handshake(pki, ports.imap, "-alpn", "imap", version=version,
                              text=b"z LOGOUT\r\n")
    assert shake.alpn == "imap"
    assert "z OK heard" in shake.output
    shake = openssl.handshake(pki, ports.imap, "-alpn", "h2,http/1.1", version=version)
    assert shake.alert == NO_APPLICATION_PROTOCOL


# ---- client certificates -----------------------------------------------------------------------

def presenting(certificate):
    return ("-cert", certificate.chain, "-key", certificate.key)


@pytest.mark.parametrize("name", ["optional", "required", "revoking"])
def test_a_good_client_certificate_is_accepted_and_named_in_the_log(ports, pki, version, name):
    shake = openssl.handshake(pki, getattr(ports, name), *presenting(pki.alice), version=version)
    assert "QUIT" in shake.output
    ended = ports.front.wait_for_log("end", route=name, tls=f"TLSv{version}", fault="none")
    assert "alice.example.test" in ended["client-certificate"]


def test_an_optional_certificate_may_be_missing(ports, pki, version):
    assert "QUIT" in openssl.handshake(pki, ports.optional, version=version).output


def test_a_required_certificate_may_not_be_missing(ports, pki, version):
    shake = openssl.handshake(pki, ports.required, version=version)
    assert "\nQUIT" not in shake.output
    assert shake.alert == {"1.2": HANDSHAKE_FAILURE, "1.3": CERTIFICATE_REQUIRED}[version]


@pytest.mark.parametrize("name", ["optional", "required"])
def test_a_strangers_certificate_is_refused(ports, pki, version, name):
    """Also where it is optional: a certificate that does not verify is not as good as none."""
    shake = openssl.handshake(pki, getattr(ports, name), *presenting(pki.stranger),
                              version=version)
    assert "\nQUIT" not in shake.output
    assert shake.alert == UNKNOWN_CA


def test_a_revoked_certificate_is_refused(ports, pki, version):
    shake = openssl.handshake(pki, ports.revoking, *presenting(pki.revoked), version=version)
    assert "\nQUIT" not in shake.output
    assert shake.alert == CERTIFICATE_REVOKED
    assert "QUIT" in openssl.handshake(pki, ports.required, *presenting(pki.revoked),
                                       version=version).output


# ---- clients that break the rules --------------------------------------------------------------

def read_to_the_end(connection):
    connection.settimeout(30)
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    return data


@pytest.mark.parametrize("text", [
    b"USER alice\r\n", b"EHLO client.test\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\0" * 100, b"\x80\x2e\x01\x00\x02" + b"\0" * 60, b"\xff" * 5000])
def test_what_is_not_tls_gets_an_alert_and_an_orderly_end(ports, text):
    with socket.create_connection(("127.0.0.1", ports.all)) as connection:
        connection.sendall(text)
        answer = read_to_the_end(connection)
    assert len(answer) == 7, answer
    assert (answer[0], answer[5]) == (ALERT_RECORD, FATAL)
    ended = ports.front.wait_for_log("end", route="all", stage="handshake", fault="client")
    assert "tls" not in ended


GROUPS = {raw_hello.SUPPORTED_GROUPS: b"\0\x04\0\x1d\0\x17"}
WHOLE = GROUPS | {raw_hello.SIGNATURES: raw_hello.SHA256}
NOTHING_IN_COMMON = "no cipher suite, group or signature algorithm in common with the client"


def said_to(port, hello):
    """The end of what is answered: the client closes behind its hello."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(hello)
        connection.shutdown(socket.SHUT_WR)
        return read_to_the_end(connection)


@pytest.mark.parametrize("extensions, alert, end", [
    (None, HANDSHAKE_FAILURE, NOTHING_IN_COMMON),
    (GROUPS, HANDSHAKE_FAILURE, NOTHING_IN_COMMON),
    (WHOLE | {raw_hello.RENEGOTIATION_INFO: b"\x0c" + bytes(12)}, HANDSHAKE_FAILURE,
     "client takes its first handshake for a renegotiation"),
    (WHOLE | {raw_hello.SERVER_NAME: b"\x01\x03\0\x01\0" + b"a" * 256}, ILLEGAL_PARAMETER,
     "client asked for a server name of more than 255 bytes")],
    ids=["no extensions", "no signatures", "renegotiation", "long name"])
def test_an_odd_hello_is_the_clients_fault_in_words_of_its_own(ports, extensions, alert, end):
    answer = said_to(ports.all, raw_hello.tls12_hello(extensions))
    assert answer == b"\x15\x03\x03\0\x02\x02" + bytes([alert])
    ports.front.wait_for_log("end", route="all", stage="handshake", fault="client", end=end)


@pytest.mark.parametrize("version", [0x0303, 0x0304, 0x0400])
def test_a_later_version_without_a_list_of_them_means_tls12(ports, version):
    hello = raw_hello.tls12_hello(WHOLE, version=version)
    answer = said_to(ports.all, hello)
    assert (answer[0], answer[5], answer[9:11]) == (22, raw_hello.SERVER_HELLO, b"\x03\x03")
    assert said_to(ports.only13, hello)[-1] == PROTOCOL_VERSION


def client_hello(pki):
    settings = tls.context(pki)
    incoming, outgoing = tls.ssl.MemoryBIO(), tls.ssl.MemoryBIO()
    started = settings.wrap_bio(incoming, outgoing, server_hostname="mail.example.test")
    with pytest.raises(tls.ssl.SSLWantReadError):
        started.do_handshake()
    return started, incoming, outgoing, outgoing.read()


def finish_handshake(connection, started, incoming, outgoing):
    connection.settimeout(30)
    while True:
        try:
            started.do_handshake()
        except tls.ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            data = connection.recv(65536)
            assert data, "the handshake was refused"
            incoming.write(data)
        else:
            connection.sendall(outgoing.read())
            return


def test_a_hello_that_comes_byte_by_byte_is_served(ports, pki):
    started, incoming, outgoing, hello = client_hello(pki)
    with socket.create_connection(("127.0.0.1", ports.all)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(hello)):
            connection.sendall(hello[at:at + 1])
        finish_handshake(connection, started, incoming, outgoing)


@pytest.mark.parametrize("size", [1, 3, 4, 5, 50, 200])
def test_a_hello_in_many_records_is_served(ports, pki, size):
    started, incoming, outgoing, hello = client_hello(pki)
    head, body = hello[:3], hello[5:]
    records = b"".join(head + len(part).to_bytes(2, "big") + part
                       for part in (body[at:at + size] for at in range(0, len(body), size)))
    with socket.create_connection(("127.0.0.1", ports.all)) as connection:
        connection.sendall(records)
        finish_handshake(connection, started, incoming, outgoing)


def test_a_client_that_gives_up_during_the_handshake_is_told_so_in_the_log(ports, pki):
    _, _, _, hello = client_hello(pki)
    with socket.create_connection(("127.0.0.1", ports.strict)) as connection:
        connection.sendall(hello[:40])
    ended = ports.front.wait_for_log("end", route="strict", stage="handshake",
                                     end="client closed the connection during the handshake")
    assert ended["fault"] == "client"


@pytest.mark.parametrize("command", ["k", "K"], ids=["its keys", "both sides' keys"])
def test_openssl_may_change_keys_in_the_middle(fronts, run, pki, toys, command):
    port = run.port()
    fronts.start(pki.mail.block(), route("keys", port, toys(toy.echo).port))
    both_outputs = ["sh", "-c", 'exec "$@" 2>&1', "sh", *openssl.arguments(pki, port, "1.3")]
    with openssl.PipeClient(both_outputs) as session:
        session.read_until(b"Verify return code: 0 (ok)")
        for word in (b"before\n", b"between\n", b"after\n"):
            session.send(word)
            session.read_until(word)
            session.send(command.encode() + b"\n")
            session.read_until(b"KEYUPDATE")


def test_gnutls_may_change_keys_in_the_middle(fronts, run, pki, toys):
    port = run.port()
    fronts.start(pki.mail.block(), route("keys", port, toys(toy.echo).port))
    with gnutls.session(pki, port, "--inline-commands", version="1.3") as session:
        for word in (b"before\n", b"between\n", b"after\n"):
            session.send(word)
            assert b"^rekey^" not in session.read_until(word)  # it was a command, not data
            session.send(b"^rekey^\n")
