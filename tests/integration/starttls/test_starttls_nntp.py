"""NNTP with STARTTLS (RFC 4642) before a real innd and nnrpd: real clients in both modes, and the
dialogue around them."""

import pytest

from clients import dialects, gnutls, nntp, openssl, tls
from clients.plain import PlainClient
from harness.messages import body
from harness.modes import MODES, start_both
from harness.scene import Stage
from harness.sessions import Article, post_and_read_back, post_by_hand, wait_for_article
from servers.common import PASSWORD

CLIENTS = [nntp.Nntp]
try:
    import nntplib
except ImportError:  # gone in Python 3.13
    pass
else:
    CLIENTS.append(nntplib.NNTP)
PROGRAMS = {"openssl": (openssl, ("-starttls", "nntp")),
            "gnutls": (gnutls, ("--starttls-proto=nntp",))}


@pytest.fixture(scope="module")
def ports(fronts, run, pki, inn):
    return start_both(fronts, run, pki, "nntp", inn.port)[1]


@pytest.fixture
def article(inn):
    return Article(inn, body(1_000_000))


# ---- whole sessions ------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_python_clients_post_and_read_back(port, pki, inn, article, version, client):
    session = client("127.0.0.1", port, timeout=30)
    assert session.getwelcome().startswith("200 ")
    session.starttls(tls.context(pki, version))
    assert "STARTTLS" not in session.getcapabilities()
    post_and_read_back(session, inn, article)


@pytest.mark.parametrize("client", CLIENTS)
def test_python_clients_log_in(port, pki, inn, article, client):
    session = client("127.0.0.1", port, timeout=30)
    session.starttls(tls.context(pki))
    session.login(inn.user, PASSWORD)
    post_and_read_back(session, inn, article)


@pytest.mark.parametrize("program", PROGRAMS)
def test_command_line_clients_post_and_read_back(port, pki, inn, article, version, program):
    module, options = PROGRAMS[program]
    with module.session(pki, port, *options, version=version) as session:
        session.send(b"GROUP " + inn.group.encode() + b"\r\n")
        session.read_until(b"211 ")
        session.read_until(b"\r\n")
        post_by_hand(session, article)


@pytest.mark.parametrize("client", CLIENTS)
def test_posts_and_reads_in_clear_where_tls_is_optional(ports, inn, article, client):
    post_and_read_back(client("127.0.0.1", ports["optional"], timeout=30), inn, article)


def test_an_article_with_the_command_in_it_is_text(ports, pki, inn):
    """Also with dots and commands between bare LFs; and TLS may begin behind it."""
    article = Article(inn, b"STARTTLS\r\n..\r\nQUIT\r\n.\r\n")
    with PlainClient(ports["optional"]) as client:
        client.read_until(b"\r\n")
        assert client.command(b"POST").startswith(b"340 ")
        client.send(article.text)
        assert client.read_until(b"\r\n").startswith(b"240 ")
        wait_for_article(client, article.identity)
        for session in (client, None):
            if session is None:
                assert client.command(b"STARTTLS").startswith(b"382")
                session = client.secure(tls.context(pki))
            session.send(b"BODY " + article.identity.encode() + b"\r\n")
            assert session.read_until(b"\r\n").startswith(b"222 ")
            assert session.read_until(b"\r\n.\r\n") == article.body


# ---- passwords -----------------------------------------------------------------------------------


HIDDEN = b"AUTHINFO USER alice@example.test\r\nAUTHINFO PASS " + PASSWORD.encode() + b"\r\n.\r\n"


def test_no_login_reaches_the_server_as_an_article_that_it_does_not_take(ports):
    """nnrpd does not know TAKETHIS, and would read the article as commands."""
    for before in (b"", b"CAPABILITIES\r\n", b"MODE STREAM\r\n", b"MODE READER\r\n"):
        with PlainClient(ports["optional"]) as client:
            client.read_until(b"\r\n")
            client.send(before + b"TAKETHIS <a@example.test>\r\n" + HIDDEN)
            assert client.read_all().endswith(b"503 STREAMING was not offered\r\n")


@pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r\n.\0\r\n"])
def test_no_login_reaches_the_server_behind_what_it_takes_for_the_end_of_an_article(ports, end):
    """nnrpd takes each of these for it."""
    with PlainClient(ports["optional"]) as client:
        client.read_until(b"\r\n")
        assert client.command(b"POST").startswith(b"340 ")
        client.send(b"Subject: hiding\r\n\r\nbody" + end + HIDDEN)
        assert client.read_all() == b"400 Command in an article, closing connection\r\n"


@pytest.mark.parametrize("mode", MODES)
def test_without_tls_no_password_is_taken(ports, inn, mode):
    session = nntp.Nntp("127.0.0.1", ports[mode])
    assert "STARTTLS" in session.getcapabilities()
    with pytest.raises(nntp.NntpError, match="483"):
        session.login(inn.user, PASSWORD)
    session.quit()


def test_a_login_in_clear_where_it_is_allowed(ports, inn, article):
    session = nntp.Nntp("127.0.0.1", ports["allowed"])
    session.login(inn.user, PASSWORD)
    # RFC 4642, 2.2: not behind a login.
    assert "STARTTLS" not in session.getcapabilities()
    with pytest.raises(nntp.NntpError, match="502"):
        session._command("STARTTLS")
    post_and_read_back(session, inn, article)


def test_a_wrong_password_is_the_servers_to_refuse(port, pki, inn):
    session = nntp.Nntp("127.0.0.1", port)
    session.starttls(tls.context(pki))
    with pytest.raises(nntp.NntpError, match="481"):
        session.login(inn.user, "wrong")
    session.login(inn.user, PASSWORD)
    session.quit()


# ---- capabilities --------------------------------------------------------------------------------


def capabilities(client):
    client.send(b"CAPABILITIES\r\n")
    assert client.read_until(b"\r\n").startswith(b"101 ")
    return client.read_until(b".\r\n").split(b"\r\n")[:-2]


def test_optional_shows_the_servers_own_list(ports, inn):
    with PlainClient(inn.port) as direct, PlainClient(ports["optional"]) as client, \
            PlainClient(ports["allowed"]) as allowed:
        greeting = direct.read_until(b"\r\n")
        assert client.read_until(b"\r\n") == allowed.read_until(b"\r\n") == greeting
        # nnrpd has a STARTTLS of its own.
        expected = [one for one in capabilities(direct)
                    if one != b"STARTTLS" and not one.startswith(b"COMPRESS")]
        assert capabilities(allowed) == expected + [b"STARTTLS"]
        held = [b"AUTHINFO" if one.startswith(b"AUTHINFO") else one for one in expected
                if not one.startswith(b"SASL")]
        assert capabilities(client) == held + [b"STARTTLS"]


def test_the_servers_list_inside_tls(port, pki, inn):
    with PlainClient(inn.port) as direct, PlainClient(port) as client:
        direct.read_until(b"\r\n"), client.read_until(b"\r\n")
        assert client.command(b"STARTTLS").startswith(b"382")
        with client.secure(tls.context(pki)) as secure:
            assert capabilities(secure) == \
                [one for one in capabilities(direct) if one != b"STARTTLS"]


def test_required_speaks_for_itself(ports):
    with PlainClient(ports["required"]) as client:
        client.read_until(b"\r\n")
        assert capabilities(client) == [b"VERSION 2", b"AUTHINFO", b"STARTTLS"]
        for refused in (b"GROUP example.test", b"MODE READER", b"POST", b"LIST", b"DATE"):
            assert client.command(refused).startswith(b"483 ")
        assert client.command(b"HELP", b".\r\n").startswith(b"100 ")
        assert client.command(b"QUIT").startswith(b"205 ")
        assert client.read_all() == b""


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, [dialects.NNTP], [*MODES, "implicit"])
    yield made
    made.close()


INSIDE = [b"VERSION 2", b"READER", b"STARTTLSX", b"AUTHINFO USER SASL", b"SASL PLAIN",
          b"COMPRESS DEFLATE"]


def test_the_servers_upgrade_is_not_shown_inside_tls(stage, pki):
    for mode in MODES:
        scene = stage.scene(dialects.NNTP, mode)
        with scene.connect() as client, scene.begin(client) as secure:
            assert capabilities(secure) == INSIDE
    scene = stage.scene(dialects.NNTP, "implicit")
    with tls.TlsClient(scene.port, tls.context(pki)) as secure:
        secure.read_until(b"\r\n")
        assert capabilities(secure) == INSIDE
        scene.ask(secure, scene.dialect.upgrade, scene.dialect.again_refused)
        scene.probe(secure)
    scene.wait_heard(b"CAPABILITIES\r\n" + scene.dialect.probe)


def test_passwords_are_held_back_in_clear(stage):
    scene = stage.scene(dialects.NNTP, "optional")
    with scene.connect() as client:
        assert capabilities(client) == [b"VERSION 2", b"READER", b"STARTTLSX", b"AUTHINFO",
                                        b"STARTTLS"]
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused)
        scene.ask(client, dialects.TOKEN + b"\r\n", b"50")
        scene.ask(client, b"COMPRESS DEFLATE\r\n", b"502 ")
        scene.probe(client)
    scene.wait_heard(b"CAPABILITIES\r\n" + scene.dialect.probe)


def test_required_refuses_passwords_and_dials_nobody(stage):
    scene = stage.scene(dialects.NNTP, "required")
    with scene.connect() as client:
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused_required)
    scene.wait_heard()


def old_server(connection):
    """From before CAPABILITIES (RFC 977)."""
    connection.sendall(b"200 old\r\n")
    for line in connection.makefile("rb"):
        known = {b"DATE": b"111 20260101000000\r\n", b"QUIT": b"205 bye\r\n"}
        connection.sendall(known.get(line.strip(), b"500 what?\r\n"))


def test_a_server_too_old_for_capabilities(fronts, run, pki, module_toys):
    _, ports = start_both(fronts, run, pki, "nntp", module_toys(old_server).port)
    for mode in MODES:
        with PlainClient(ports[mode]) as client:
            client.read_until(b"\r\n")
            assert {b"VERSION 2", b"STARTTLS"} <= set(capabilities(client))
            assert client.command(b"STARTTLS").startswith(b"382")
            with client.secure(tls.context(pki)) as secure:
                assert secure.command(b"CAPABILITIES").startswith(b"500")
                assert secure.command(b"DATE").startswith(b"111")


def test_a_client_that_asks_without_looking_at_the_list(port, pki):
    """Readers from before CAPABILITIES just try it."""
    with PlainClient(port) as client:
        client.read_until(b"\r\n")
        assert client.command(b"starttls").startswith(b"382")
        with client.secure(tls.context(pki)) as secure:
            assert secure.command(b"MODE READER").startswith(b"20")
