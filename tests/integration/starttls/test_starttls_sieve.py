"""ManageSieve with STARTTLS (RFC 5804) before a real dovecot: real clients in both modes, and the
dialogue around them."""

import base64

import pytest

from clients import dialects, gnutls, openssl, tls
from clients.plain import PlainClient
from clients.sieve import Sieve, SieveError
from harness.modes import HOSTNAME, MODES, start_both
from harness.scene import Stage
from harness.wait import wait_until
from harness.sessions import LARGE_SCRIPT, keep_scripts
from servers.common import PASSWORD



@pytest.fixture(scope="module")
def ports(fronts, run, pki, dovecot):
    return start_both(fronts, run, pki, "sieve", dovecot.sieve)[1]


@pytest.fixture
def mailbox(dovecot):
    return dovecot.new_mailbox()


# ---- whole sessions ------------------------------------------------------------------------------


def by_python(pki, port, version):
    client = PlainClient(port)
    Sieve(client).command(b"STARTTLS")
    return client.secure(tls.context(pki, version))


def by_openssl(pki, port, version):
    return openssl.session(pki, port, "-starttls", "sieve", version=version)


def by_gnutls(pki, port, version):
    return gnutls.quiet_session(pki, port, "--starttls-proto=sieve", version=version)


@pytest.mark.parametrize("connect", [by_python, by_openssl, by_gnutls])
def test_scripts_are_uploaded_listed_and_read_back(port, pki, mailbox, version, connect):
    with connect(pki, port, version) as session:
        client = Sieve(session)  # reads the capabilities, which come again
        assert b'"SIEVE"' in client.capabilities and b"PLAIN" in client.capabilities
        assert b"STARTTLS" not in client.capabilities
        keep_scripts(client, mailbox)


@pytest.mark.parametrize("form", ["quoted", "literal", "in steps"])
def test_every_form_of_login_passes_inside_tls(port, pki, mailbox, form):
    token = base64.b64encode(f"\0{mailbox}\0{PASSWORD}".encode())
    with by_python(pki, port, None) as session:
        client = Sieve(session)
        if form == "quoted":
            client.command(b'AUTHENTICATE "PLAIN" "%s"' % token)
        elif form == "literal":
            client.command(b'AUTHENTICATE "PLAIN" {%d+}\r\n%s' % (len(token), token))
        else:
            session.send(b'AUTHENTICATE "PLAIN"\r\n')
            assert session.read_until(b"\r\n") in (b'""\r\n', b"{0}\r\n")
            client.command(b'"%s"' % token)
        assert client.names() == []
        client.logout()


def test_a_broken_script_is_the_servers_to_refuse(port, pki, mailbox):
    with by_python(pki, port, None) as session:
        client = Sieve(session)
        client.login(mailbox, PASSWORD)
        with pytest.raises(SieveError, match="NO"):
            client.put("broken", b"if if if\r\n")
        client.logout()


def test_a_login_in_clear_where_it_is_allowed(ports, mailbox):
    with PlainClient(ports["allowed"]) as session:
        client = Sieve(session)
        assert b'"STARTTLS"' in client.capabilities and b"PLAIN" in client.capabilities
        client.login(mailbox, PASSWORD)
        client.put("large", LARGE_SCRIPT)
        assert client.get("large") == LARGE_SCRIPT
        client.logout()


@pytest.mark.parametrize("mode", MODES)
def test_without_tls_no_password_is_taken(ports, mailbox, mode):
    with PlainClient(ports[mode]) as session:
        client = Sieve(session)
        assert b'"STARTTLS"\r\n' in client.capabilities
        assert b'"SASL" ""\r\n' in client.capabilities
        with pytest.raises(SieveError, match=r"NO \(ENCRYPT-NEEDED\)"):
            client.login(mailbox, PASSWORD)
        client.logout()


def test_a_wrong_password_is_the_servers_to_refuse(port, pki, mailbox):
    with by_python(pki, port, None) as session:
        client = Sieve(session)
        with pytest.raises(SieveError, match="NO"):
            client.login(mailbox, "wrong")
        client.login(mailbox, PASSWORD)
        client.logout()


# ---- capabilities --------------------------------------------------------------------------------


def listed(session):
    """After the greeting and after the command: they must be the same."""
    client = Sieve(session)
    assert client.command(b"CAPABILITY") == client.capabilities
    return client.capabilities.splitlines()


def test_optional_shows_the_servers_own_list(ports, dovecot):
    with PlainClient(dovecot.sieve) as direct, PlainClient(ports["optional"]) as client, \
            PlainClient(ports["allowed"]) as allowed:
        expected = listed(direct)
        assert listed(allowed) == expected + [b'"STARTTLS"']
        assert listed(client) == [b'"SASL" ""' if one.startswith(b'"SASL"') else one
                                  for one in expected] + [b'"STARTTLS"']


def test_the_servers_list_inside_tls(port, pki, dovecot):
    with PlainClient(dovecot.sieve) as direct, by_python(pki, port, None) as session:
        assert listed(session) == listed(direct)


def test_required_speaks_for_itself(ports):
    with PlainClient(ports["required"]) as session:
        assert listed(session) == [b'"IMPLEMENTATION" "ManageSieve"', b'"SASL" ""', b'"SIEVE" ""',
                                   b'"STARTTLS"', b'"VERSION" "1.0"']
        for refused in (b"LISTSCRIPTS", b'HAVESPACE "a" 10', b'PUTSCRIPT "a" {3+}\r\nabc'):
            assert session.command(refused).startswith(b"NO (ENCRYPT-NEEDED)")
        assert session.command(b'NOOP "tag"') == b'OK (TAG "tag") "Done"\r\n'
        assert session.command(b"LOGOUT").startswith(b"OK")
        assert session.read_all() == b""
    with PlainClient(ports["required"]) as session:
        assert b'OK "%s ready"\r\n' % HOSTNAME.encode() in session.read_until(b"ready\"\r\n")


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, [dialects.SIEVE], [*MODES, "implicit"])
    yield made
    made.close()


INSIDE = [b'"IMPLEMENTATION" "upstream"', b'"SASL" "PLAIN"', b'"STARTTLSX"', b'"SIEVE" "fileinto"',
          b'"VERSION" "1.0"']


def test_the_servers_upgrade_is_not_shown_inside_tls(stage, pki):
    for mode in MODES:
        scene = stage.scene(dialects.SIEVE, mode)
        with scene.connect() as client:
            scene.ask(client, scene.dialect.upgrade, scene.dialect.ready)
            with client.secure(tls.context(pki)) as secure:
                assert listed(secure) == INSIDE
    scene = stage.scene(dialects.SIEVE, "implicit")
    with tls.TlsClient(scene.port, tls.context(pki)) as secure:
        assert listed(secure) == INSIDE
        scene.ask(secure, scene.dialect.upgrade, scene.dialect.again_refused)
        scene.probe(secure)
    scene.wait_heard(b"CAPABILITY\r\n" + scene.dialect.probe)


def test_passwords_are_held_back_in_clear(stage):
    scene = stage.scene(dialects.SIEVE, "optional")
    with PlainClient(scene.port) as client:
        assert listed(client) == [b'"SASL" ""' if one.startswith(b'"SASL"') else one
                                  for one in INSIDE] + [b'"STARTTLS"']
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused)
        scene.ask(client, b'"%s"\r\n' % dialects.TOKEN, b"NO ")
        scene.probe(client)
    scene.wait_heard(b"CAPABILITY\r\n" + scene.dialect.probe)


@pytest.mark.parametrize("before", [
    b"NOOP {%d+}\r\n", b"NOOP {%d}\r\n", b"NOOP {%d} \r\n", b'NOOP "{%d+}\r\n',
    b"NOOP x{%d+}\r\n", b"CHECKSCRIPT {%d+}\r\n", b'HAVESPACE "a" {%d+}\r\n',
    b'PUTSCRIPT "a" {%d+}\r\nkeep;\r\n'])
def test_no_login_reaches_a_server_that_knows_no_literals(stage, before):
    login = b'AUTHENTICATE "PLAIN" "AGFsaWNlAHNlY3JldA=="\r\n'
    scene = stage.scene(dialects.SIEVE, "optional")
    with PlainClient(scene.port) as client:
        client.read_until(b'OK "ready"\r\n')
        client.send(before % len(login) + login + b"\r\nLOGOUT\r\n")
        client.read_all()
    wait_until(lambda: scene.upstream.open_connections() == 0, "the upstream's connection to end")
    heard, = scene.upstream.heard
    assert not any(line.startswith(b"AUTHENTICATE") for line in heard.split(b"\n"))


def test_required_refuses_passwords_and_dials_nobody(stage):
    scene = stage.scene(dialects.SIEVE, "required")
    with scene.connect() as client:
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused_required)
    scene.wait_heard()
