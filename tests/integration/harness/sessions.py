"""Whole sessions with the real servers: the same on implicit TLS and behind STARTTLS."""

import base64
import time
import uuid

from clients.ldap import Ldap
from harness.messages import lines, stuffed
from harness.wait import wait_until
from servers.common import PASSWORD

# ---- mail ----------------------------------------------------------------------------------------


def delivered(dovecot, user, subject):
    found = wait_until(lambda: dovecot.messages(user), f"mail for {user}", 30)
    return len(found) == 1 and b"Subject: %s\r\n" % subject.encode() in found[0]


def submit_by_hand(session, dovecot, user):
    """From the first EHLO inside TLS on."""
    token = base64.b64encode(f"\0{user}\0{PASSWORD}".encode())
    address = b"<%s@example.test>" % user.encode()
    session.send(b"EHLO client.test\r\n")
    assert b"AUTH PLAIN LOGIN" in session.read_until(b"\r\n250 CHUNKING\r\n")
    assert session.command(b"AUTH PLAIN " + token).startswith(b"235")
    assert session.command(b"MAIL FROM:" + address).startswith(b"250")
    assert session.command(b"RCPT TO:" + address).startswith(b"250")
    assert session.command(b"DATA").startswith(b"354")
    assert session.command(b"Subject: by hand\r\n\r\ntext\r\n.").startswith(b"250")
    assert session.command(b"QUIT").startswith(b"221")
    assert delivered(dovecot, user, "by hand")


# ---- news ----------------------------------------------------------------------------------------


class Article:
    def __init__(self, inn, body):
        self.identity, self.body = f"<{uuid.uuid4()}@example.test>", body
        self.text = (f"From: alice@example.test\r\nNewsgroups: {inn.group}\r\nSubject: large\r\n"
                     f"Message-ID: {self.identity}\r\n\r\n").encode() + body


def post_and_read_back(session, inn, article):
    """With the interface of nntplib."""
    before = session.group(inn.group)[1]
    assert session.post(article.text).startswith("240 ")
    wait_until(lambda: session.group(inn.group)[1] > before or time.sleep(0.1), "the article")
    answer = session.article(article.identity)
    received = answer[1].lines if hasattr(answer[1], "lines") else answer[1]
    assert received[received.index(b"") + 1:] == lines(article.body)
    assert session.quit().startswith("205 ")


def wait_for_article(session, identity):
    wait_until(lambda: session.command(b"STAT " + identity.encode()).startswith(b"223")
               or time.sleep(0.1), "the article")


def post_by_hand(session, article):
    """Within the group."""
    assert session.command(b"POST").startswith(b"340 ")
    session.send(stuffed(article.text))
    assert session.read_until(b"\r\n").startswith(b"240 ")
    wait_for_article(session, article.identity)
    session.send(b"BODY " + article.identity.encode() + b"\r\n")
    assert session.read_until(b"\r\n").startswith(b"222 ")
    assert session.read_until(b"\r\n.\r\n") == stuffed(article.body)
    assert session.command(b"QUIT").startswith(b"205 ")


# ---- directory, scripts --------------------------------------------------------------------------


def bind_and_search(session, slapd):
    client = Ldap(session)
    client.bind()
    entries = client.search(slapd.suffix, "uid", "user7")
    assert len(entries) == 1
    assert b"user7@example.test" in entries[0]
    large, = client.search(slapd.suffix, "uid", "large")
    assert slapd.photo in large
    assert client.search(slapd.suffix, "uid", "no-such-user") == []
    client.unbind()


SCRIPT = b'require "fileinto";\r\nif header :contains "Subject" "list" {\r\n' \
         b'    fileinto "Lists";\r\n}\r\n'
# Comments make it long enough for several records; dovecot takes up to 1 MiB.
LARGE_SCRIPT = SCRIPT + b"# 0123456789 0123456789 0123456789 0123456789 0123456789\r\n" * 17000


def keep_scripts(client, user):
    client.login(user, PASSWORD)
    client.put("small", SCRIPT)
    client.put("large", LARGE_SCRIPT)
    client.activate("small")
    assert sorted(client.names()) == [b"large", b"small"]
    assert client.get("small") == SCRIPT
    assert client.get("large") == LARGE_SCRIPT
    client.logout()
