"""NNTP over implicit TLS before a real innd and nnrpd: post, read back, list."""

import pytest

from clients import gnutls, nntp, openssl, tls
from harness.config import route
from harness.messages import LARGE_BODY
from harness.sessions import Article, post_and_read_back, post_by_hand

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
    return Article(inn, LARGE_BODY)


@pytest.mark.parametrize("client", CLIENTS)
def test_python_clients_post_and_read_back(port, pki, inn, article, version, client):
    session = client("127.0.0.1", port, tls.context(pki, version))
    assert session.getwelcome().startswith("200 ")
    post_and_read_back(session, inn, article)


@pytest.mark.parametrize("program", [openssl, gnutls])
def test_command_line_clients_post_and_read_back(port, pki, inn, article, version, program):
    with program.session(pki, port, version=version) as session:
        session.read_until(b"200 news.example.test")
        session.read_until(b"\r\n")
        assert session.command(b"GROUP " + inn.group.encode()).startswith(b"211 ")
        post_by_hand(session, article)
