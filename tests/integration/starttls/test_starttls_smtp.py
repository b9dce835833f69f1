"""SMTP with STARTTLS (RFC 3207) on port-25-like routes before a real postfix: whole messages with
real clients in both modes and in clear, and the dialogue around them."""

import smtplib

import pytest

from clients import curl, dialects, gnutls, openssl, swaks, tls
from clients.plain import PlainClient
from harness.messages import body, message, stuffed
from harness.modes import HOSTNAME, MODES, start_both
from harness.scene import Stage
from harness.wait import wait_until
from servers.recording import Recording

SENDER = "sender@elsewhere.test"
CLIENTS = {"openssl": (openssl, ("-starttls", "smtp")),
           "gnutls": (gnutls, ("--starttls-proto=smtp",))}
# Without these, postfix would add them.
HEADER = b"Message-ID: <1@example.test>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
MEGABYTE = message("sent", body(1_000_000), HEADER)


@pytest.fixture(scope="module")
def ports(fronts, run, pki, postfix):
    return start_both(fronts, run, pki, "smtp", postfix.smtp)[1]


@pytest.fixture
def user(dovecot):
    return dovecot.new_mailbox()


@pytest.fixture
def file(run, user):
    made = run.folder / f"starttls-smtp-{user}.eml"
    made.write_bytes(MEGABYTE)
    return made


def the_one_message(dovecot, user):
    """What postfix delivered, below the header fields that it put on top."""
    found = wait_until(lambda: dovecot.messages(user), f"mail for {user}", 30)
    assert len(found) == 1
    return found[0][found[0].index(b"From: Alice"):]


# ---- whole messages ------------------------------------------------------------------------------


def test_smtplib_sends(port, pki, dovecot, user, version):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.starttls(context=tls.context(pki, version))
        assert session.sendmail(SENDER, [f"{user}@example.test"], MEGABYTE) == {}
        assert not session.has_extn("starttls")
    assert the_one_message(dovecot, user) == MEGABYTE


def test_curl_sends(port, pki, dovecot, user, file, version):
    curl.run(pki, version, f"smtp://127.0.0.1:{port}/client.test", "--ssl-reqd", "--mail-from",
             SENDER, "--mail-rcpt", f"{user}@example.test", "--upload-file", file)
    assert the_one_message(dovecot, user) == MEGABYTE


def test_swaks_sends(port, pki, run, dovecot, user):
    text = swaks.harmless(MEGABYTE)
    swaks.run(pki, port, sender=SENDER, recipient=f"{user}@example.test", folder=run.folder,
              text=text)
    assert the_one_message(dovecot, user) == text


def send_by_hand(session, user, hello=b"EHLO client.test"):
    """From the first command inside TLS on. The answer to the last line of the list is the marker:
    openssl may show what came before."""
    session.send(hello + b"\r\n")
    capabilities = session.read_until(b"250 CHUNKING\r\n")
    assert session.command(b"MAIL FROM:<%s>" % SENDER.encode()).startswith(b"250")
    assert session.command(b"RCPT TO:<%s@example.test>" % user.encode()).startswith(b"250")
    assert session.command(b"DATA").startswith(b"354")
    session.send(stuffed(MEGABYTE))
    assert session.read_until(b"\r\n").startswith(b"250")
    assert session.command(b"QUIT").startswith(b"221")
    return capabilities


@pytest.mark.parametrize("program", CLIENTS)
def test_command_line_clients_send(port, pki, dovecot, user, version, program):
    module, options = CLIENTS[program]
    with module.session(pki, port, *options, version=version) as session:
        assert b"STARTTLS" not in send_by_hand(session, user).split(b"250-mail.example.test")[-1]
    assert the_one_message(dovecot, user) == MEGABYTE


def test_a_mail_is_delivered_in_clear_where_tls_is_optional(ports, dovecot, user):
    with smtplib.SMTP("127.0.0.1", ports["optional"], timeout=30) as session:
        assert session.sendmail(SENDER, [f"{user}@example.test"], MEGABYTE) == {}
    assert the_one_message(dovecot, user) == MEGABYTE


def test_chunks_pass_in_clear_and_inside_tls(ports, pki, dovecot, user):
    """BDAT (RFC 3030): counted bytes that may look like commands."""
    text = message("chunks", b"STARTTLS\r\n.\r\nSTARTTLS\r\n" * 100, HEADER)
    with PlainClient(ports["optional"]) as client:
        client.read_until(b"\r\n")
        for session in (client, None):
            if session is None:
                assert client.command(b"STARTTLS").startswith(b"220")
                session = client.secure(tls.context(pki))
            session.send(b"EHLO client.test\r\n")
            session.read_until(b"250 STARTTLS\r\n" if session is client else b"250 CHUNKING\r\n")
            session.send(b"MAIL FROM:<%s>\r\nRCPT TO:<%s@example.test>\r\nBDAT %d\r\n"
                         % (SENDER.encode(), user.encode(), 100) + text[:100]
                         + b"BDAT %d LAST\r\n" % (len(text) - 100) + text[100:])
            for code in (b"250", b"250", b"250", b"250"):
                assert session.read_until(b"\r\n").startswith(code)
        assert session.command(b"QUIT").startswith(b"221")
    found = wait_until(lambda: len(mail := dovecot.messages(user)) == 2 and mail, "two mails", 30)
    assert all(one.endswith(text) for one in found)


def test_refused_recipients_reach_the_client(port, pki):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.starttls(context=tls.context(pki))
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            session.sendmail(SENDER, ["nobody@elsewhere.test"], "Subject: relay\r\n\r\nno\r\n")
    assert refused.value.recipients["nobody@elsewhere.test"][0] == 554


# ---- capabilities --------------------------------------------------------------------------------


def ehlo(client, hello=b"EHLO client.test"):
    """The lines of the answer, without codes."""
    client.send(hello + b"\r\n")
    lines = []
    while not lines or lines[-1][3:4] == b"-":
        lines.append(client.read_until(b"\r\n")[:-2])
    assert all(line.startswith(b"250") for line in lines), lines
    return [line[4:] for line in lines]


def test_optional_shows_the_servers_own_list(ports, postfix):
    with PlainClient(postfix.smtp) as direct, PlainClient(ports["optional"]) as client:
        direct.read_until(b"\r\n"), client.read_until(b"\r\n")
        expected = ehlo(direct)
        assert b"STARTTLS" not in expected
        assert ehlo(client) == expected + [b"STARTTLS"]


def test_required_shows_our_own_list(ports):
    with PlainClient(ports["required"]) as client:
        assert client.read_until(b"\r\n") == b"220 %s ESMTP\r\n" % HOSTNAME.encode()
        assert ehlo(client) == [HOSTNAME.encode(), b"ENHANCEDSTATUSCODES", b"STARTTLS"]
        assert client.command(b"HELO x") == b"250 %s\r\n" % HOSTNAME.encode()
        assert client.command(b"NOOP").startswith(b"250")
        for refused in (b"MAIL FROM:<a@b.test>", b"RCPT TO:<a@b.test>", b"DATA", b"VRFY a",
                        b"AUTH PLAIN"):
            assert client.command(refused).startswith(b"530 5.7.0 ")
        assert client.command(b"QUIT").startswith(b"221")
        assert client.read_all() == b""


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, [dialects.SMTP], [*MODES, "implicit"])
    yield made
    made.close()


# The servers' own upgrade, passwords and the word about who the client is are taken out.
INSIDE = [b"upstream.test", b"PIPELINING", b"STARTTLSX", b"AUTH PLAIN LOGIN", b"AUTH=LOGIN",
          b"SIZE 1000"]
IN_CLEAR = [b"upstream.test", b"PIPELINING", b"STARTTLSX", b"SIZE 1000", b"STARTTLS"]


@pytest.mark.parametrize("hello", [b"EHLO x", b"ehlo x", b"LHLO x"])
def test_the_servers_upgrade_is_not_shown_inside_tls(stage, pki, hello):
    for mode in MODES:
        scene = stage.scene(dialects.SMTP, mode)
        with scene.connect() as client, scene.begin(client) as secure:
            assert ehlo(secure, hello) == INSIDE
    scene = stage.scene(dialects.SMTP, "implicit")
    with tls.TlsClient(scene.port, tls.context(pki)) as secure:
        secure.read_until(b"\r\n")
        assert ehlo(secure, hello) == INSIDE
        assert secure.command(b"STARTTLS").startswith(b"503 5.5.1 ")
        scene.probe(secure)
    scene.wait_heard(hello + b"\r\n" + scene.dialect.probe)


def test_passwords_are_held_back_in_clear(stage):
    scene = stage.scene(dialects.SMTP, "optional")
    with scene.connect() as client:
        assert ehlo(client, b"EHLO x") == IN_CLEAR
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused)
        # What a client sends that did not wait for the refusal is no command either.
        scene.ask(client, dialects.TOKEN + b"\r\n", b"500 ")
        scene.probe(client)
    scene.wait_heard(b"EHLO x\r\n" + scene.dialect.probe)


def test_required_refuses_passwords_and_dials_nobody(stage):
    scene = stage.scene(dialects.SMTP, "required")
    with scene.connect() as client:
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused_required)
    scene.wait_heard()


# ---- the order of things -------------------------------------------------------------------------


def test_not_during_a_mail_transaction(stage):
    scene = stage.scene(dialects.SMTP, "optional")
    said = (b"EHLO x", b"MAIL FROM:<before@x.test>", b"RCPT TO:<before@x.test>")
    with scene.connect() as client:
        ehlo(client, said[0])
        for line in said[1:]:
            assert client.command(line).startswith(b"250")
            scene.ask(client, scene.dialect.upgrade, b"503 5.5.1 ")
        assert client.command(b"RSET").startswith(b"250")
        with scene.begin(client) as secure:
            scene.probe(secure)
    scene.wait_heard(b"\r\n".join(said) + b"\r\nRSET\r\n", scene.dialect.probe)


def test_the_upgrade_in_a_mail_text_is_text(stage):
    scene = stage.scene(dialects.SMTP, "optional")
    text = b"STARTTLS\r\n\nSTARTTLS\n.\nSTARTTLS\r\n..\r\n.\r\n"
    with scene.connect() as client:
        for line in (b"HELO x", b"MAIL FROM:<a@x.test>", b"RCPT TO:<a@x.test>"):
            assert client.command(line).startswith(b"250")
        assert client.command(b"DATA").startswith(b"354")
        client.send(text)
        assert client.read_until(b"\r\n").startswith(b"250 2.0.0 taken")
        with scene.begin(client) as secure:
            scene.probe(secure)
    assert scene.upstream.heard[0].endswith(b"DATA\r\n" + text)
    assert scene.upstream.heard[1] == scene.dialect.probe


def test_a_text_that_ends_for_the_server_alone_ends_the_session(fronts, run, pki):
    """SMTP smuggling: what the server takes for commands is still text to us and to the client."""
    stage = Stage(fronts, run, pki, [dialects.SMTP], ["optional", "implicit"],
                  make=lambda protocol: Recording("sloppy-" + protocol))
    with PlainClient(stage.scene(dialects.SMTP, "optional").port) as client:
        say_sloppy_mail(client)
        client.read_all()
        assert client.ended == "eof"
    # Inside TLS there is nothing of ours to protect, and the two agree.
    with tls.TlsClient(stage.scene(dialects.SMTP, "implicit").port, tls.context(pki)) as client:
        say_sloppy_mail(client)
        assert client.read_until(b"\r\n").startswith(b"250")
        say_sloppy_mail(client, begins=False)
        assert client.read_until(b"\r\n").startswith(b"250")
        assert client.command(b"QUIT").startswith(b"221")
    stage.close()


def say_sloppy_mail(client, begins=True, text=b"text\n.\n"):
    if begins:
        client.read_until(b"\r\n")
    for line in (b"HELO x", b"MAIL FROM:<a@x.test>", b"RCPT TO:<a@x.test>"):
        assert client.command(line).startswith(b"250")
    assert client.command(b"DATA").startswith(b"354")
    client.send(text)


AUTH = b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"
ODD = (b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r\n.\0\r\n", b"\r\n.\v\r\n", b"\r\n.\r\r\n",
       b"\r\n.  \r\n", b"\n. \n")


@pytest.fixture(scope="module")
def sloppy(fronts, run, pki):
    made = Stage(fronts, run, pki, [dialects.SMTP], ["optional"],
                 make=lambda protocol: Recording("sloppy-" + protocol))
    yield made
    made.close()


def heard_by(sloppy, said):
    """In one session in clear, whose client says a mail with that in its text."""
    scene = sloppy.scene(dialects.SMTP, "optional")
    with PlainClient(scene.port) as client:
        say_sloppy_mail(client, text=said)
        client.read_all()
    wait_until(lambda: scene.upstream.open_connections() == 0, "the upstream's connection to end")
    heard, = scene.upstream.heard
    return heard


@pytest.mark.parametrize("end", ODD)
@pytest.mark.parametrize("hidden", [AUTH, b"LHLO x\r\n" + AUTH, AUTH.replace(b"AUTH", b"\tx-exps")])
def test_no_login_reaches_the_server_behind_what_it_takes_for_the_end_of_a_mail(sloppy, end,
                                                                                hidden):
    assert b"AGFsaWNl" not in heard_by(sloppy, b"text" + end + hidden + b".\r\n")


@pytest.mark.parametrize("text", [b"text\n.\nNOOP\r\n.\r\n", b".\r\n"])
def test_no_login_reaches_the_server_behind_a_turn_that_is_none(sloppy, text):
    """Behind what the server agrees to, perhaps by its reply to another command, all would pass."""
    assert b"AGFsaWNl" not in heard_by(sloppy, text + b"TURN\r\n" + AUTH + b"QUIT\r\n")


def test_ehlo_starts_afresh_behind_the_upgrade(port, pki, user):
    """Nothing of before counts, not even the EHLO."""
    with PlainClient(port) as client:
        client.read_until(b"\r\n")
        ehlo(client)
        assert client.command(b"STARTTLS").startswith(b"220")
        with client.secure(tls.context(pki)) as secure:
            assert secure.command(b"RCPT TO:<%s@example.test>" % user.encode()).startswith(b"503")
            assert ehlo(secure)[0] == b"mail.example.test"


def test_pipelined_mails_in_clear_keep_their_replies_in_order(ports, dovecot, user):
    mine = b"RCPT TO:<%s@example.test>\r\n" % user.encode()
    one = (b"MAIL FROM:<%s>\r\n" % SENDER.encode() + mine + b"RCPT TO:<no@where.test>\r\n" + mine
           + b"RSET\r\n")
    with PlainClient(ports["optional"]) as client:
        client.read_until(b"\r\n")
        ehlo(client)
        client.send(one * 15 + b"NOOP\r\n")  # that may only be the last (RFC 2920, 3.1)
        for _ in range(15):
            codes = [client.read_until(b"\r\n")[:9] for _ in range(5)]
            assert codes == [b"250 2.1.0", b"250 2.1.5", b"554 5.7.1", b"250 2.1.5", b"250 2.0.0"]
        assert client.read_until(b"\r\n").startswith(b"250 2.0.0")
