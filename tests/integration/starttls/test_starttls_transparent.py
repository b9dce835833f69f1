"""On TLS the front is a filter: whatever a server and a client say to each other, in whatever
pieces, is what each would hear from the other directly, less the edits that starttls.md lists; and
nobody waits for bytes that were said.

The dialogues are made up of a fixed seed each. They are played in turns: each must have arrived
before the next is said, so that a byte that is held for an answer stops the play."""

import queue
import random

import pytest

from clients import dialects, ldap, tls
from clients.plain import PlainClient
from harness.config import route
from harness.modes import HOSTNAME
from servers.recording import Recording
from servers.toy import Toy

SEEDS = range(8)
TURNS = 14


class Puppet(Toy):
    """Its connections are handed to the test, which speaks for it."""

    def __init__(self):
        self.arrived = queue.Queue()
        super().__init__(lambda connection: self.arrived.put(connection.dup()))

    @staticmethod
    def read_exactly(connection, size):
        data = b""
        while len(data) < size:
            chunk = connection.recv(size - len(data))
            assert chunk, f"ended after {data!r}"
            data += chunk
        return data


class Front:
    """Implicit TLS, and behind STARTTLS: the same from the first command on."""

    def __init__(self, fronts, run, pki, d):
        self.d, self.pki, self.puppet = d, pki, Puppet()
        modes = ("implicit",) if d.protocol == "ldap" else ("implicit", "required")
        self.ports = {mode: run.port() for mode in modes}
        self.front = fronts.start(pki.mail.block(), *(
            route(f"{d.protocol}-{mode}", port, self.puppet.port, protocol=d.protocol, tls=mode,
                  hostname=HOSTNAME) for mode, port in self.ports.items()))

    def connect(self, mode):
        """The client and the server's connection, the greeting behind them."""
        settings = tls.context(self.pki)
        if mode == "implicit":
            client = tls.TlsClient(self.ports[mode], settings)
        else:
            clear = PlainClient(self.ports[mode])
            self.d.greet(clear, mode)
            self.d.ask(clear, self.d.upgrade, self.d.ready)
            client = clear.secure(settings)
        server = self.puppet.arrived.get(timeout=30)
        server.settimeout(30)
        if self.d.protocol != "ldap":
            greeting = Recording.greeting_of(self.d.protocol)
            server.sendall(greeting)
            if mode == "implicit" or self.d.protocol == "sieve":
                self.d.greet(client, "optional")
        return client, server

    def close(self):
        self.front.terminate()
        self.puppet.close()


@pytest.fixture(scope="module", params=[*dialects.LINES, dialects.LDAP], ids=lambda d: d.protocol)
def front(request, fronts, run, pki):
    made = Front(fronts, run, pki, request.param)
    yield made
    made.close()


# ---- what is said --------------------------------------------------------------------------------

# Of every protocol: what nobody should say and some do.
ODD = (b"\r\n", b"\n", b" \r\n", b"\0\r\n", b"a\rb\r\n", b"\xff\xfe\x80\r\n", b".\r\n", b".\n",
       b"..\r\n", b"050 noise\r\n", b"\t\r\n", b"{5}\r\n", b'"', b'"\r\n', b"- \r\n",
       b"x" * 9000 + b"\r\n", b"y" * 70000 + b"\r\n", b"bare lf\n", b"\x17\x03\x03\0\1\r\n",
       b"+\r\n", b"*\r\n", b"250\r\n")

CLIENT = {
    "smtp": (b"EHLO x\r\n", b"LHLO x\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n",
             b"DATA\r\n", b"text\r\n.\r\n", b"text\n.\n", b"BDAT 4 LAST\r\nabcd", b"BDAT x\r\n",
             b"BDAT 99999999999999999999\r\n", b"RSET\r\n", b"AUTH LOGIN\r\n", b"AUTH GSSAPI\r\n",
             b"Ym9i\r\n", b"*\r\n", b"XEXCH50 4 2\r\n", b"TURN\r\n", b"QUIT\r\n", b"VRFY x\r\n",
             b"NOOP\n", b"BURL imap://x LAST\r\n"),
    "pop3": (b"CAPA\r\n", b"USER a\r\n", b"PASS  b \r\n", b"APOP a b\r\n", b"AUTH\r\n",
             b"AUTH PLAIN\r\n", b"AUTH NTLM\r\n", b"AGEAYg==\r\n", b"*\r\n", b"HELP\r\n",
             b"STAT\r\n", b"RETR 1\r\n", b"UTF8\r\n", b"QUIT\n"),
    "imap": (b"a CAPABILITY\r\n", b"b LOGIN a b\r\n", b"c LOGIN {1}\r\n",
             b"d LOGIN {1+}\r\nu {2+}\r\npw\r\n", b"a {3}\r\nabc\r\n", b"e AUTHENTICATE PLAIN\r\n",
             b"AGEAYg==\r\n", b"f COMPRESS DEFLATE\r\n", b"g NOOP\r\n", b"h IDLE\r\n", b"DONE\r\n",
             b"i SELECT x\r\n", b"j APPEND x {4+}\r\nmail\r\n", b"k\r\n", b"UID\r\n",
             b"l ENABLE UTF8=ACCEPT\r\n", b"m LOGOUT\r\n"),
    "nntp": (b"CAPABILITIES\r\n", b"MODE READER\r\n", b"DATE\r\n", b"HELP\r\n",
             b"AUTHINFO USER a\r\n", b"AUTHINFO PASS b\r\n", b"AUTHINFO SASL PLAIN\r\n",
             b"AGEAYg==\r\n", b"GROUP a.b\r\n", b"ARTICLE 1\r\n", b"POST\r\n",
             b"Subject: x\r\n\r\ny\r\n.\r\n", b"text\n.\n", b"IHAVE <a@b>\r\n",
             b"TAKETHIS <a@b>\r\n", b"COMPRESS DEFLATE\r\n", b"QUIT\r\n"),
    "sieve": (b"CAPABILITY\r\n", b"NOOP\r\n", b'AUTHENTICATE "PLAIN"\r\n',
              b'AUTHENTICATE "PLAIN" {4+}\r\nYWJj\r\n', b'"YWJj"\r\n', b"{4+}\r\nYWJj\r\n",
              b'PUTSCRIPT "a" {5+}\r\nkeep;\r\n', b'PUTSCRIPT "a" {5}\r\n',
              b'HAVESPACE "a" 10\r\n', b"LOGOUT\r\n", b"LISTSCRIPTS\r\n"),
}

SERVER = {
    "smtp": (b"250 ok\r\n", b"250-a\r\n250-SIZE 1\r\n250 CHUNKING\r\n", b"354 go\r\n",
             b"334 VXNlcg==\r\n", b"235 in\r\n", b"535 no\r\n", b"503 each\r\n", b"500 what\r\n",
             b"421 bye\r\n", b"220 again\r\n", b"250\r\n", b"250 \r\n",
             b"214-a\r\nno code\r\n214 b\r\n", b"451 4.7.0 Timeout\r\n", b"999 x\r\n"),
    "pop3": (b"+OK\r\n", b"+OK list\r\nTOP\r\nUIDL\r\n.\r\n", b"-ERR no\r\n", b"+ VXNlcg==\r\n",
             b"+ \r\n", b"+OK 1 messages\r\nline\r\n.\r\n", b"+OKAY\r\n", b"-ERR [SYS/TEMP] x\r\n",
             b"250 ok\r\n"),
    "imap": (b"a OK done\r\n", b"b NO no\r\n", b"* NO alone\r\n", b"* BAD alone\r\n",
             b"+ go on\r\n", b"+\r\n", b"* BYE bye\r\n", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
             b"a OK [CAPABILITY IMAP4rev1] in\r\n", b"* 1 EXISTS\r\n",
             b"* 1 FETCH (BODY[] {6}\r\nabc\r\n\0)\r\n", b"* OK [ALERT] {3}\r\n", b"c BAD no\r\n",
             b"* ID NIL\r\n", b"d OK\r\n", b"e OK in\r\n"),
    "nntp": (b"200 hi\r\n", b"101 list\r\nVERSION 2\r\nREADER\r\n.\r\n", b"100 help\r\nline\n.\n",
             b"111 2026\r\n", b"281 in\r\n", b"381 more\r\n", b"383 =\r\n", b"481 no\r\n",
             b"500 what\r\n", b"400 bye\r\n", b"220 1 <a@b>\r\nSubject: x\r\n\r\ny\r\n.\r\n",
             b"340 send\r\n", b"211 1 1 1 a.b\r\n", b"1111 x\r\n"),
    "sieve": (b"OK\r\n", b'OK "done"\r\n', b'"SIEVE" "fileinto"\r\n"SASL" "PLAIN"\r\nOK\r\n',
              b'NO "no"\r\n', b'BYE "bye"\r\n', b'""\r\n', b"{4}\r\nYWJj\r\n",
              b'OK (TAG {3}\r\nabc) "x"\r\n', b"{6}\r\nkeep;\n\r\nOK\r\n", b"OKAY\r\n",
              b'"a" ACTIVE\r\nOK\r\n'),
}

LDAP_CLIENT = (ldap.message(1, ldap.ber(0x60, ldap.ber(2, b"\3"), ldap.ber(4), ldap.ber(0x80))),
               ldap.message(2, ldap.ber(0x60, ldap.ber(2, b"\3"), ldap.ber(4, b"cn=a"),
                                        ldap.ber(0x80, b"pw"))),
               ldap.message(3, ldap.ber(0x4a, b"cn=a")), ldap.message(4, ldap.ber(0x50, b"\1")),
               ldap.message(5, ldap.ber(0x68, ldap.ber(4, b"x" * 70000))),
               ldap.message(0, ldap.ber(0x4a, b"cn=0")), ldap.message(6, ldap.ber(0x7d, b"?")),
               ldap.message(7, ldap.ber(0x42)))
LDAP_SERVER = (ldap.message(1, ldap.ber(0x61, ldap.ber(10, b"\0"), ldap.ber(4), ldap.ber(4))),
               ldap.message(1, ldap.ber(0x61)), ldap.message(9, ldap.ber(0x79, b"x" * 300)),
               ldap.message(0, ldap.ber(0x78, b"bye")),
               ldap.message(5, ldap.ber(0x64, ldap.ber(4), ldap.ber(0x30))))
LDAP_ODD = (b"\x30\x80", b"\0\0\0\4wrap", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff")


def script(d, seed):
    """(does the client say it?, text) for each turn. In LDAP, one that is no message ends what can be
    followed, so that comes late."""
    chance = random.Random(f"{d.protocol} {seed}")
    for turn in range(TURNS):
        by_client = chance.random() < 0.5
        if d.protocol == "ldap":
            said = LDAP_CLIENT if by_client else LDAP_SERVER
            said += LDAP_ODD if turn > TURNS // 2 else ()
        else:
            said = (CLIENT if by_client else SERVER)[d.protocol]
            said += ODD if chance.random() < 0.4 else ()
        text = b"".join(chance.choice(said) for _ in range(chance.randrange(1, 4)))
        # A part of a line may be the beginning of something that has to be looked at.
        yield by_client, text if d.protocol == "ldap" or text.endswith(b"\n") else text + b"\r\n"


def pieces(text, chance):
    while text:
        size = chance.choice((1, 2, 7, 100, 5000, len(text)))
        yield text[:size]
        text = text[size:]


def play(front, client, server, turns, chance):
    for by_client, text in turns:
        for piece in pieces(text, chance):
            if by_client:
                client.send(piece)
            else:
                server.sendall(piece)
        heard = front.puppet.read_exactly(server, len(text)) if by_client else \
            client.read_exactly(len(text))
        assert heard == text, (by_client, text[:500], heard[:500])


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_said_is_heard(front, seed):
    for mode in front.ports:
        chance = random.Random(seed)
        client, server = front.connect(mode)
        with client:
            play(front, client, server, script(front.d, seed), chance)
            server.shutdown(1)
            assert client.read_all() == b""
            assert client.ended == tls.CLOSE_NOTIFY
        server.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_words_arrive_however_they_end(front, seed):
    """What a client says before it leaves, whole or not."""
    chance = random.Random(seed)
    client, server = front.connect("implicit")
    turns = list(script(front.d, seed))
    play(front, client, server, turns[:TURNS // 2], chance)
    last = b"".join(text for by_client, text in turns[TURNS // 2:] if by_client) + b"XY"
    client.send(last)
    client.close_notify()
    heard = b""
    while data := server.recv(65536):
        heard += data
    assert heard == last
    client.close()
    server.close()


# ---- the edits -----------------------------------------------------------------------------------

# What the client asks, what the server answers, and what the client reads.
LISTS = {
    "smtp": (b"EHLO x\r\n", b"250-up.test\r\n250-StartTLS\r\n250-SIZE 1\r\n250 XCLIENT ADDR\r\n",
             b"250-up.test\r\n250 SIZE 1\r\n"),
    "pop3": (b"CAPA\r\n", b"+OK\r\nSTLS\r\nTOP\r\nxclient\r\n.\r\n", b"+OK\r\nTOP\r\n.\r\n"),
    "imap": (b"a CAPABILITY\r\n", b"* CAPABILITY STARTTLS IMAP4rev1 LOGINDISABLED ID\r\na OK\r\n",
             b"* CAPABILITY IMAP4rev1 ID\r\na OK\r\n"),
    "nntp": (b"CAPABILITIES\r\n", b"101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n",
             b"101 list\r\nVERSION 2\r\n.\r\n"),
    "sieve": (b"CAPABILITY\r\n", b'"SIEVE" "a"\r\n"STARTTLS"\r\n{7}\r\nXCLIENT "ADDR"\r\nOK\r\n',
              b'"SIEVE" "a"\r\nOK\r\n'),
}


@pytest.mark.parametrize("front", dialects.LINES, ids=lambda d: d.protocol, indirect=True)
def test_the_edits(front):
    """LDAP's are in test_starttls_ldap.py."""
    ask, said, shown = LISTS[front.d.protocol]
    for mode in front.ports:
        for seed in SEEDS:
            chance = random.Random(seed)
            client, server = front.connect(mode)
            with client:
                assert front.d.ask(client, front.d.upgrade, front.d.again_refused)
                play(front, client, server, [(True, ask)], chance)
                for piece in pieces(said, chance):
                    server.sendall(piece)
                assert client.read_exactly(len(shown)) == shown
                assert front.d.ask(client, front.d.upgrade, front.d.again_refused)
                play(front, client, server, script(front.d, seed), chance)
                server.shutdown(1)
                assert client.read_all() == b""
            server.close()
