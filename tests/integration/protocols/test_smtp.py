"""SMTP over implicit TLS before a real postfix: what is sent is read back from the mailbox."""

import smtplib

import pytest

from clients import curl, gnutls, openssl, tls
from harness.config import route
from harness.messages import message, stuffed
from harness.wait import wait_until

SENDER = "sender@elsewhere.test"


@pytest.fixture(scope="module")
def port(fronts, run, pki, postfix):
    port = run.port()
    fronts.start(pki.mail.block(), route("smtps", port, postfix.smtp, protocol="smtp"))
    return port


def the_one_message(dovecot, user):
    """What postfix delivered, below the header fields that it put on top."""
    found = wait_until(lambda: dovecot.messages(user), f"mail for {user}", 30)
    assert len(found) == 1
    at = found[0].index(b"From: Alice")
    return found[0][at:]


@pytest.fixture
def sent():
    return message("sent", extra=b"Message-ID: <1@example.test>\r\n"
                                 b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n")


def test_smtplib_sends(port, pki, dovecot, sent, version):
    user = dovecot.new_mailbox()
    with smtplib.SMTP_SSL("127.0.0.1", port, context=tls.context(pki, version),
                          timeout=30) as session:
        assert session.sendmail(SENDER, [f"{user}@example.test"], sent) == {}
    assert the_one_message(dovecot, user) == sent


def test_curl_sends(port, pki, run, dovecot, sent, version):
    user = dovecot.new_mailbox()
    file = run.folder / f"smtp-{user}.eml"
    file.write_bytes(sent)
    curl.run(pki, version, f"smtps://127.0.0.1:{port}/client.test", "--mail-from", SENDER,
             "--mail-rcpt", f"{user}@example.test", "--upload-file", file)
    assert the_one_message(dovecot, user) == sent


@pytest.mark.parametrize("program", [openssl, gnutls])
def test_command_line_clients_send(port, pki, dovecot, sent, version, program):
    user = dovecot.new_mailbox()
    with program.session(pki, port, version=version) as session:
        session.read_until(b"220 mail.example.test")
        session.read_until(b"\r\n")
        assert session.command(b"HELO client.test").startswith(b"250")
        assert session.command(b"MAIL FROM:<%s>" % SENDER.encode()).startswith(b"250")
        assert session.command(b"RCPT TO:<%s@example.test>" % user.encode()).startswith(b"250")
        assert session.command(b"DATA").startswith(b"354")
        session.send(stuffed(sent))
        assert session.read_until(b"\r\n").startswith(b"250")
        assert session.command(b"QUIT").startswith(b"221")
    assert the_one_message(dovecot, user) == sent


def test_a_refused_recipient_reaches_the_client(port, pki):
    with smtplib.SMTP_SSL("127.0.0.1", port, context=tls.context(pki), timeout=30) as session:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            session.sendmail(SENDER, ["nobody@elsewhere.test"], "Subject: relay\r\n\r\nno\r\n")
    assert refused.value.recipients["nobody@elsewhere.test"][0] == 554


def test_several_messages_in_one_session(port, pki, dovecot, version):
    user = dovecot.new_mailbox()
    with smtplib.SMTP_SSL("127.0.0.1", port, context=tls.context(pki, version),
                          timeout=30) as session:
        for number in range(5):
            session.sendmail(SENDER, [f"{user}@example.test"],
                             message(f"number {number}", b"text\r\n"))
    found = wait_until(lambda: len(mail := dovecot.messages(user)) == 5 and mail,
                       "five messages", 30)
    for number in range(5):
        assert any(b"Subject: number %d\r\n" % number in one for one in found)
