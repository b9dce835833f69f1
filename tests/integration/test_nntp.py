"""NNTP over implicit TLS before a real innd and nnrpd: post, read back, list."""

import time
import uuid

import pytest

from clients import gnutls, nntp, openssl, tls
from harness.config import route
from harness.messages import LARGE_BODY, lines, stuffed
from harness.wait import wait_until

CLIENTS = [nntp.Nntp]
try:
    import nntplib
except ImportError:  # gone in Python 3.13
    pass
else:
    def standard(host, port, settings):
        return nntplib.NNTP_SSL(host, port, ssl_context=settings, timeout=30)
    CLIENTS.append(standard)


@pytest.fixture(scope="module")
def port(fronts, run, pki, inn):
    port = run.port()
    fronts.start(pki.mail.block(), route("nntps", port, inn.port, protocol="nntp"))
    return port


@pytest.fixture
def article(inn):
    identity = f"<{uuid.uuid4()}@example.test>"
    text = (f"From: alice@example.test\r\nNewsgroups: {inn.group}\r\nSubject: large\r\n"
            f"Message-ID: {identity}\r\n\r\n").encode() + LARGE_BODY
    return identity, text


def body_of(article_lines):
    return article_lines[article_lines.index(b"") + 1:]


@pytest.mark.parametrize("client", CLIENTS)
def test_python_clients_post_and_read_back(port, pki, inn, article, version, client):
    identity, text = article
    session = client("127.0.0.1", port, tls.context(pki, version))
    assert session.getwelcome().startswith("200 ")
    before = session.group(inn.group)[1]
    assert session.post(text).startswith("240 ")
    wait_until(lambda: session.group(inn.group)[1] > before or time.sleep(0.1), "the article")
    answer = session.article(identity)
    received = answer[1].lines if hasattr(answer[1], "lines") else answer[1]
    assert body_of(received) == lines(LARGE_BODY)
    assert session.quit().startswith("205 ")


@pytest.mark.parametrize("program", [openssl, gnutls])
def test_command_line_clients_post_and_read_back(port, pki, inn, article, version, program):
    identity, text = article
    with program.session(pki, port, version=version) as session:
        session.read_until(b"200 news.example.test")
        session.read_until(b"\r\n")
        assert session.command(b"GROUP " + inn.group.encode()).startswith(b"211 ")
        assert session.command(b"POST").startswith(b"340 ")
        session.send(stuffed(text))
        assert session.read_until(b"\r\n").startswith(b"240 ")
        wait_until(lambda: session.command(b"STAT " + identity.encode()).startswith(b"223")
                   or time.sleep(0.1), "the article")
        session.send(b"BODY " + identity.encode() + b"\r\n")
        assert session.read_until(b"\r\n").startswith(b"222 ")
        assert session.read_until(b"\r\n.\r\n") == stuffed(LARGE_BODY)
        assert session.command(b"QUIT").startswith(b"205 ")
