"""LMTP with STARTTLS (RFC 2033, 3207) before a real dovecot: whole messages in both modes."""

import smtplib

import pytest

from clients import openssl, swaks, tls
from clients.plain import PlainClient
from harness.messages import body, message, stuffed
from harness.modes import start_both

SENDER = "sender@elsewhere.test"
MEGABYTE = message("sent", body(1_000_000))


@pytest.fixture(scope="module")
def ports(fronts, run, pki, dovecot):
    return start_both(fronts, run, pki, "smtp", dovecot.lmtp)[1]


@pytest.fixture
def users(dovecot):
    return [dovecot.new_mailbox() for _ in range(2)]


def verify_delivered(dovecot, users, text=MEGABYTE):
    for user in users:
        found, = dovecot.messages(user)
        assert found[found.index(b"From: Alice"):] == text


def test_smtplib_delivers(port, pki, dovecot, users, version):
    with smtplib.LMTP("127.0.0.1", port, timeout=30) as session:
        session.starttls(context=tls.context(pki, version))
        assert session.sendmail(SENDER, [f"{users[0]}@example.test"], MEGABYTE) == {}
        assert not session.has_extn("starttls")
    verify_delivered(dovecot, users[:1])


def test_swaks_delivers(port, pki, run, dovecot, users):
    text = swaks.harmless(MEGABYTE)
    swaks.run(pki, port, "--protocol", "LMTP", sender=SENDER, recipient=f"{users[0]}@example.test",
              folder=run.folder, text=text)
    verify_delivered(dovecot, users[:1], text)


def deliver_by_hand(session, users):
    """Was STARTTLS offered?"""
    session.send(b"LHLO client.test\r\n")
    lines = [session.read_until(b"\r\n")]
    while lines[-1].startswith(b"250-"):
        lines.append(session.read_until(b"\r\n"))
    assert session.command(b"MAIL FROM:<%s>" % SENDER.encode()).startswith(b"250")
    for user in users:
        assert session.command(b"RCPT TO:<%s@example.test>" % user.encode()).startswith(b"250")
    assert session.command(b"DATA").startswith(b"354")
    session.send(stuffed(MEGABYTE))
    for _ in users:
        assert session.read_until(b"\r\n").startswith(b"250")
    return b"STARTTLS" in b"".join(lines)


def test_openssl_delivers(port, pki, dovecot, users, version):
    with openssl.session(pki, port, "-starttls", "lmtp", version=version) as session:
        session.send(b"NOOP\r\n")
        session.read_until(b"250 2.0.0 OK\r\n")  # openssl may show what came before
        assert not deliver_by_hand(session, users)
        assert session.command(b"QUIT").startswith(b"221")
    verify_delivered(dovecot, users)


def test_deliveries_in_clear_and_inside_tls(ports, pki, dovecot, users):
    """Each mail text has one reply for each recipient."""
    with PlainClient(ports["optional"]) as client:
        client.read_until(b"\r\n")
        assert deliver_by_hand(client, users)
        verify_delivered(dovecot, users)
        assert client.command(b"STARTTLS").startswith(b"220")
        with client.secure(tls.context(pki)) as secure:
            assert not deliver_by_hand(secure, users)
            assert secure.command(b"QUIT").startswith(b"221")
    assert [len(dovecot.messages(user)) for user in users] == [2, 2]


def test_the_capabilities_are_the_servers(ports, dovecot):
    def listed(port):
        with smtplib.LMTP("127.0.0.1", port, timeout=30) as session:
            session.ehlo()
            return set(session.esmtp_features)

    assert listed(ports["optional"]) == listed(dovecot.lmtp) | {"starttls"}
    assert listed(ports["required"]) == {"enhancedstatuscodes", "starttls"}
