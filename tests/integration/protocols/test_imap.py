"""IMAP over implicit TLS before a real dovecot: append, search and fetch large messages, IDLE."""

import imaplib

import pytest

from clients import curl, gnutls, openssl, tls
from harness.config import route
from harness.messages import message
from servers.common import PASSWORD


@pytest.fixture(scope="module")
def port(fronts, run, pki, dovecot):
    port = run.port()
    fronts.start(pki.mail.block(), route("imaps", port, dovecot.imap, protocol="imap"))
    return port


@pytest.fixture
def mailbox(dovecot):
    return dovecot.new_mailbox()


def log_in(port, pki, user, version=None):
    session = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=tls.context(pki, version),
                                timeout=30)
    session.login(user, PASSWORD)
    return session


def test_imaplib_appends_searches_and_fetches(port, pki, dovecot, mailbox, version):
    large = message("the large one")
    with log_in(port, pki, mailbox, version) as session:
        assert session.append("INBOX", None, None, large)[0] == "OK"
        session.select("INBOX")
        assert session.search(None, 'SUBJECT "the large one"')[1] == [b"1"]
        assert session.search(None, 'SUBJECT "another"')[1] == [b""]
        assert session.fetch("1", "(BODY[])")[1][0][1] == large
    assert dovecot.messages(mailbox) == [large]


def test_curl_appends_and_fetches(port, pki, run, dovecot, mailbox, version):
    large = message("by curl")
    file = run.folder / f"imap-{mailbox}.eml"
    file.write_bytes(large)
    login = ("--user", f"{mailbox}:{PASSWORD}")
    curl.run(pki, version, f"imaps://127.0.0.1:{port}/INBOX", *login, "--upload-file", file)
    assert dovecot.messages(mailbox) == [large]
    fetched = curl.run(pki, version, f"imaps://127.0.0.1:{port}/INBOX;MAILINDEX=1", *login)
    assert fetched == large


@pytest.mark.parametrize("program", [openssl, gnutls])
def test_command_line_clients_fetch(port, pki, dovecot, mailbox, version, program):
    large = message("by hand")
    dovecot.deliver(mailbox, large)
    with program.session(pki, port, version=version) as session:
        session.read_until(b"* OK ")
        session.read_until(b"\r\n")
        session.send(b"a LOGIN %s %s\r\n" % (mailbox.encode(), PASSWORD.encode()))
        session.read_until(b"a OK ")
        session.send(b"b SELECT INBOX\r\n")
        session.read_until(b"b OK ")
        session.send(b"c FETCH 1 BODY.PEEK[]\r\n")
        session.read_until(b"{%d}\r\n" % len(large))
        rest = session.read_until(b"c OK ")
        assert rest.startswith(large + b")\r\n")
        session.send(b"d LOGOUT\r\n")
        session.read_until(b"d OK ")


def test_idle_is_woken_by_a_delivery(port, pki, dovecot, mailbox, version):
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        client.read_until(b"\r\n")
        client.send(b"a LOGIN %s %s\r\n" % (mailbox.encode(), PASSWORD.encode()))
        client.read_until(b"a OK ")
        client.send(b"b SELECT INBOX\r\n")
        client.read_until(b"b OK ")
        client.send(b"c IDLE\r\n")
        client.read_until(b"+ idling\r\n")
        dovecot.deliver(mailbox, message("wake up", b"short\r\n"))
        client.read_until(b"* 1 EXISTS\r\n")
        client.send(b"DONE\r\n")
        client.read_until(b"c OK ")


def test_sessions_side_by_side_do_not_mix(port, pki, dovecot, version):
    """Ten mailboxes, each with a message of its own, fetched at the same time in small steps."""
    users = [dovecot.new_mailbox() for _ in range(10)]
    texts = {user: message(user, (user.encode() + b" says hello\r\n") * 3000) for user in users}
    for user in users:
        dovecot.deliver(user, texts[user])
    sessions = {user: log_in(port, pki, user, version) for user in users}
    for session in sessions.values():
        session.select("INBOX")
    for session in sessions.values():
        session.send(b"x1 FETCH 1 BODY[]\r\n")
    for user, session in sessions.items():
        size = len(texts[user])
        assert session.readline().endswith(b"{%d}\r\n" % size)
        assert session.read(size) == texts[user]
        assert session.readline() == b")\r\n"
        while not session.readline().startswith(b"x1 OK"):
            pass
    for session in sessions.values():
        session.logout()
