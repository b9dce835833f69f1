"""Submission with AUTH over implicit TLS (RFC 8314) before postfix and dovecot's SASL."""

import smtplib

import pytest

from clients import curl, gnutls, openssl, tls
from harness.config import route
from harness.messages import message
from harness.sessions import delivered, submit_by_hand
from servers.common import PASSWORD


@pytest.fixture(scope="module")
def port(fronts, run, pki, postfix):
    port = run.port()
    fronts.start(pki.mail.block(), route("submissions", port, postfix.submission, protocol="smtp"))
    return port


@pytest.fixture
def user(dovecot):
    return dovecot.new_mailbox()


def test_smtplib_logs_in_and_sends(port, pki, dovecot, user, version):
    with smtplib.SMTP_SSL("127.0.0.1", port, context=tls.context(pki, version),
                          timeout=30) as session:
        session.login(user, PASSWORD)
        session.sendmail(f"{user}@example.test", [f"{user}@example.test"], message("python"))
    assert delivered(dovecot, user, "python")


def test_curl_logs_in_and_sends(port, pki, run, dovecot, user, version):
    file = run.folder / f"submission-{user}.eml"
    file.write_bytes(message("curl"))
    curl.run(pki, version, f"smtps://127.0.0.1:{port}/client.test", "--user",
             f"{user}:{PASSWORD}", "--mail-from", f"{user}@example.test", "--mail-rcpt",
             f"{user}@example.test", "--upload-file", file)
    assert delivered(dovecot, user, "curl")


@pytest.mark.parametrize("program", [openssl, gnutls])
def test_command_line_clients_log_in_and_send(port, pki, dovecot, user, version, program):
    with program.session(pki, port, version=version) as session:
        session.read_until(b"220 mail.example.test")
        session.read_until(b"\r\n")
        submit_by_hand(session, dovecot, user)


def test_without_login_nothing_is_accepted(port, pki, user):
    with smtplib.SMTP_SSL("127.0.0.1", port, context=tls.context(pki), timeout=30) as session:
        with pytest.raises(smtplib.SMTPException) as refused:
            session.sendmail(f"{user}@example.test", [f"{user}@example.test"], "Subject: x\r\n\r\n")
    assert "554" in str(refused.value)


def test_a_wrong_password_is_refused(port, pki, user):
    with smtplib.SMTP_SSL("127.0.0.1", port, context=tls.context(pki), timeout=30) as session:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            session.login(user, "wrong")
