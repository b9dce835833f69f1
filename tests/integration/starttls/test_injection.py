"""Hostile bytes around the upgrade, in every protocol and both modes. The upstream notes all it
hears: nothing that was said in clear may reach the session on TLS, and where TLS is required
nothing that was said in clear may reach it at all."""

import pytest

from clients import dialects, ldap, tls
from clients.plain import PlainClient
from harness.scene import ERRORS, MODES, say_what_goes, Stage
from harness.wait import wait_until

RECORD_HEADER = b"\x15\x03"  # of a TLS alert
EVIL = b"evil"


def names(items):
    return {"argvalues": items, "ids": [getattr(one, "protocol", one) for one in items]}


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, dialects.ALL)
    yield made
    made.close()


@pytest.fixture(params=dialects.ALL, ids=lambda one: one.protocol)
def dialect(request):
    return request.param


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def scene(stage, dialect, mode):
    return stage.scene(dialect, mode)


of_lines = pytest.mark.parametrize("dialect", **names(dialects.LINES), indirect=True)


def evil(scene):
    """A command that shows where it arrives."""
    if scene.dialect.protocol == "ldap":
        return ldap.compare_request(5, EVIL)
    return scene.dialect.probe.rstrip() + b" " + EVIL + b"\r\n"


# ---- the good case, so that the others prove something -------------------------------------------


def test_the_upgrade_gives_a_fresh_upstream_connection(scene):
    d = scene.dialect
    with scene.connect() as client:
        with scene.begin(client) as secure:
            scene.probe(secure)
            secure.send(d.leave)
            secure.read_all()
    scene.wait_nothing_but(d.probe + d.leave)


def test_nothing_said_in_clear_outlives_the_upgrade(stage, dialect):
    scene = stage.scene(dialect, "optional")
    with scene.connect() as client:
        client.send(evil(scene))
        client.read_until(dialect.HEARD)
        if dialect.protocol != "ldap":
            client.read_until(b"\n")
        with scene.begin(client) as secure:
            scene.probe(secure)
            secure.send(dialect.leave)
            secure.read_all()
    scene.wait_heard(evil(scene), dialect.probe + dialect.leave)


def test_the_upgrade_in_single_bytes(scene):
    d = scene.dialect
    with scene.connect() as client:
        for byte in d.upgrade[:-1]:
            client.send(bytes([byte]))
        d.ask(client, d.upgrade[-1:], d.ready)
        with d.secure(client, tls.context(scene.pki)) as secure:
            for byte in d.probe:
                secure.send(bytes([byte]))
            secure.read_until(d.HEARD)
            secure.send(d.leave)
            secure.read_all()
    scene.wait_nothing_but(d.probe + d.leave)


# ---- bytes behind the command --------------------------------------------------------------------


@pytest.mark.parametrize("what", ["command", "client-hello", "line-end", "nul", "upgrade"])
def test_bytes_behind_the_command_end_the_session(scene, what):
    behind = {"command": evil(scene), "client-hello": tls.client_hello(scene.pki), "line-end": b"\r\n",
              "nul": b"\0", "upgrade": scene.dialect.upgrade}[what]
    with scene.connect() as client:
        client.send(scene.dialect.upgrade + behind)
        # Not even the reply: it would be an invitation to begin TLS.
        assert client.read_all() == b""
    scene.wait_nothing_but()
    assert scene.last_end()["end"] == "the client sent data behind the upgrade command"


@of_lines  # LDAP does not begin TLS then; see below
def test_a_command_in_front_is_heard_and_one_behind_is_not(stage, dialect):
    scene = stage.scene(dialect, "optional")
    with scene.connect() as client:
        client.send(dialect.probe + dialect.upgrade + evil(scene))
        assert dialect.ready not in client.read_all()
    scene.wait_heard(dialect.probe)


def test_bytes_between_command_and_handshake_are_no_commands(scene):
    d = scene.dialect
    with scene.connect() as client:
        d.ask(client, d.upgrade, d.ready)
        client.send(evil(scene))
        rest = client.read_all()
        assert rest == b"" or rest.startswith(RECORD_HEADER)
    scene.wait_nothing_but()
    end = scene.last_end()
    assert (end["stage"], end["fault"]) == ("handshake", "client")


def test_a_handshake_behind_injected_bytes_fails(scene):
    d = scene.dialect
    with scene.connect() as client:
        d.ask(client, d.upgrade, d.ready)
        client.send(evil(scene) + tls.client_hello(scene.pki))
        rest = client.read_all()
        assert rest == b"" or rest.startswith(RECORD_HEADER)
    scene.wait_nothing_but()


# ---- the command itself --------------------------------------------------------------------------


def test_the_upgrade_twice(scene):
    d = scene.dialect
    with scene.connect() as client, scene.begin(client) as secure:
        scene.ask(secure, d.upgrade, d.again_refused)
        scene.probe(secure)
        secure.send(d.leave)
        secure.read_all()
    scene.wait_nothing_but(d.probe + d.leave)


def test_arguments_are_refused_and_the_upgrade_is_still_there(scene):
    d = scene.dialect
    with scene.connect() as client:
        scene.ask(client, d.arguments, d.arguments_refused)
        with scene.begin(client) as secure:
            scene.probe(secure)
            secure.send(d.leave)
            secure.read_all()
    scene.wait_nothing_but(d.probe + d.leave)


@of_lines
def test_a_bare_lf_ends_the_command(scene):
    d = scene.dialect
    with scene.connect() as client:
        d.ask(client, d.upgrade.replace(b"\r\n", b"\n"), d.ready)
        with d.secure(client, tls.context(scene.pki)) as secure:
            scene.probe(secure)
            secure.send(d.leave)
            secure.read_all()
    scene.wait_nothing_but(d.probe + d.leave)


@of_lines
def test_a_command_behind_a_bare_lf_is_an_injection_too(scene):
    with scene.connect() as client:
        client.send(scene.dialect.upgrade.replace(b"\r\n", b"\n") + evil(scene))
        assert client.read_all() == b""
    scene.wait_nothing_but()


@of_lines
def test_a_bare_cr_does_not_end_the_command(scene):
    d = scene.dialect
    with scene.connect() as client:
        client.send(d.upgrade.replace(b"\r\n", b"\r") + evil(scene))
        assert not client.read_until(b"\n").startswith(d.ready)
    scene.wait_nothing_but()


@of_lines
def test_lines_that_are_no_commands_are_refused_here(scene):
    d = scene.dialect
    with scene.connect() as client:
        for line in d.garbage:
            scene.ask(client, line, d.garbage_refused)
        with scene.begin(client) as secure:
            scene.probe(secure)
            secure.send(d.leave)
            secure.read_all()
    scene.wait_nothing_but(d.probe + d.leave)


@of_lines
def test_inside_tls_they_are_the_upstreams_to_judge(scene):
    d = scene.dialect
    with scene.connect() as client, scene.begin(client) as secure:
        secure.send(b"".join(d.garbage) + d.probe)
        secure.read_until(d.HEARD)
        secure.send(d.leave)
        secure.read_all()
    scene.wait_nothing_but(b"".join(d.garbage) + d.probe + d.leave)


# ---- bounds --------------------------------------------------------------------------------------


@of_lines
@pytest.mark.parametrize("size", [64 << 10, 1 << 20])
@pytest.mark.parametrize("ended", [True, False])
def test_very_long_lines_end_the_session(scene, size, ended):
    d = scene.dialect
    if d.protocol == "imap" and size == 64 << 10:
        size += 1  # servers take lines of 64 KiB
    with scene.connect() as client:
        say_what_goes(client, b"x" * size + (b"\r\n" if ended else b""))
        assert client.read_all() == d.too_long
    scene.wait_nothing_but()


@of_lines
def test_a_long_line_inside_tls_is_the_upstreams_to_judge(scene):
    d, line = scene.dialect, b"x" * (64 << 10 | 1) + b"\r\n"
    with scene.connect() as client, scene.begin(client) as secure:
        secure.send(line + d.probe)
        secure.read_until(d.HEARD)
        secure.send(d.leave)
        secure.read_all()
    scene.wait_nothing_but(line + d.probe + d.leave)


def test_refusals_are_counted(scene):
    d = scene.dialect
    refused = d.login_refused if scene.mode == "optional" else d.login_refused_required
    with scene.connect() as client:
        for _ in range(ERRORS):
            scene.ask(client, d.logins[0], refused)
        scene.ask(client, d.logins[0], refused)
        rest = client.read_all()
        if d.protocol == "ldap":
            number, operation, content, behind = ldap.take_message(rest)
            assert (number, operation, behind) == (0, ldap.EXTENDED, b"")
            assert ldap.NOTICE in content
        else:
            assert rest.startswith(d.goodbye) and rest.count(b"\n") == 1, rest
    scene.wait_nothing_but()


@of_lines
def test_unknown_commands_are_counted(scene):
    """Also where the upstream is the one who refuses them."""
    d = scene.dialect
    with scene.connect() as client:
        for _ in range(ERRORS + 1):
            client.send(d.unknown)
            assert not client.read_until(b"\n").startswith(d.goodbye)
        rest = client.read_all()
        assert rest.startswith(d.goodbye) and rest.count(b"\n") == 1, rest


def test_refusals_sent_all_at_once_are_counted(scene):
    d = scene.dialect
    with scene.connect() as client:
        say_what_goes(client, d.logins[0] * 1000)
        answer = client.read_all()
    if d.protocol == "ldap":
        count, notices = 0, []
        while answer:
            number, _, content, answer = ldap.take_message(answer)
            count += 1
            notices += [content] if number == 0 else []
        assert count == ERRORS + 2 and len(notices) == 1
    else:
        assert answer.count(b"\r\n") == ERRORS + 2, answer
        assert answer.splitlines()[-1].startswith(d.goodbye)
    scene.wait_nothing_but()


@pytest.mark.parametrize("request_line", [b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n"])
def test_a_tricked_browser_is_sent_away(scene, request_line):
    d = scene.dialect
    body = d.probe + d.upgrade
    with scene.connect() as client:
        say_what_goes(client, request_line + b"Host: " + EVIL + b"\r\n\r\n" + body)
        answer = client.read_all()
        if d.protocol == "ldap":
            assert ldap.NOTICE in answer
        else:
            assert answer.startswith(d.foreign) and answer.count(b"\n") == 1, answer
    scene.wait_nothing_but()


# ---- BER -----------------------------------------------------------------------------------------

HEAD = b"\2\1\1"  # message number 1
BROKEN_BER = {
    "indefinite length": b"\x30\x80" + HEAD + ldap.ber(ldap.UNBIND) + b"\0\0",
    "indefinite operation": ldap.ber(0x30, HEAD, b"\x77\x80\0\0") + b"\0" * 96,
    "absurd length": b"\x30\x84\xff\xff\xff\xff" + HEAD,
    "length beyond all integers": b"\x30\x88" + b"\xff" * 8 + HEAD,
    "length of nine octets": b"\x30\x89" + b"\0" * 8 + b"\5" + HEAD + b"\x42\0",
    "reserved length": b"\x30\xff" + b"\0" * 127,
    "tag of several octets": b"\x3f\x81\1\5" + HEAD + b"\x42\0",
    "no sequence": ldap.ber(4, b"hello"),
    "empty sequence": b"\x30\0",
    "no number": ldap.ber(0x30, ldap.ber(4, b"x"), ldap.ber(0x42)),
    "number zero": ldap.message(0, ldap.ber(ldap.EXTENDED_REQUEST, ldap.ber(0x80, ldap.STARTTLS))),
    "negative number": ldap.ber(0x30, b"\2\1\xff", ldap.ber(ldap.BIND)),
    "number of nine octets": ldap.ber(0x30, b"\2\x09" + b"\1" * 9, ldap.ber(0x42)),
    "operation longer than the message": ldap.ber(0x30, HEAD, b"\x77\x20\x80\x16"),
    "name longer than the operation": ldap.message(1, b"\x77\3\x80\x16\x31"),
    "no name": ldap.message(1, ldap.ber(ldap.EXTENDED_REQUEST)),
    "unknown operation": ldap.message(1, ldap.ber(0x7e)),
    "a response": ldap.message(1, ldap.ber(ldap.EXTENDED, ldap.ber(10, b"\0"))),
    "not BER": b"\xff" * 32,
}
ldap_only = pytest.mark.parametrize("dialect", **names([dialects.LDAP]), indirect=True)


@ldap_only
@pytest.mark.parametrize("what", BROKEN_BER)
def test_broken_ber_ends_the_session(scene, what):
    with scene.connect() as client:
        client.send(BROKEN_BER[what])
        number, operation, content, rest = ldap.take_message(client.read_all())
        assert (number, operation, rest) == (0, ldap.EXTENDED, b"")
        assert ldap.result_code(content) == ldap.PROTOCOL_ERROR
        assert ldap.NOTICE in content
    scene.wait_nothing_but()


def nested(depth):
    """A search whose filter is (!(!(!...)))."""
    inner = ldap.ber(0x87, b"cn")
    for _ in range(depth):
        inner = ldap.ber(0xa2, inner)
    return ldap.message(4, ldap.ber(
        ldap.SEARCH, ldap.ber(4, b"dc=test"), ldap.ber(10, b"\2"), ldap.ber(10, b"\0"),
        ldap.ber(2, b"\0"), ldap.ber(2, b"\0"), ldap.ber(1, b"\0"), inner, ldap.ber(0x30)))


@ldap_only
@pytest.mark.parametrize("depth", [100, 10000])
def test_deep_nesting_is_not_followed(scene, depth):
    request = nested(depth)
    with scene.connect() as client:
        code = ldap.CONFIDENTIALITY_REQUIRED if scene.mode == "required" else ldap.SUCCESS
        scene.ask(client, request, bytes([ldap.DONE, code]))
        with scene.begin(client) as secure:
            scene.ask(secure, request, bytes([ldap.DONE, ldap.SUCCESS]))
            secure.send(scene.dialect.leave)
            secure.read_all()
    clear = [] if scene.mode == "required" else [request]
    scene.wait_heard(*clear, request + scene.dialect.leave)


@ldap_only
def test_lengths_may_be_longer_than_needed(scene):
    """As Active Directory's clients write them."""
    content = ldap.ber(2, b"\1") + ldap.ber(ldap.EXTENDED_REQUEST, ldap.ber(0x80, ldap.STARTTLS))
    with scene.connect() as client:
        scene.ask(client, b"\x30\x84" + len(content).to_bytes(4, "big") + content,
                  scene.dialect.ready)
        with client.secure(tls.context(scene.pki)) as secure:
            scene.probe(secure)
            secure.send(scene.dialect.leave)
            secure.read_all()
    scene.wait_nothing_but(scene.dialect.probe + scene.dialect.leave)


@ldap_only
def test_a_large_request_before_required_tls_is_not_collected(stage, dialect):
    scene = stage.scene(dialect, "required")
    with scene.connect() as client:
        say_what_goes(client, ldap.message(1, ldap.ber(0x68, ldap.ber(4, b"x" * (1 << 20)))))
        number, _, content, _ = ldap.take_message(client.read_all())
        assert (number, ldap.result_code(content)) == (0, ldap.ADMIN_LIMIT_EXCEEDED)
    scene.wait_nothing_but()


@ldap_only
def test_starttls_is_refused_while_an_operation_is_outstanding(stage, dialect):
    """And so what follows is said in clear, and meant so."""
    scene = stage.scene(dialect, "optional")
    with scene.connect() as client:
        client.send(dialect.probe + dialect.upgrade + evil(scene))
        answers = {}
        while len(answers) < 3:
            number, operation, content = ldap.read_message(client)
            answers[number] = (operation, ldap.result_code(content))
        assert answers == {2: (ldap.COMPARED, ldap.SUCCESS), 5: (ldap.COMPARED, ldap.SUCCESS),
                           1: (ldap.EXTENDED, ldap.OPERATIONS_ERROR)}
        with scene.begin(client) as secure:
            scene.probe(secure)
    scene.wait_heard(dialect.probe + evil(scene), dialect.probe)


# ---- time ----------------------------------------------------------------------------------------


LOGIN_FIRST = ("pop3", "imap", "sieve")  # nothing is to be had before it


def test_a_client_that_does_not_begin_tls_is_sent_away(fronts, run, pki):
    """Where nothing but TLS leads anywhere; elsewhere clients may work in clear."""
    stage = Stage(fronts, run, pki, dialects.ALL, upgrade_timeout="4s")
    waiting, working = [(d, stage.scene(d, "required").connect()) for d in dialects.ALL], []
    for d, client in waiting:
        client.send(d.upgrade[:3])
    for d in dialects.ALL:
        scene = stage.scene(d, "optional")
        client = scene.connect()
        scene.probe(client)
        (waiting if d.protocol in LOGIN_FIRST else working).append((d, client))
    for d, client in waiting:
        answer = client.read_all()
        if d.protocol == "ldap":
            assert ldap.NOTICE in answer
        else:
            assert answer.startswith(d.unavailable), answer
        client.close()
    for d, client in working:
        client.send(d.probe)
        client.read_until(d.HEARD)
        client.close()
    ends = stage.front.log("end", end="the client did not begin TLS in time", fault="client")
    assert len(ends) == len(waiting)
    stage.front.terminate()
    stage.close()


def test_a_client_that_does_not_finish_the_handshake_is_cut_off(fronts, run, pki, dialect, mode):
    stage = Stage(fronts, run, pki, [dialect], [mode], handshake_timeout="1s")
    scene = stage.scene(dialect, mode)
    with scene.connect() as client:
        dialect.ask(client, dialect.upgrade, dialect.ready)
        rest = client.read_all()
        assert rest == b"" or rest.startswith(RECORD_HEADER)
    scene.wait_nothing_but()
    assert scene.last_end()["end"] == "the client did not finish the handshake in time"
    stage.front.terminate()
    stage.close()


@pytest.mark.parametrize("ends", ["fin", "reset"])
@pytest.mark.parametrize("where", ["at once", "in the command", "behind it", "in the handshake"])
def test_a_client_that_leaves_leaves_nothing_behind(scene, where, ends):
    d = scene.dialect
    with PlainClient(scene.port) as client:
        d.greet(client, scene.mode)
        if where == "in the command":
            client.send(d.upgrade[:3])
        elif where != "at once":
            d.ask(client, d.upgrade, d.ready)
        if where == "in the handshake":
            client.send(tls.client_hello(scene.pki)[:50])
        if ends == "reset":
            client.reset()
    scene.wait_nothing_but()
    wait_until(lambda: scene.front.active(scene.name) == 0, "the session to end")
