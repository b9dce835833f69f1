"""Who the client is: what a balancer in front says (PROXY in), what the upstream is told (PROXY
out, XCLIENT, IMAP's ID), and where connections to it come from. Real servers log whom they saw."""

import smtplib

import pytest

from clients import announce, dialects, tls
from clients.plain import PlainClient
from clients.sieve import Sieve
from harness.config import route
from harness.messages import message
from harness.modes import HOSTNAME, MODES
from harness.wait import wait_until
from servers import dovecot as dovecots
from servers.common import PASSWORD
from servers.recording import Recording
from servers.toy import Toy

CLIENT = "127.0.0.2"  # not the address that tlsfront connects from
FAR, FAR6 = "192.0.2.7", "2001:db8::7"
ALL_MODES = (*MODES, "implicit")


def wait_for_line(log, *words, timeout=15):
    def found():
        return [line for line in log.read_text(errors="replace").splitlines()
                if all(word in line for word in words)]

    return wait_until(found, f"a line in {log.name} with {words}", timeout)[-1]


class Floor:
    """Routes in all modes before one upstream."""

    def __init__(self, fronts, run, pki, protocol, upstream, modes=ALL_MODES, **options):
        self.pki, self.protocol = pki, protocol
        self.ports = {mode: run.port() for mode in modes}
        self.front = fronts.start(pki.mail.block(), *(
            route(f"{protocol}-{mode}", port, upstream, protocol=protocol, tls=mode,
                  hostname=HOSTNAME, **options) for mode, port in self.ports.items()))

    def connect(self, mode, source=CLIENT, header=b""):
        """A session inside TLS in the given mode; behind an upgrade there is no greeting. `header`
        comes from a balancer."""
        if mode == "implicit":
            client = PlainClient(self.ports[mode], source=source)
            client.send(header)
            return client.secure(tls.context(self.pki))
        client = self.clear(mode, source, header)
        upgrade = {"smtp": b"STARTTLS", "pop3": b"STLS", "imap": b"a STARTTLS",
                   "sieve": b"STARTTLS"}[self.protocol]
        if self.protocol == "sieve":
            Sieve(client)
        else:
            client.read_until(b"\r\n")
        client.command(upgrade)
        return client.secure(tls.context(self.pki))

    def clear(self, mode, source=CLIENT, header=b""):
        client = PlainClient(self.ports[mode], source=source)
        client.send(header)
        return client


# ---- postfix -------------------------------------------------------------------------------------


SMTP_WAYS = {"xclient": {"xclient": "on"}, "v1": {"send_proxy": "v1"}, "v2": {"send_proxy": "v2"}}


@pytest.fixture(scope="module", params=SMTP_WAYS)
def smtp(request, fronts, run, pki, postfix):
    upstream = postfix.xclient if request.param == "xclient" else postfix.haproxy
    # The balancers are at 127.0.0.3.
    return Floor(fronts, run, pki, "smtp", upstream, accept_proxy_from="127.0.0.3/32",
                 **SMTP_WAYS[request.param])


def send_one(session, mode, user, postfix, address):
    if mode in ("implicit", "clear"):
        session.read_until(b"\r\n")
    assert session.command(b"HELO client.test").startswith(b"250")
    assert session.command(b"MAIL FROM:<a@elsewhere.test>").startswith(b"250")
    assert session.command(b"RCPT TO:<%s@example.test>" % user.encode()).startswith(b"250")
    assert session.command(b"DATA").startswith(b"354")
    queued = session.command(b"Subject: x\r\n\r\ntext\r\n.")
    assert queued.startswith(b"250"), queued
    identity = queued.split()[-1].decode()
    wait_for_line(postfix.log, f"{identity}: client=", f"[{address}]")
    assert session.command(b"QUIT").startswith(b"221")


@pytest.mark.parametrize("mode", [*ALL_MODES, "clear"])
def test_postfix_logs_the_client(smtp, dovecot, postfix, mode):
    user = dovecot.new_mailbox()
    session = smtp.clear("optional") if mode == "clear" else smtp.connect(mode)
    with session:
        send_one(session, mode, user, postfix, CLIENT)
    found = wait_until(lambda: dovecot.messages(user), "the mail", 30)
    assert f"[{CLIENT}])".encode() in found[0]


@pytest.mark.parametrize("far", [FAR, FAR6])
@pytest.mark.parametrize("mode", [*ALL_MODES, "clear"])
def test_postfix_logs_whom_the_balancer_announced(smtp, dovecot, postfix, mode, far):
    header = announce.v2(far, "::1" if ":" in far else "127.0.0.1")
    session = smtp.clear("optional", "127.0.0.3", header) if mode == "clear" else \
        smtp.connect(mode, "127.0.0.3", header)
    with session:
        send_one(session, mode, dovecot.new_mailbox(), postfix, far)


def test_postfix_takes_no_xclient_from_the_client(fronts, run, pki, postfix):
    floor = Floor(fronts, run, pki, "smtp", postfix.xclient, xclient="off")
    for mode in ALL_MODES:
        with floor.connect(mode) as session:
            if mode == "implicit":
                session.read_until(b"\r\n")
            session.send(b"EHLO x\r\n")
            lines = [session.read_until(b"\r\n")]
            while lines[-1].startswith(b"250-"):
                lines.append(session.read_until(b"\r\n"))
            assert not any(b"XCLIENT" in line for line in lines)
            assert session.command(b"XCLIENT ADDR=192.0.2.66").startswith(b"550 5.7.0")


FORGED = "192.0.2.66"
XCLIENT = f"XCLIENT ADDR={FORGED}\r\n".encode()

HIDDEN = {
    "behind LF.LF": b"hi\n.\n" + XCLIENT,
    "behind LF.CRLF": b"hi\n.\r\n" + XCLIENT,
    "behind CRLF.LF": b"hi\r\n.\n" + XCLIENT,
    "behind a vertical tab": b"\v" + XCLIENT,
    "before a vertical tab": XCLIENT.replace(b" ", b"\v"),
}


@pytest.mark.parametrize("how", HIDDEN)
@pytest.mark.parametrize("mode", ["implicit", "optional"])
def test_postfix_takes_no_xclient_that_is_hidden(fronts, run, pki, dovecot, postfix, mode, how):
    """CVE-2023-51764: it takes more than CRLF.CRLF for the end of a mail. It believes our address,
    and with xclient = on no longer when it has heard another."""
    floor = Floor(fronts, run, pki, "smtp", postfix.xclient)

    def seen(words):
        return postfix.log.read_text(errors="replace").count(words)

    ended, forged = seen("disconnect from"), seen(FORGED)
    with floor.clear(mode) if mode == "optional" else floor.connect(mode) as session:
        session.read_until(b"\r\n")
        session.send(b"EHLO x\r\n")
        if HIDDEN[how].startswith(b"hi"):
            session.send(b"MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<%s@example.test>\r\nDATA\r\n"
                         % dovecot.new_mailbox().encode())
            session.read_until(b"354 ")
        session.send(HIDDEN[how] + b"EHLO forged\r\nQUIT\r\n")
        session.read_all()
    wait_until(lambda: seen("disconnect from") > ended, "postfix to see the end")
    assert seen(FORGED) == forged


def test_a_relay_stays_closed_behind_xclient(smtp):
    """127.0.0.1 is tlsfront; what it brings is not trusted for that."""
    with smtplib.SMTP("127.0.0.1", smtp.ports["optional"], timeout=30,
                      source_address=(CLIENT, 0)) as session:
        session.starttls(context=tls.context(smtp.pki))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            session.sendmail("a@elsewhere.test", ["b@elsewhere.test"], message("x", b"x\r\n"))


# ---- dovecot by the PROXY header -----------------------------------------------------------------


@pytest.fixture(scope="module")
def haproxy_dovecot(run):
    return dovecots.Dovecot(run, "dovecot-haproxy", dovecots.HAPROXY)


@pytest.fixture(scope="module")
def trusting_dovecot(run):
    return dovecots.Dovecot(run, "dovecot-trusting", dovecots.TRUSTING)


MAIL = ("imap", "pop3", "sieve")


def log_in(session, protocol, user, greeted):
    """False when the server refuses for want of TLS."""
    if protocol == "imap":
        if greeted:
            session.read_until(b"\r\n")
        session.send(b"l LOGIN %s %s\r\n" % (user.encode(), PASSWORD.encode()))
        line = session.read_until(b"\r\n")
        while not line.startswith(b"l "):
            line = session.read_until(b"\r\n")
        return line.startswith(b"l OK")
    if protocol == "pop3":
        if greeted:
            session.read_until(b"\r\n")
        if not session.command(b"USER %s" % user.encode()).startswith(b"+OK"):
            return False
        return session.command(b"PASS %s" % PASSWORD.encode()).startswith(b"+OK")
    client = Sieve(session)
    if b'"SASL" ""' in client.capabilities:
        return False
    client.login(user, PASSWORD)
    return True


def wait_for_login(server, user, address):
    """The line of the log."""
    return wait_for_line(server.log, server.logged_in, f"user=<{user}>", f"rip={address},")


@pytest.mark.parametrize("protocol", MAIL)
def test_dovecot_knows_the_client_and_that_it_is_on_tls(fronts, run, pki, haproxy_dovecot,
                                                        protocol):
    """It takes plaintext passwords only in secured sessions."""
    floor = Floor(fronts, run, pki, protocol, getattr(haproxy_dovecot, protocol), send_proxy="v2",
                  accept_proxy_from="127.0.0.3/32")
    for mode in ALL_MODES:
        user = haproxy_dovecot.new_mailbox()
        with floor.connect(mode) as session:
            assert log_in(session, protocol, user, greeted=mode == "implicit")
        line = wait_for_login(haproxy_dovecot, user, CLIENT)
        assert "secured" in line or "TLS" in line
        user = haproxy_dovecot.new_mailbox()
        with floor.connect(mode, "127.0.0.3", announce.v1(FAR6, "::1")) as session:
            assert log_in(session, protocol, user, greeted=mode == "implicit")
        wait_for_login(haproxy_dovecot, user, FAR6)


@pytest.mark.parametrize("protocol", MAIL)
def test_dovecot_is_not_told_of_tls_where_there_is_none(fronts, run, pki, haproxy_dovecot,
                                                        protocol):
    floor = Floor(fronts, run, pki, protocol, getattr(haproxy_dovecot, protocol),
                  modes=["optional"], send_proxy="v2", plaintext_login="allow")
    user = haproxy_dovecot.new_mailbox()
    with floor.clear("optional") as session:
        assert not log_in(session, protocol, user, greeted=True)
    with floor.connect("optional") as session:
        assert log_in(session, protocol, user, greeted=False)


def test_version_1_tells_the_address_and_nothing_of_tls(fronts, run, pki, haproxy_dovecot):
    floor = Floor(fronts, run, pki, "imap", haproxy_dovecot.imap, modes=["implicit"],
                  send_proxy="v1")
    with floor.connect("implicit") as session:
        assert not log_in(session, "imap", "box1", greeted=True)
    wait_for_line(haproxy_dovecot.log, "imap-login", f"rip={CLIENT},")


# ---- clients of a Unix socket --------------------------------------------------------------------


def test_servers_take_those_who_have_no_address(fronts, run, pki, postfix, haproxy_dovecot):
    """They refuse PROXY without addresses; version 2 has LOCAL, and the server sees tlsfront's."""
    folder = run.make_folder("nameless")
    fronts.start(pki.mail.block(), *(
        route(protocol, f"unix:{folder / protocol}", upstream, protocol=protocol, send_proxy="v2")
        for protocol, upstream in (("smtp", postfix.haproxy), ("imap", haproxy_dovecot.imap))))
    with tls.TlsClient(folder / "smtp", tls.context(pki)) as session:
        assert session.read_until(b"\r\n").startswith(b"220 ")
    with tls.TlsClient(folder / "imap", tls.context(pki)) as session:
        assert session.read_until(b"\r\n").startswith(b"* OK ")
    wait_for_line(haproxy_dovecot.log, "imap-login", "rip=127.0.0.1,")


# ---- dovecot by ID and XCLIENT -------------------------------------------------------------------


@pytest.mark.parametrize("protocol", MAIL)
def test_dovecot_takes_the_client_from_id_and_xclient(fronts, run, pki, trusting_dovecot, protocol):
    floor = Floor(fronts, run, pki, protocol, getattr(trusting_dovecot, protocol), xclient="on",
                  accept_proxy_from="127.0.0.3/32")
    for mode in ALL_MODES:
        for source, header, address in (
                (CLIENT, b"", CLIENT), ("127.0.0.3", announce.v2(FAR), FAR),
                ("127.0.0.3", announce.v2(FAR6, "::1"), FAR6)):
            user = trusting_dovecot.new_mailbox()
            with floor.connect(mode, source, header) as session:
                assert log_in(session, protocol, user, greeted=mode == "implicit")
            line = wait_for_login(trusting_dovecot, user, address)
            # The same session id is in our log.
            identity = line.partition("session=<")[2].partition(">")[0]
            assert floor.front.wait_for_log("end", id=identity)["client"].startswith(
                f"[{address}]:" if ":" in address else f"{address}:")


def test_dovecot_is_not_told_by_the_client(fronts, run, pki, trusting_dovecot):
    """An ID with fields that only a proxy may send is answered here."""
    floor = Floor(fronts, run, pki, "imap", trusting_dovecot.imap, xclient="on")
    for mode in ALL_MODES:
        user = trusting_dovecot.new_mailbox()
        with floor.connect(mode) as session:
            session.send(b'i ID ("name" "x" "x-originating-ip" "192.0.2.66")\r\n')
            session.read_until(b"* ID NIL\r\n")
            session.read_until(b"i OK")
            session.read_until(b"\r\n")
            assert log_in(session, "imap", user, greeted=False)
        wait_for_login(trusting_dovecot, user, CLIENT)


ID = f'a ID ("x-originating-ip" "{FORGED}")\r\n'.encode()

SMUGGLED = {
    "imap": (b"{%d+}\r\n", b"x {%d+}\r\n", b"x NOOP ((({%d+}\r\n", b"x AUTHENTICATE PLAIN {%d+}\r\n"),
    "pop3": (b"\r", b"\v", b"\x00"),
    "sieve": (b"{%d+}\r\n", b"XYZZY {%d+}\r\n", b"NOOP ({%d+}\r\n", b'NOOP "{%d+}\r\n', b"\v"),
}
# A login that fails, for the server to log whom it sees.
LOGINS = {
    "imap": b"l LOGIN nobody wrong\r\nm LOGOUT\r\n",
    "pop3": b"USER nobody\r\nPASS wrong\r\nQUIT\r\n",
    "sieve": b'AUTHENTICATE "PLAIN" "AG5vYm9keQB3cm9uZw=="\r\nLOGOUT\r\n',
}


@pytest.mark.parametrize("protocol", SMUGGLED)
@pytest.mark.parametrize("xclient", ["on", "off"])
def test_dovecot_is_not_told_by_what_is_hidden(fronts, run, pki, trusting_dovecot, protocol, xclient):
    """Not all that looks like a literal is one to it."""
    floor = Floor(fronts, run, pki, protocol, getattr(trusting_dovecot, protocol), xclient=xclient,
                  plaintext_login="allow")
    user = trusting_dovecot.new_mailbox()
    for mode in ("implicit", "optional"):
        for front in SMUGGLED[protocol]:
            line = ID if protocol == "imap" else XCLIENT
            said = (front % len(line) if b"%" in front else front) + line
            with floor.clear(mode) if mode == "optional" else floor.connect(mode) as session:
                session.read_until(b"OK")
                session.send(said + LOGINS[protocol])
                session.read_all()
    with floor.connect("implicit") as session:
        assert log_in(session, protocol, user, greeted=True)
    wait_for_login(trusting_dovecot, user, CLIENT if xclient == "on" else "127.0.0.1")
    assert FORGED not in trusting_dovecot.log.read_text(errors="replace")


def test_an_honest_id_reaches_dovecot(fronts, run, pki, trusting_dovecot):
    floor = Floor(fronts, run, pki, "imap", trusting_dovecot.imap, xclient="on")
    with floor.connect("implicit") as session:
        session.send(b'i ID ("name" "honest")\r\n')
        assert b'"name" "Dovecot"' in session.read_until(b"i OK")


def test_a_server_without_xclient_is_served_all_the_same(fronts, run, pki, dovecot, postfix):
    """None of these trusts us; each says so in its way, or nothing."""
    for protocol, upstream in (("imap", dovecot.imap), ("pop3", dovecot.pop3),
                               ("sieve", dovecot.sieve), ("smtp", postfix.smtp)):
        floor = Floor(fronts, run, pki, protocol, upstream, xclient="on")
        for mode in ALL_MODES:
            with floor.connect(mode) as session:
                if protocol == "smtp":
                    assert mode != "implicit" or session.read_until(b"\r\n")
                    assert session.command(b"NOOP").startswith(b"250")
                else:
                    assert log_in(session, protocol, dovecot.new_mailbox(), mode == "implicit")


# ---- servers that do not answer to that -----------------------------------------------------------


GREETINGS = {"smtp": b"220 mute ESMTP\r\n", "pop3": b"+OK [XCLIENT] mute\r\n",
             "imap": b"* OK [CAPABILITY IMAP4rev1 ID STARTTLS] mute\r\n",
             "sieve": b'"SIEVE" "fileinto"\r\n"XCLIENT"\r\nOK\r\n'}
UNAVAILABLE = {"smtp": b"421 ", "pop3": b"-ERR [SYS/TEMP] ", "sieve": b"BYE (TRYLATER) "}
NO_ANSWERS = {"silence": b"", "nonsense": b"what\r\n\r\n* OK done\r\n"}


def mute(protocol, no_answer, heard, offers=b""):
    """A server that answers what the client says, and to who the client is with `no_answer`;
    `offers` is its answer to EHLO."""
    def handler(connection):
        connection.sendall(GREETINGS[protocol])
        for line in connection.makefile("rb"):
            heard.append(line)
            what = line.split()[0 if protocol != "imap" else 1]
            if what == b"EHLO" and offers:
                connection.sendall(offers)
            elif what in (b"XCLIENT", b"ID", b"EHLO"):
                connection.sendall(no_answer)
            elif protocol == "imap":
                connection.sendall(b"front2 OK late\r\n" + line.split()[0] + b" OK heard\r\n")
    return handler


def mute_floor(fronts, run, pki, protocol, handler, *others):
    server = Toy(handler)
    upstreams = [server.port, *others]
    return server, Floor(fronts, run, pki, protocol, upstreams, xclient="on",
                         greeting_timeout="3s")


class Mute(Floor):
    def __init__(self, fronts, run, pki, protocol, no_answer, offers=b"", others=()):
        self.heard = []
        self.server = Toy(mute(protocol, no_answer, self.heard, offers))
        super().__init__(fronts, run, pki, protocol, [self.server.port, *others], xclient="on",
                         greeting_timeout="3s")

    def sessions(self):
        """One in each mode, in clear where that is optional."""
        return [(mode, self.clear(mode) if mode == "optional" else self.connect(mode))
                for mode in ("implicit", "required", "optional")]


@pytest.mark.parametrize("no_answer", NO_ANSWERS)
@pytest.mark.parametrize("protocol", UNAVAILABLE)
def test_a_server_that_does_not_answer_holds_nobody(fronts, run, pki, protocol, no_answer):
    """Its answer could still come, and would pass for one to the client's first command."""
    floor = Mute(fronts, run, pki, protocol, NO_ANSWERS[no_answer])
    for mode, session in floor.sessions():
        with session:
            session.send(b"NOOP\r\n")
            said = session.read_all().splitlines(True)
        assert said.pop().startswith(UNAVAILABLE[protocol])
        shows_greeting = protocol == "sieve" or (protocol == "pop3" and mode != "required")
        assert bool(said) == shows_greeting
        end = floor.front.wait_for_log("end", route=f"{protocol}-{mode}")
        assert (end["stage"], end["fault"]) == ("opening", "upstream")
    ours = "EHLO" if protocol == "smtp" else "XCLIENT"
    assert {line["why"] for line in floor.front.log("upstream-failed")} == \
        {f"time was up before its answer to {ours}"}
    assert not any(b"NOOP" in line for line in floor.heard)
    floor.server.close()


@pytest.mark.parametrize("no_answer", NO_ANSWERS)
def test_an_imap_server_that_does_not_answer_serves(fronts, run, pki, no_answer):
    """Tags tell a late answer from one to the client, who does not read it."""
    floor = Mute(fronts, run, pki, "imap", NO_ANSWERS[no_answer])
    for _, session in floor.sessions():
        with session:
            session.send(b"a NOOP\r\n")
            assert b"front2" not in session.read_until(b"a OK heard\r\n")
    assert floor.front.log("identity-refused")
    floor.server.close()


def test_a_server_that_answers_half_is_not_the_one(fronts, run, pki):
    """A client that has read nothing of it can have another."""
    well = Recording("smtp")
    floor = Mute(fronts, run, pki, "smtp", b"", b"250-mute\r\n250 XCLIENT ADDR\r\n", [well.port])
    for mode, session in floor.sessions():
        with session:
            if mode != "required":
                session.read_until(well.greeting_of("smtp"))
            assert session.command(b"NOOP").endswith(b"heard\r\n")
    assert {line["why"] for line in floor.front.log("upstream-failed")} == \
        {"time was up before its answer to XCLIENT"}
    floor.server.close()
    well.close()


# ---- the PROXY header from a balancer ------------------------------------------------------------


@pytest.fixture(scope="module")
def upstream():
    made = Recording("smtp", announced=True)
    yield made
    made.close()


@pytest.fixture
def heard(upstream):
    upstream.forget()
    return upstream


@pytest.fixture(scope="module")
def accepting(fronts, run, pki, upstream):
    return Floor(fronts, run, pki, "smtp", upstream.port, send_proxy="v1",
                 accept_proxy_from=["127.0.0.3/32", "127.0.1.0/24"])


def talk(session, mode):
    if mode == "implicit":
        session.read_until(b"ESMTP\r\n")
    session.send(b"NOOP\r\n")
    session.read_until(b"heard\r\n")


HEADERS = {"v1": announce.v1(FAR, "198.51.100.1", (999, 25)),
           "v2": announce.v2(FAR, "198.51.100.1", (999, 25)),
           "v2 with more": announce.v2(FAR, "198.51.100.1", (999, 25), b"\x04\0\x05noise"),
           # haproxy and nginx tell so of IPv4 clients at a socket of both families.
           "v1 in IPv6 form": f"PROXY TCP6 ::ffff:{FAR} ::ffff:198.51.100.1 999 25\r\n".encode()}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("source", ["127.0.0.3", "127.0.1.77"])
@pytest.mark.parametrize("mode", ALL_MODES)
def test_an_announced_client_is_the_client(accepting, heard, mode, source, header):
    with accepting.connect(mode, source, HEADERS[header]) as session:
        talk(session, mode)
    accepting.front.wait_for_log("end", client=f"{FAR}:999", route=f"smtp-{mode}")
    # The upstream hears of it, and of the address that the client connected to.
    assert {one.header for one in heard.sessions} == \
        {b"PROXY TCP4 192.0.2.7 198.51.100.1 999 25\r\n"}


@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_header_in_single_bytes(accepting, heard, mode):
    for header in HEADERS.values():
        client = PlainClient(accepting.ports[mode], source="127.0.0.3")
        for byte in header:
            client.send(bytes([byte]))
        if mode == "implicit":
            session = client.secure(tls.context(accepting.pki))
        else:
            client.read_until(b"\r\n")
            session = dialects.SMTP.begin(client, tls.context(accepting.pki))
        with session:
            talk(session, mode)
    assert all(b" 192.0.2.7 " in one.header for one in heard.sessions)


@pytest.mark.parametrize("mode", MODES)
def test_a_command_in_the_same_segment(accepting, heard, mode):
    client = PlainClient(accepting.ports[mode], source="127.0.0.3")
    client.send(HEADERS["v2"] + b"STARTTLS\r\n")
    client.read_until(b"220 2.0.0 Ready to start TLS\r\n")
    with client.secure(tls.context(accepting.pki)) as session:
        talk(session, mode)


@pytest.mark.parametrize("mode", ALL_MODES)
@pytest.mark.parametrize("kind", ["UNKNOWN", "LOCAL"])
def test_a_balancers_own_connection_is_its_own(accepting, heard, mode, kind):
    """A health check: no addresses, and the connection's count."""
    header = b"PROXY UNKNOWN\r\n" if kind == "UNKNOWN" else announce.v2(FAR, command=0)
    with accepting.connect(mode, "127.0.0.3", header) as session:
        talk(session, mode)
    assert heard.sessions
    assert all(one.header.startswith(b"PROXY TCP4 127.0.0.3 127.0.0.1 ") for one in heard.sessions)


BAD_HEADERS = {"none": b"EHLO x\r\nSTARTTLS\r\n", "cut": b"PROXY TCP4 192.0.2.7\r\n",
               "family": b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
               "port": b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
               "lf": b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "long": b"PROXY " + b"x" * 200,
               "version": announce.SIGNATURE + b"\x31\x11\0\x0c" + b"\0" * 12,
               "short": announce.SIGNATURE + b"\x21\x11\0\x04" + b"\0" * 4,
               "huge": announce.SIGNATURE + b"\x21\x11\xff\xff"}


@pytest.mark.parametrize("header", BAD_HEADERS)
@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_trusted_balancer_without_a_header_is_refused(accepting, heard, mode, header):
    with accepting.clear(mode, "127.0.0.3", BAD_HEADERS[header]) as client:
        assert client.read_all() == b""
    end = accepting.front.wait_for_log("end", route=f"smtp-{mode}", stage="announce")
    assert end["end"] == "no PROXY header from an address of accept-proxy-from"
    assert end["client"].startswith("127.0.0.3:")
    assert heard.heard == []


def test_nothing_is_said_to_a_balancer_before_its_header(accepting, heard):
    """Not even to one that waits."""
    with accepting.clear("required", "127.0.0.3") as client:
        client.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            client.fill()
    assert heard.heard == []


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_from_anybody_else_is_no_header(accepting, heard, header):
    for mode in MODES:
        with accepting.clear(mode, "127.0.0.4") as client:
            client.read_until(b"\r\n")
            client.send(HEADERS[header])
            assert client.read_until(b"\r\n")[:1] == b"5"
    with accepting.clear("implicit", "127.0.0.4", HEADERS[header]) as client:
        rest = client.read_all()
        assert rest == b"" or rest.startswith(b"\x15\x03")
    assert accepting.front.wait_for_log("end", route="smtp-implicit", stage="handshake")[
        "client"].startswith("127.0.0.4:")
    assert not any(b"192.0.2.7" in one.header for one in heard.sessions)


def test_the_limit_per_address_counts_announced_clients(fronts, run, pki, upstream):
    floor = Floor(fronts, run, pki, "smtp", upstream.port, modes=["implicit", "required"],
                  send_proxy="v1",
                  accept_proxy_from="127.0.0.3/32", max_connections_per_ip=1)
    for mode, refused in (("implicit", b"421 "), ("required", b"421 ")):
        with floor.connect(mode, "127.0.0.3", announce.v2(FAR)):
            with floor.connect(mode, "127.0.0.3", announce.v2("192.0.2.8")) as other:
                talk(other, mode)
            client = floor.clear(mode, "127.0.0.3", announce.v2(FAR))
            session = client.secure(tls.context(pki)) if mode == "implicit" else client
            with session:
                assert session.read_all().startswith(refused)


# ---- where connections to the upstream come from -------------------------------------------------


def test_the_source_address_is_ours_to_choose(fronts, run, pki, heard):
    floor = Floor(fronts, run, pki, "smtp", heard.port, send_proxy="v1", source="127.0.0.9")
    for mode in ALL_MODES:
        with floor.connect(mode) as session:
            talk(session, mode)
    assert heard.sessions and {one.peer[0] for one in heard.sessions} == {"127.0.0.9"}


def test_a_source_address_that_is_not_ours_is_told(fronts, run, pki, heard):
    floor = Floor(fronts, run, pki, "smtp", heard.port, send_proxy="v1", source="192.0.2.99")
    with floor.connect("implicit") as session:
        assert session.read_all().startswith(b"421 ")
    assert "address" in floor.front.wait_for_log("upstream-failed")["why"]
    assert heard.heard == []
