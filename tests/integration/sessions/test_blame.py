"""Whose doing the end of a session in clear was, by the log: in every protocol and both modes."""

import pytest

from clients import dialects, ldap
from clients import tls
from clients.plain import PlainClient
from harness.scene import ERRORS, MODES, say_what_goes, Stage


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, dialects.ALL)
    yield made
    made.close()


@pytest.fixture(params=dialects.ALL, ids=lambda one: one.protocol)
def dialect(request):
    return request.param


@pytest.fixture(params=MODES)
def scene(request, stage, dialect):
    return stage.scene(dialect, request.param)


def assert_blamed(scene, fault, end):
    scene.front.wait_for_log("end", route=scene.name, fault=fault, end=end)


def test_a_client_that_says_goodbye(scene):
    with scene.connect() as client:
        client.send(scene.dialect.leave)
        client.read_all()
    ours = scene.mode == "required" or scene.dialect.protocol == "imap"
    assert_blamed(scene, "none", "the dialogue ended" if ours else "the upstream closed")


def test_a_client_that_closes_and_whose_server_follows(stage, dialect):
    scene = stage.scene(dialect, "optional")
    with scene.connect() as client:
        client.send(dialect.probe)
        client.read_until(dialect.HEARD)
    assert_blamed(scene, "none", "the client closed")


@pytest.mark.parametrize("waits", [True, False])
def test_a_client_that_speaks_tls_at_once(scene, waits):
    """The commonest wrong setting."""
    with (scene.connect() if waits else PlainClient(scene.port)) as client:
        client.send(tls.client_hello(scene.pki))
        client.read_all()
    assert_blamed(scene, "client", "the client spoke TLS on a STARTTLS port")


def test_a_client_whose_line_has_no_end(scene):
    with scene.connect() as client:
        say_what_goes(client, b"x" * (1 << 20))
        client.read_all()
    what = "what is no LDAP" if scene.dialect.protocol == "ldap" else "a line that is too long"
    assert_blamed(scene, "client", f"the client sent {what}")


def test_a_browser_that_was_tricked(scene):
    ended = "what is no LDAP" if scene.dialect.protocol == "ldap" else None
    with scene.connect() as client:
        say_what_goes(client, b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.read_all()
    assert_blamed(scene, "client", f"the client sent {ended}" if ended else
                  "the client spoke HTTP, as a browser does that was tricked")


def test_a_client_that_shows_passwords(scene):
    """Who does can be found; what they are stays between the two."""
    d = scene.dialect
    refused = d.login_refused if scene.mode == "optional" else d.login_refused_required
    with scene.connect() as client:
        for login in d.logins:
            scene.ask(client, login, refused)
        lines = scene.front.log("login-refused", route=scene.name)
        user_and_pass = d.protocol in ("pop3", "nntp")  # are one
        assert len(lines) == len(d.logins) - user_and_pass
        assert all(line["client"].startswith("127.0.0.1:") for line in lines)
        assert scene.front.route_status(scene.name)["logins_refused"] == len(lines)
        for _ in range(ERRORS - len(d.logins) + 1):
            scene.ask(client, d.logins[0], refused)
        client.read_all()
    assert_blamed(scene, "client", "the client sent too many bad commands")
    text = scene.front.log_file().read_bytes()
    assert all(secret not in text for secret in (dialects.PASSWORD, dialects.TOKEN, b"alice"))


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_asks_for_the_mechanisms(stage, mode):
    """K-9 Mail's first word is AUTH alone, before CAPA and STLS: whoever bans for logins in clear
    would ban it."""
    scene = stage.scene(dialects.POP3, mode)
    before = scene.front.route_status(scene.name)["logins_refused"]
    lines = scene.front.log("login-refused", route=scene.name)
    with scene.connect() as client:
        scene.ask(client, b"AUTH\r\n", b"-ERR ")
        scene.ask(client, b"NOOP\r\n" if mode == "optional" else b"CAPA\r\n", b"+OK")
    assert scene.front.route_status(scene.name)["logins_refused"] == before
    assert scene.front.log("login-refused", route=scene.name) == lines


def test_a_message_that_is_too_large_before_required_tls(stage):
    scene = stage.scene(dialects.LDAP, "required")
    with scene.connect() as client:
        say_what_goes(client, ldap.message(3, ldap.ber(0x68, b"x" * (300 << 10))))
        client.read_all()
    assert_blamed(scene, "client", "the client sent a request that is too large")
