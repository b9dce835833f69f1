"""Submission with STARTTLS and AUTH (RFC 6409, 4954) before postfix and dovecot's SASL."""

import smtplib

import pytest

from clients import curl, gnutls, openssl, swaks, tls
from clients.plain import PlainClient
from harness.messages import body, message
from harness.modes import MODES, start_both
from harness.sessions import delivered, submit_by_hand
from servers.common import PASSWORD

CLIENTS = {"openssl": (openssl, ("-starttls", "smtp")),
           "gnutls": (gnutls, ("--starttls-proto=smtp",))}


@pytest.fixture(scope="module")
def ports(fronts, run, pki, postfix):
    return start_both(fronts, run, pki, "smtp", postfix.submission)[1]


@pytest.fixture
def user(dovecot):
    return dovecot.new_mailbox()


@pytest.fixture
def file(run, user):
    made = run.folder / f"starttls-submission-{user}.eml"
    made.write_bytes(message(user, body(1_000_000)))
    return made


def test_smtplib_logs_in_and_sends(port, pki, dovecot, user, version):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.starttls(context=tls.context(pki, version))
        session.login(user, PASSWORD)
        session.sendmail(f"{user}@example.test", [f"{user}@example.test"],
                         message("python", body(1_000_000)))
    assert delivered(dovecot, user, "python")


def test_curl_logs_in_and_sends(port, pki, dovecot, user, file, version):
    curl.run(pki, version, f"smtp://127.0.0.1:{port}/client.test", "--ssl-reqd", "--user",
             f"{user}:{PASSWORD}", "--mail-from", f"{user}@example.test", "--mail-rcpt",
             f"{user}@example.test", "--upload-file", file)
    assert delivered(dovecot, user, user)


def test_swaks_logs_in_and_sends(port, pki, run, dovecot, user):
    swaks.run(pki, port, "--auth", "PLAIN", "--auth-user", user, "--auth-password", PASSWORD,
              sender=f"{user}@example.test", recipient=f"{user}@example.test", folder=run.folder,
              text=message(user, body(1_000_000)))
    assert delivered(dovecot, user, user)


@pytest.mark.parametrize("program", CLIENTS)
def test_command_line_clients_log_in_and_send(port, pki, dovecot, user, version, program):
    module, options = CLIENTS[program]
    with module.session(pki, port, *options, version=version) as session:
        submit_by_hand(session, dovecot, user)


def test_login_in_steps(port, pki, user):
    """LOGIN: the name and the password are lines that the server asks for."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.starttls(context=tls.context(pki))
        session.ehlo()
        session.user, session.password = user, PASSWORD
        assert session.auth("LOGIN", session.auth_login, initial_response_ok=False)[0] == 235


def test_a_wrong_password_is_the_servers_to_refuse(port, pki, user):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.starttls(context=tls.context(pki))
        with pytest.raises(smtplib.SMTPAuthenticationError):
            session.login(user, "wrong")
        session.login(user, PASSWORD)


@pytest.mark.parametrize("mode", MODES)
def test_without_tls_no_password_is_taken(ports, user, mode):
    with smtplib.SMTP("127.0.0.1", ports[mode], timeout=30) as session:
        session.ehlo()
        assert session.has_extn("starttls") and not session.has_extn("auth")
        session.user, session.password = user, PASSWORD
        for mechanism in ("plain", "login"):
            code, _ = session.docmd("AUTH", mechanism.upper())
            assert code == (530 if mode == "required" else 538)


def test_a_login_in_clear_where_it_is_allowed(ports, dovecot, user):
    with smtplib.SMTP("127.0.0.1", ports["allowed"], timeout=30) as session:
        session.login(user, PASSWORD)
        assert session.has_extn("starttls")
        session.sendmail(f"{user}@example.test", [f"{user}@example.test"],
                         message("clear", body(1_000_000)))
    assert delivered(dovecot, user, "clear")


def test_a_login_in_clear_does_not_outlive_the_upgrade(ports, pki, user):
    with smtplib.SMTP("127.0.0.1", ports["allowed"], timeout=30) as session:
        session.login(user, PASSWORD)
        session.starttls(context=tls.context(pki))
        with pytest.raises(smtplib.SMTPException):
            session.sendmail(f"{user}@example.test", [f"{user}@example.test"],
                             message("no", b"x\r\n"))


def test_the_capabilities_are_the_servers(ports, postfix):
    def listed(port):
        with PlainClient(port) as client:
            client.read_until(b"\r\n")
            client.send(b"EHLO client.test\r\n")
            lines = [client.read_until(b"\r\n")]
            while lines[-1][3:4] == b"-":
                lines.append(client.read_until(b"\r\n"))
            return [line[4:-2] for line in lines]

    direct = listed(postfix.submission)
    assert b"AUTH PLAIN LOGIN" in direct
    assert listed(ports["allowed"]) == direct + [b"STARTTLS"]
    assert listed(ports["optional"]) == \
        [line for line in direct if not line.startswith(b"AUTH")] + [b"STARTTLS"]
