"""Upstreams that note every connection and every byte, and speak just enough of each protocol.

They announce all that tlsfront has to take out of a list or to hold back, and would begin TLS if
they were asked to. What a probe (clients/dialects.py) is answered with ends in "heard".
"""

import socket

from clients import ldap
from servers.toy import Toy


class Lines:
    """A protocol of lines: `greeting`, then a reply to each, until one of `leave` is said."""

    leave = (b"QUIT", b"LOGOUT")
    verb_position = 0
    text_ends = (b".\r",)
    greeting = b""

    def __init__(self):
        self.text = None  # lines up to a dot are no commands: the reply to give then

    def serve(self, connection, session, greeting):
        connection.sendall(self.greeting if greeting is None else greeting)
        pending = b""
        while data := connection.recv(65536):
            session.heard += data
            pending += data
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                leaving = self.text is None and verb(line, self.verb_position) in self.leave
                connection.sendall(self.take(line))
                if leaving:
                    return

    def take(self, line):
        if self.text is None:
            return self.reply(line.rstrip(b"\r"))
        reply = b""
        if line in self.text_ends:
            reply, self.text = self.text, None
        return reply

    def reply(self, line):
        raise NotImplementedError


def verb(line, position=0):
    words = line.split()
    return words[position].upper() if len(words) > position else b""


class Smtp(Lines):
    greeting = b"220 upstream.test ESMTP\r\n"
    hello = (b"250-upstream.test\r\n250-StartTLS\r\n250-PIPELINING\r\n250-STARTTLSX\r\n"
             b"250-AUTH PLAIN LOGIN\r\n250-AUTH=LOGIN\r\n250-XCLIENT FOO\r\n250-SIZE 1000\r\n"
             b"250 STARTTLS\r\n")

    def reply(self, line):
        what = verb(line)
        if what in (b"EHLO", b"LHLO"):
            return self.hello
        if what == b"DATA":
            self.text = b"250 2.0.0 taken\r\n"
            return b"354 go on\r\n"
        if what == b"QUIT":
            return b"221 bye\r\n"
        if what == b"STARTTLS":
            return b"220 it should not be asked\r\n"
        if what == b"AUTH":
            return b"235 2.7.0 in\r\n"
        known = what in (b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP")
        return b"250 2.0.0 heard\r\n" if known else b"500 5.5.2 unknown\r\n"


class SloppySmtp(Smtp):
    """Takes a dot between bare LFs for the end of the text, as some old servers do, and one with
    blanks behind it. It agrees to TURN, and does nothing."""

    text_ends = (b".\r", b".", b".\0\r", b".\v\r", b".\r\r", b".  \r", b". ")

    def reply(self, line):
        return b"250 2.0.0 why not\r\n" if verb(line) == b"TURN" else super().reply(line)


class Pop3(Lines):
    greeting = b"+OK upstream <1.2@upstream.test> ready\r\n"

    def reply(self, line):
        what = verb(line)
        if what == b"CAPA":
            return (b"+OK list\r\nTOP\r\nStls\r\nSTLSX\r\nUSER\r\nSASL PLAIN\r\nUIDL\r\n"
                    b"XCLIENT\r\n.\r\n")
        if what in (b"USER", b"PASS", b"NOOP", b"STLS", b"QUIT"):
            return b"+OK heard\r\n"
        return b"-ERR unknown\r\n"


class Imap(Lines):
    greeting = (b"* OK [CAPABILITY IMAP4rev1 StartTLS STARTTLSX AUTH=PLAIN SASL-IR ID "
                b"LOGINDISABLED] upstream ready\r\n")
    verb_position = 1

    def reply(self, line):
        tag, what = line.split()[0] if line.split() else b"*", verb(line, 1)
        if what == b"CAPABILITY":
            return (b"* CAPABILITY IMAP4rev1 StartTLS STARTTLSX AUTH=PLAIN SASL-IR "
                    b"LOGINDISABLED\r\n" + tag + b" OK done\r\n")
        if what == b"LOGOUT":
            return b"* BYE\r\n" + tag + b" OK heard\r\n"
        if what in (b"NOOP", b"LOGIN", b"STARTTLS"):
            return tag + b" OK heard\r\n"
        return tag + b" BAD unknown\r\n"


class Nntp(Lines):
    greeting = b"200 upstream ready\r\n"

    def reply(self, line):
        what = verb(line)
        if what == b"CAPABILITIES":
            return (b"101 list\r\nVERSION 2\r\nREADER\r\nStarttls\r\nSTARTTLSX\r\n"
                    b"AUTHINFO USER SASL\r\nSASL PLAIN\r\nCOMPRESS DEFLATE\r\n.\r\n")
        if what == b"AUTHINFO":
            return b"281 in\r\n" if verb(line, 1) == b"PASS" else b"381 password\r\n"
        if what == b"DATE":
            return b"111 heard\r\n"
        if what == b"STARTTLS":
            return b"382 it should not be asked\r\n"
        return b"205 bye\r\n" if what == b"QUIT" else b"500 unknown\r\n"


class Sieve(Lines):
    capabilities = (b'"IMPLEMENTATION" "upstream"\r\n"SASL" "PLAIN"\r\n"StartTLS"\r\n'
                    b'"STARTTLSX"\r\n"SIEVE" "fileinto"\r\n"XCLIENT" "ADDR"\r\n'
                    b'"VERSION" "1.0"\r\n')
    greeting = capabilities + b'OK "ready"\r\n'

    def reply(self, line):
        what = verb(line)
        if what == b"CAPABILITY":
            return self.capabilities + b'OK "done"\r\n'
        if what in (b"NOOP", b"STARTTLS", b"AUTHENTICATE", b"LOGOUT"):
            return b'OK "heard"\r\n'
        return b'NO "unknown"\r\n'


class Ldap:
    ANSWERS = {ldap.BIND: ldap.BOUND, ldap.SEARCH: ldap.DONE, ldap.COMPARE: ldap.COMPARED,
               ldap.ADD: ldap.ADDED, ldap.EXTENDED_REQUEST: ldap.EXTENDED}
    EXTENSIONS = (ldap.STARTTLS, b"1.3.6.1.4.1.4203.1.11.3")

    def serve(self, connection, session, greeting):
        pending = b""
        while data := connection.recv(65536):
            session.heard += data
            pending += data
            while (taken := ldap.take_message(pending)) is not None:
                number, operation, content, pending = taken
                if operation == ldap.UNBIND:
                    return
                connection.sendall(self.reply(number, operation, content))

    def reply(self, number, operation, content):
        entries = b""
        if operation == ldap.SEARCH and content.startswith(ldap.ber(4)):
            entries = ldap.message(number, ldap.ber(ldap.ENTRY, ldap.ber(4), ldap.ber(
                0x30, ldap.attribute(b"supportedExtension", *self.EXTENSIONS),
                ldap.attribute(b"supportedSASLMechanisms", b"PLAIN", b"GSSAPI"))))
        result = ldap.ber(10, b"\0") + ldap.ber(4) + ldap.ber(4, b"heard")
        return entries + ldap.message(number, ldap.ber(self.ANSWERS[operation], result))


PROTOCOLS = {"smtp": Smtp, "pop3": Pop3, "imap": Imap, "nntp": Nntp, "sieve": Sieve, "ldap": Ldap,
             "sloppy-smtp": SloppySmtp}


class Session:
    def __init__(self):
        self.peer, self.heard = None, b""  # no peer: it was gone before it was looked at
        self.header = b""                  # PROXY, of version 1, where the upstream expects it


class Recording(Toy):
    def __init__(self, protocol, *, greetings=(None,), where=("127.0.0.1", 0), announced=False):
        """`greetings`: of the first connection, the second ...; the last for all that follow.
        `announced`: each begins with a PROXY header."""
        self.announced = announced
        self.dialogue, self.greetings = PROTOCOLS[protocol], greetings
        self.sessions = []
        super().__init__(self._record, where)

    def _record(self, connection):
        session = self.note()
        greeting = self.greetings[min(len(self.sessions), len(self.greetings)) - 1]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session.peer = connection.getpeername()
        while self.announced and not session.header.endswith(b"\n"):
            session.header += connection.recv(1)
        self.dialogue().serve(connection, session, greeting)

    def note(self):
        """A connection has come."""
        session = Session()
        with self.lock:
            self.sessions.append(session)
        return session

    @staticmethod
    def greeting_of(protocol):
        return PROTOCOLS[protocol].greeting

    def forget(self):
        """Begin anew: what was heard before is not of interest."""
        self.wait_empty()
        self.sessions.clear()

    @property
    def heard(self):
        """What each connection said."""
        return [session.heard for session in self.sessions]
