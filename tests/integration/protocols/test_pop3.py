"""POP3 over implicit TLS before a real dovecot: log in, list, fetch a large message, delete."""

import poplib
import subprocess

import pytest

from clients import curl, gnutls, openssl, tls
from harness.config import route
from harness.messages import lines, message, stuffed
from servers.common import PASSWORD


@pytest.fixture(scope="module")
def port(fronts, run, pki, dovecot):
    port = run.port()
    fronts.start(pki.mail.block(), route("pop3s", port, dovecot.pop3, protocol="pop3"))
    return port


@pytest.fixture
def mailbox(dovecot):
    user = dovecot.new_mailbox()
    dovecot.deliver(user, message("large"))
    return user


def test_poplib_lists_and_fetches_and_deletes(port, pki, dovecot, mailbox, version):
    session = poplib.POP3_SSL("127.0.0.1", port, context=tls.context(pki, version), timeout=30)
    session.user(mailbox)
    session.pass_(PASSWORD)
    assert session.stat() == (1, len(message("large")))
    assert session.retr(1)[1] == lines(message("large"))
    session.dele(1)
    session.quit()
    assert dovecot.messages(mailbox) == []


def test_curl_fetches(port, pki, mailbox, version):
    fetched = curl.run(pki, version, f"pop3s://127.0.0.1:{port}/1", "--user",
                       f"{mailbox}:{PASSWORD}")
    assert fetched == message("large")


@pytest.mark.parametrize("program", [openssl, gnutls])
def test_command_line_clients_fetch(port, pki, mailbox, version, program):
    with program.session(pki, port, version=version) as session:
        assert b"+OK" in session.read_until(b"ready.\r\n")
        assert session.command(b"USER %s" % mailbox.encode()).startswith(b"+OK")
        assert session.command(b"PASS %s" % PASSWORD.encode()).startswith(b"+OK")
        session.send(b"RETR 1\r\n")
        assert session.read_until(b"\r\n").startswith(b"+OK")
        expected = stuffed(message("large"))
        assert session.read_until(b"\r\n.\r\n") == expected
        assert session.command(b"QUIT").startswith(b"+OK")


def test_a_wrong_password_is_the_servers_to_refuse(port, pki, mailbox):
    session = poplib.POP3_SSL("127.0.0.1", port, context=tls.context(pki), timeout=30)
    session.user(mailbox)
    with pytest.raises(poplib.error_proto, match="AUTH"):
        session.pass_("wrong")
    session.close()


def test_commands_sent_ahead_are_answered_in_order(port, pki, mailbox):
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.read_until(b"\r\n")
        client.send(b"USER %s\r\nPASS %s\r\nSTAT\r\nNOOP\r\nQUIT\r\n"
                    % (mailbox.encode(), PASSWORD.encode()))
        answers = client.read_all().split(b"\r\n")
        assert [answer[:3] for answer in answers] == [b"+OK"] * 5 + [b""]
        assert answers[2] == b"+OK 1 %d" % len(message("large"))
        assert client.ended == tls.CLOSE_NOTIFY


def test_plaintext_clients_get_nothing_from_the_tls_port(port):
    done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "3",
                           f"pop3://127.0.0.1:{port}/"], capture_output=True, check=False)
    assert done.returncode != 0
    assert b"+OK" not in done.stdout
