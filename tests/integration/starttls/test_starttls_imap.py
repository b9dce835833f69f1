"""IMAP with STARTTLS (RFC 9051, 3501) before a real dovecot: real clients in both modes, and the
dialogue around them."""

import base64
import imaplib
import re

import pytest

from clients import curl, dialects, fetchmail, gnutls, openssl, tls
from clients.plain import PlainClient
from harness.messages import body, message
from harness.modes import MODES, start_both
from harness.scene import Stage
from servers.common import PASSWORD

CLIENTS = {"openssl": (openssl, ("-starttls", "imap")),
           "gnutls": (gnutls, ("--starttls-proto=imap",))}
MEGABYTE = message("large", body(1_000_000))


@pytest.fixture(scope="module")
def ports(fronts, run, pki, dovecot):
    return start_both(fronts, run, pki, "imap", dovecot.imap)[1]


@pytest.fixture
def mailbox(dovecot):
    return dovecot.new_mailbox()


# ---- whole sessions ------------------------------------------------------------------------------


def test_imaplib_appends_searches_and_fetches(port, pki, dovecot, mailbox, version):
    with imaplib.IMAP4("127.0.0.1", port, timeout=30) as session:
        session.starttls(tls.context(pki, version))
        assert "STARTTLS" not in session.capabilities
        assert "LOGINDISABLED" not in session.capabilities
        session.login(mailbox, PASSWORD)
        assert session.append("INBOX", None, None, MEGABYTE)[0] == "OK"
        session.select("INBOX")
        assert session.search(None, 'SUBJECT "large"')[1] == [b"1"]
        assert session.search(None, 'SUBJECT "another"')[1] == [b""]
        assert session.fetch("1", "(BODY[])")[1][0][1] == MEGABYTE
    assert dovecot.messages(mailbox) == [MEGABYTE]


def test_curl_appends_and_fetches(port, pki, run, dovecot, mailbox, version):
    file = run.folder / f"starttls-imap-{mailbox}.eml"
    file.write_bytes(MEGABYTE)
    login = ("--ssl-reqd", "--user", f"{mailbox}:{PASSWORD}")
    curl.run(pki, version, f"imap://127.0.0.1:{port}/INBOX", *login, "--upload-file", file)
    assert dovecot.messages(mailbox) == [MEGABYTE]
    fetched = curl.run(pki, version, f"imap://127.0.0.1:{port}/INBOX;MAILINDEX=1", *login)
    assert fetched == MEGABYTE


def test_fetchmail_fetches_and_deletes(port, pki, run, dovecot, mailbox):
    dovecot.deliver(mailbox, MEGABYTE)
    fetched, said = fetchmail.run(pki, run.folder, "imap", port, mailbox)
    assert "STARTTLS" in said
    at = fetched.index(b"From: Alice")
    assert fetched[at:].replace(b"\n", b"\r\n") == MEGABYTE
    assert dovecot.messages(mailbox) == []


@pytest.mark.parametrize("program", CLIENTS)
def test_command_line_clients_fetch(port, pki, dovecot, mailbox, version, program):
    module, options = CLIENTS[program]
    dovecot.deliver(mailbox, MEGABYTE)
    with module.session(pki, port, *options, version=version) as session:
        session.send(b"x LOGIN %s %s\r\n" % (mailbox.encode(), PASSWORD.encode()))
        session.read_until(b"x OK ")
        session.send(b"y SELECT INBOX\r\n")
        session.read_until(b"y OK ")
        session.send(b"z FETCH 1 BODY.PEEK[]\r\n")
        session.read_until(b"{%d}\r\n" % len(MEGABYTE))
        assert session.read_until(b"z OK ").startswith(MEGABYTE + b")\r\n")
        session.send(b"w LOGOUT\r\n")
        session.read_until(b"w OK ")


@pytest.mark.parametrize("login", [
    [b"x LOGIN {%d}", b"%s {%d}", b"%s"], [b"x LOGIN {%d+}\r\n%s {%d+}\r\n%s"],
    [b"x AUTHENTICATE PLAIN", b"TOKEN"], [b"x AUTHENTICATE PLAIN TOKEN"], [b'x LOGIN "%s" "%s"']],
    ids=["literals", "literals at once", "sasl", "sasl at once", "quoted"])
def test_every_form_of_login_passes_inside_tls(port, pki, mailbox, login):
    name, password = mailbox.encode(), PASSWORD.encode()
    token = base64.b64encode(b"\0" + name + b"\0" + password)
    words = [len(name), name, len(password), password] if b"{" in login[0] else [name, password]
    with PlainClient(port) as client:
        client.read_until(b"\r\n")
        assert client.command(b"a STARTTLS").startswith(b"a OK")
        with client.secure(tls.context(pki)) as secure:
            for line in login:
                if line is not login[0]:
                    assert secure.read_until(b"\r\n").startswith(b"+")
                count = line.count(b"%")
                line, words = line % tuple(words[:count]), words[count:]
                secure.send(line.replace(b"TOKEN", token) + b"\r\n")
            secure.read_until(b"x OK ")
            secure.send(b"y STATUS INBOX (MESSAGES)\r\n")
            secure.read_until(b"y OK ")


def test_a_login_in_clear_where_it_is_allowed(ports, dovecot, mailbox):
    with imaplib.IMAP4("127.0.0.1", ports["allowed"], timeout=30) as session:
        assert "STARTTLS" in session.capabilities
        assert "LOGINDISABLED" not in session.capabilities
        session.login(mailbox, PASSWORD)
        assert session.append("INBOX", None, None, MEGABYTE)[0] == "OK"
        session.select("INBOX")
        assert session.fetch("1", "(BODY[])")[1][0][1] == MEGABYTE


@pytest.mark.parametrize("mode", MODES)
def test_without_tls_no_password_is_taken(ports, mailbox, mode):
    with imaplib.IMAP4("127.0.0.1", ports[mode], timeout=30) as session:
        assert {"STARTTLS", "LOGINDISABLED"} <= set(session.capabilities)
        assert not any(one.startswith("AUTH=") for one in session.capabilities)
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            session.login(mailbox, PASSWORD)
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            session.authenticate("PLAIN", lambda _: f"\0{mailbox}\0{PASSWORD}".encode())


def test_a_wrong_password_is_the_servers_to_refuse(port, pki, mailbox):
    with imaplib.IMAP4("127.0.0.1", port, timeout=30) as session:
        session.starttls(tls.context(pki))
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            session.login(mailbox, "wrong")
        session.login(mailbox, PASSWORD)


# ---- capabilities --------------------------------------------------------------------------------


def capability(client):
    client.send(b"c CAPABILITY\r\n")
    line = client.read_until(b"\r\n")
    assert line.startswith(b"* CAPABILITY ")
    assert client.read_until(b"\r\n").startswith(b"c OK")
    return line.split()[2:]


def in_code(line):
    """The capabilities in a greeting or a tagged OK."""
    return line.partition(b"[CAPABILITY ")[2].partition(b"]")[0].split()


def test_optional_shows_the_servers_own_list(ports, dovecot):
    with PlainClient(dovecot.imap) as direct, PlainClient(ports["optional"]) as client, \
            PlainClient(ports["allowed"]) as allowed:
        expected = in_code(direct.read_until(b"\r\n"))
        held = [one for one in expected if one != b"SASL-IR" and not one.startswith(b"AUTH=")]
        assert in_code(allowed.read_until(b"\r\n")) == expected + [b"STARTTLS"]
        assert in_code(client.read_until(b"\r\n")) == held + [b"STARTTLS", b"LOGINDISABLED"]
        assert capability(allowed) == capability(direct) + [b"STARTTLS"]
        assert set(capability(client)) == set(held) | {b"STARTTLS", b"LOGINDISABLED"}


def test_the_servers_list_inside_tls_and_behind_the_login(port, pki, dovecot, mailbox):
    with PlainClient(dovecot.imap) as direct, PlainClient(port) as client:
        direct.read_until(b"\r\n"), client.read_until(b"\r\n")
        assert client.command(b"a STARTTLS").startswith(b"a OK")
        with client.secure(tls.context(pki)) as secure:
            assert capability(secure) == capability(direct)
            login = b"b LOGIN %s %s" % (mailbox.encode(), PASSWORD.encode())
            listed = direct.command(login)
            assert listed.startswith(b"* CAPABILITY ")
            assert secure.command(login) == listed


def test_required_speaks_for_itself(ports):
    own = [b"IMAP4rev1", b"STARTTLS", b"LOGINDISABLED"]
    with PlainClient(ports["required"]) as client:
        assert in_code(client.read_until(b"\r\n")) == own
        assert capability(client) == own
        assert client.command(b"n NOOP").startswith(b"n OK")
        assert client.command(b"s SELECT INBOX").startswith(b"s BAD")
        assert client.command(b"l LOGOUT").startswith(b"* BYE")
        assert client.read_all().startswith(b"l OK")


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, [dialects.IMAP], [*MODES, "implicit"])
    yield made
    made.close()


# LOGINDISABLED beside STARTTLS is only about sessions in clear.
INSIDE = [b"IMAP4rev1", b"STARTTLSX", b"AUTH=PLAIN", b"SASL-IR"]


def test_the_servers_upgrade_is_not_shown_inside_tls(stage, pki):
    for mode in MODES:
        scene = stage.scene(dialects.IMAP, mode)
        with scene.connect() as client, scene.begin(client) as secure:
            assert capability(secure) == INSIDE
    scene = stage.scene(dialects.IMAP, "implicit")
    with tls.TlsClient(scene.port, tls.context(pki)) as secure:
        assert in_code(secure.read_until(b"\r\n")) == INSIDE + [b"ID"]
        assert capability(secure) == INSIDE
        scene.ask(secure, scene.dialect.upgrade, scene.dialect.again_refused)
        scene.probe(secure)
    scene.wait_heard(b"c CAPABILITY\r\n" + scene.dialect.probe)


def test_passwords_are_held_back_in_clear(stage):
    scene = stage.scene(dialects.IMAP, "optional")
    with scene.connect() as client:
        assert capability(client) == [b"IMAP4rev1", b"STARTTLSX", b"STARTTLS", b"LOGINDISABLED"]
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused)
        # What a client sends that did not wait for the refusal.
        scene.ask(client, dialects.TOKEN + b"\r\n", b"* BAD")
        scene.probe(client)
    scene.wait_heard(b"c CAPABILITY\r\n" + scene.dialect.probe)


def test_a_refused_literal_is_not_waited_for(stage):
    """A client that waits for "+" reads the refusal, and goes on with another command."""
    scene = stage.scene(dialects.IMAP, "optional")
    with scene.connect() as client:
        scene.ask(client, b"a LOGIN {5}\r\n", scene.dialect.login_refused)
        scene.ask(client, b"a LOGIN {5+}\r\nalice {6+}\r\nsecret\r\n", scene.dialect.login_refused)
        scene.probe(client)
    scene.wait_heard(scene.dialect.probe)


def test_required_refuses_passwords_and_dials_nobody(stage):
    scene = stage.scene(dialects.IMAP, "required")
    with scene.connect() as client:
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused_required)
    scene.wait_heard()


def test_starttls_behind_a_login_in_clear_is_the_servers_to_refuse(ports, mailbox):
    with PlainClient(ports["allowed"]) as client:
        client.read_until(b"\r\n")
        assert client.command(b"a LOGIN %s %s" % (mailbox.encode(), PASSWORD.encode())) \
            .startswith(b"a OK")
        assert client.command(b"b STARTTLS").startswith(b"b BAD")
        assert client.command(b"c NOOP").startswith(b"c OK")


def test_no_login_hides_behind_a_literal_that_only_the_server_sees(fronts, run, pki, module_toys):
    """It refuses a command with one at once, reads so many bytes and then the next command."""
    heard = []

    def skipping_server(connection):
        connection.sendall(b"* OK lax\r\n")
        stream = connection.makefile("rb")
        for line in stream:
            heard.append(line)
            literal = re.search(rb"\{\D*(\d+)\D*\}\s*$", line)
            connection.sendall(line.split()[0] + (b" BAD no\r\n" if literal else b" OK done\r\n"))
            stream.read(int(literal[1]) if literal else 0)

    _, ports = start_both(fronts, run, pki, "imap", module_toys(skipping_server).port)
    for literal in (b"{7+}", b"{7+} ", b"{7+}\t", b"{7 +}", b"{7}  ", b"{+7}", b'"{7+}', b"x{7+}",
                    b"~{7+} "):
        with PlainClient(ports["optional"]) as client:
            client.read_until(b"\r\n")
            client.send(b"a NOOP " + literal + b"\r\n")
            client.read_until(b"\r\n")
            client.send(b"b NOOP c LOGIN alice secret\r\nd LOGOUT\r\n")
            client.read_all()
    assert heard and not any(line.startswith(b"c LOGIN") for line in heard)


def preauth_server(connection):
    connection.sendall(b"* PREAUTH in\r\n")
    for line in connection.makefile("rb"):
        connection.sendall(line.split()[0] + b" OK done\r\n")


def old_server(connection):
    """From before CAPABILITY and LOGIN's codes (IMAP2)."""
    connection.sendall(b"* OK old\r\n")
    for line in connection.makefile("rb"):
        tag, verb = line.split()[:2]
        connection.sendall(tag + (b" OK done\r\n" if verb in (b"LOGIN", b"NOOP") else
                                  b" BAD what?\r\n"))


def test_a_server_too_old_for_capability(fronts, run, pki, module_toys):
    _, ports = start_both(fronts, run, pki, "imap", module_toys(old_server).port)
    for mode in MODES:
        with PlainClient(ports[mode]) as client:
            client.read_until(b"\r\n")
            assert {b"STARTTLS", b"LOGINDISABLED"} <= set(capability(client))
            assert client.command(b"a STARTTLS").startswith(b"a OK")
            with client.secure(tls.context(pki)) as secure:
                assert secure.command(b"b LOGIN alice x").startswith(b"b OK")


def test_preauth_is_shown_only_on_implicit_tls(fronts, run, pki, module_toys):
    """In clear nobody may be in without a login, and an upgrade has no greeting that could tell."""
    _, ports = start_both(fronts, run, pki, "imap", module_toys(preauth_server).port)
    with PlainClient(ports["optional"]) as client:
        assert client.read_all().startswith(b"* BYE [UNAVAILABLE] ")
    with PlainClient(ports["required"]) as client:
        client.read_until(b"\r\n")
        assert client.command(b"a STARTTLS").startswith(b"a OK")
        with client.secure(tls.context(pki)) as secure:
            assert secure.read_all().startswith(b"* BYE [UNAVAILABLE] ")
    with tls.TlsClient(ports["implicit"], tls.context(pki)) as secure:
        assert secure.read_until(b"\r\n") == b"* PREAUTH in\r\n"
        assert secure.command(b"a NOOP").startswith(b"a OK")
