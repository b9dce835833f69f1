"""POP3 with STLS (RFC 2595) before a real dovecot: real clients in both modes, and the dialogue."""

import poplib

import pytest

from clients import curl, dialects, fetchmail, gnutls, openssl, tls
from clients.plain import PlainClient
from harness.messages import body, lines, message, stuffed
from harness.modes import MODES, start_both
from harness.scene import Stage
from servers.common import PASSWORD
from servers.toy import Toy

CLIENTS = {"openssl": (openssl, ("-starttls", "pop3")),
           "gnutls": (gnutls, ("--starttls-proto=pop3",))}
MEGABYTE = message("large", body(1_000_000))


@pytest.fixture(scope="module")
def ports(fronts, run, pki, dovecot):
    return start_both(fronts, run, pki, "pop3", dovecot.pop3)[1]


@pytest.fixture
def mailbox(dovecot):
    user = dovecot.new_mailbox()
    dovecot.deliver(user, MEGABYTE)
    return user


# ---- whole sessions ------------------------------------------------------------------------------


def test_poplib_lists_and_fetches_and_deletes(port, pki, dovecot, mailbox, version):
    session = poplib.POP3("127.0.0.1", port, timeout=30)
    session.stls(tls.context(pki, version))
    session.user(mailbox)
    session.pass_(PASSWORD)
    assert session.stat() == (1, len(MEGABYTE))
    assert session.retr(1)[1] == lines(MEGABYTE)
    session.dele(1)
    session.quit()
    assert dovecot.messages(mailbox) == []


def test_curl_fetches(port, pki, mailbox, version):
    fetched = curl.run(pki, version, f"pop3://127.0.0.1:{port}/1", "--ssl-reqd", "--user",
                       f"{mailbox}:{PASSWORD}")
    assert fetched == MEGABYTE


def test_fetchmail_fetches_and_deletes(port, pki, run, dovecot, mailbox):
    fetched, said = fetchmail.run(pki, run.folder, "pop3", port, mailbox)
    assert "POP3> STLS" in said
    at = fetched.index(b"From: Alice")
    assert fetched[at:].replace(b"\n", b"\r\n") == MEGABYTE
    assert dovecot.messages(mailbox) == []


@pytest.mark.parametrize("program", CLIENTS)
def test_command_line_clients_fetch(port, pki, mailbox, version, program):
    module, options = CLIENTS[program]
    with module.session(pki, port, *options, version=version) as session:
        session.send(b"NOOP\r\nUSER %s\r\n" % mailbox.encode())
        # What comes first is the program's report. Dovecot has no NOOP before the login.
        session.read_until(b"-ERR")
        session.read_until(b"+OK")
        session.read_until(b"\r\n")
        assert session.command(b"PASS %s" % PASSWORD.encode()).startswith(b"+OK")
        session.send(b"RETR 1\r\n")
        assert session.read_until(b"\r\n").startswith(b"+OK")
        assert session.read_until(b"\r\n.\r\n") == stuffed(MEGABYTE)
        assert session.command(b"QUIT").startswith(b"+OK")


def test_sasl_in_one_line_and_in_steps(port, pki, mailbox):
    token = dialects.base64.b64encode(f"\0{mailbox}\0{PASSWORD}".encode())
    for said in ([b"AUTH PLAIN " + token], [b"AUTH PLAIN", token]):
        with PlainClient(port) as client:
            client.read_until(b"\r\n")
            assert client.command(b"STLS").startswith(b"+OK")
            with client.secure(tls.context(pki)) as secure:
                for line in said[:-1]:
                    assert secure.command(line).startswith(b"+ ")
                assert secure.command(said[-1]).startswith(b"+OK")
                assert secure.command(b"STAT").startswith(b"+OK 1 ")


def test_a_wrong_password_is_the_servers_to_refuse(port, pki, mailbox):
    session = poplib.POP3("127.0.0.1", port, timeout=30)
    session.stls(tls.context(pki))
    session.user(mailbox)
    with pytest.raises(poplib.error_proto, match="AUTH"):
        session.pass_("wrong")
    session.close()


def test_a_login_in_clear_where_it_is_allowed(ports, mailbox):
    session = poplib.POP3("127.0.0.1", ports["allowed"], timeout=30)
    assert "STLS" in session.capa() and "USER" in session.capa()
    session.user(mailbox)
    session.pass_(PASSWORD)
    assert session.retr(1)[1] == lines(MEGABYTE)
    session.quit()


@pytest.mark.parametrize("mode", MODES)
def test_without_tls_no_password_is_taken(ports, mailbox, mode):
    session = poplib.POP3("127.0.0.1", ports[mode], timeout=30)
    assert "STLS" in session.capa()
    for login in (lambda: session.user(mailbox), lambda: session.pass_(PASSWORD),
                  lambda: session._shortcmd("AUTH PLAIN")):
        with pytest.raises(poplib.error_proto, match="STLS"):
            login()
    session.quit()


# ---- capabilities --------------------------------------------------------------------------------


def capa(client):
    client.send(b"CAPA\r\n")
    assert client.read_until(b"\r\n").startswith(b"+OK")
    return client.read_until(b".\r\n").split(b"\r\n")[:-2]


def test_optional_shows_the_servers_own_list(ports, dovecot):
    with PlainClient(dovecot.pop3) as direct, PlainClient(ports["optional"]) as client, \
            PlainClient(ports["allowed"]) as allowed:
        greeting = direct.read_until(b"\r\n")
        assert client.read_until(b"\r\n") == greeting
        assert allowed.read_until(b"\r\n") == greeting
        expected = capa(direct)
        assert capa(allowed) == expected + [b"STLS"]
        assert capa(client) == [one for one in expected
                                if one.split()[0] not in (b"USER", b"SASL")] + [b"STLS"]


def test_the_servers_list_inside_tls(port, pki, dovecot):
    with PlainClient(dovecot.pop3) as direct, PlainClient(port) as client:
        direct.read_until(b"\r\n"), client.read_until(b"\r\n")
        assert client.command(b"STLS").startswith(b"+OK")
        with client.secure(tls.context(pki)) as secure:
            assert capa(secure) == capa(direct)


def test_required_speaks_for_itself(ports):
    with PlainClient(ports["required"]) as client:
        client.read_until(b"\r\n")
        assert capa(client) == [b"RESP-CODES", b"STLS"]
        for refused in (b"STAT", b"NOOP", b"RETR 1"):
            assert client.command(refused).startswith(b"-ERR Must issue a STLS command first")
        assert client.command(b"QUIT").startswith(b"+OK")
        assert client.read_all() == b""


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, [dialects.POP3], [*MODES, "implicit"])
    yield made
    made.close()


INSIDE = [b"TOP", b"STLSX", b"USER", b"SASL PLAIN", b"UIDL"]


def test_the_servers_upgrade_is_not_shown_inside_tls(stage, pki):
    for mode in MODES:
        scene = stage.scene(dialects.POP3, mode)
        with scene.connect() as client, scene.begin(client) as secure:
            assert capa(secure) == INSIDE
    scene = stage.scene(dialects.POP3, "implicit")
    with tls.TlsClient(scene.port, tls.context(pki)) as secure:
        assert b"<1.2@upstream.test>" in secure.read_until(b"\r\n")
        assert capa(secure) == INSIDE
        scene.ask(secure, scene.dialect.upgrade, scene.dialect.again_refused)
        scene.probe(secure)
    scene.wait_heard(b"CAPA\r\nNOOP\r\n")


def test_passwords_are_held_back_in_clear(stage):
    scene = stage.scene(dialects.POP3, "optional")
    with PlainClient(scene.port) as client:
        # No timestamp, no APOP: a listener could try passwords against it.
        assert client.read_until(b"\r\n") == b"+OK upstream ready\r\n"
        assert capa(client) == [b"TOP", b"STLSX", b"UIDL", b"STLS"]
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused)
        scene.ask(client, dialects.TOKEN + b"\r\n", b"-ERR")
        scene.probe(client)
    scene.wait_heard(b"CAPA\r\nNOOP\r\n")


def test_no_login_reaches_the_server_as_a_text(stage):
    """There is none before a login; a server that does not know XTND would read it as commands."""
    scene = stage.scene(dialects.POP3, "optional")
    with PlainClient(scene.port) as client:
        client.read_until(b"\r\n")
        client.send(b"XTND XMIT\r\nx\n.\nUSER alice\r\nPASS secret\r\n.\r\nQUIT\r\n")
        client.read_all()
    scene.wait_heard(b"XTND XMIT\r\nx\r\nQUIT\r\n")


def test_required_refuses_passwords_and_dials_nobody(stage):
    scene = stage.scene(dialects.POP3, "required")
    with scene.connect() as client:
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused_required)
    scene.wait_heard()


def test_stls_behind_a_login_in_clear_is_the_servers_to_refuse(ports, mailbox):
    """RFC 2595, 4: only before the login."""
    with PlainClient(ports["allowed"]) as client:
        client.read_until(b"\r\n")
        assert client.command(b"USER %s" % mailbox.encode()).startswith(b"+OK")
        assert client.command(b"PASS %s" % PASSWORD.encode()).startswith(b"+OK")
        assert client.command(b"STLS").startswith(b"-ERR")
        assert client.command(b"STAT").startswith(b"+OK 1 ")


def old_server(connection):
    """From before CAPA (RFC 1939)."""
    connection.sendall(b"+OK old\r\n")
    for line in connection.makefile("rb"):
        connection.sendall(b"+OK\r\n" if line[:4] in (b"USER", b"PASS") else b"-ERR what?\r\n")


def test_a_server_too_old_for_capa(fronts, run, pki, module_toys):
    toy: Toy = module_toys(old_server)
    _, ports = start_both(fronts, run, pki, "pop3", toy.port)
    for mode in MODES:
        session = poplib.POP3("127.0.0.1", ports[mode], timeout=30)
        assert "STLS" in session.capa()
        session.stls(tls.context(pki))
        session.user("alice")
        session.pass_("x")
        session.close()
