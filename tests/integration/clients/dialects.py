"""What is said around the upgrade in each protocol, and what tlsfront has to answer."""

import base64
from dataclasses import dataclass

from clients import ldap
from harness.modes import HOSTNAME

PASSWORD = b"tellnobody"
TOKEN = base64.b64encode(b"\0alice\0" + PASSWORD)


@dataclass(frozen=True)
class Dialect:
    """Answers are given by how they begin."""

    protocol: str
    upgrade: bytes
    ready: bytes              # TLS begins behind this
    own_greeting: bytes       # required mode; up to its end
    upstream_greeting: bytes  # optional mode; up to its end, whatever comes before
    probe: bytes              # a command that passes in clear and inside TLS
    logins: tuple             # each shows a password
    login_refused: bytes      # optional mode
    login_refused_required: bytes
    arguments: bytes          # the upgrade, with some
    arguments_refused: bytes
    again_refused: bytes      # the upgrade inside TLS
    garbage: tuple            # lines with NUL, 8-bit characters, no command
    garbage_refused: bytes
    unknown: bytes            # a command that nobody knows
    too_long: bytes           # the answer to a line without end
    goodbye: bytes            # after too many errors
    unavailable: bytes        # no upstream, or one that sends us away
    foreign: bytes            # to a browser
    leave: bytes              # the last command

    HEARD = b"heard"          # the end of the recording upstream's answer to a probe

    def greet(self, client, mode):
        """Read what comes before the first command."""
        return client.read_until(self.own_greeting if mode == "required" else
                                 self.upstream_greeting)

    def ask(self, client, command, start, line=True):
        """The whole answer, which has to begin with `start`."""
        client.send(command)
        if self.protocol == "ldap":
            return self._ask_ldap(client, start)
        answer = client.read_until(b"\n")
        assert answer.startswith(start), answer
        return answer

    @staticmethod
    def _ask_ldap(client, start):
        _, operation, content = ldap.read_message(client)
        answer = bytes([operation]) + content
        assert _begins(answer, start), answer
        return answer

    def begin(self, client, settings):
        """Upgrade, handshake. The TLS client."""
        self.ask(client, self.upgrade, self.ready)
        return self.secure(client, settings)

    def secure(self, client, settings):
        made = client.secure(settings)
        if self.protocol == "sieve":
            made.read_until(self.upstream_greeting)  # capabilities again (RFC 5804, 2.2)
        return made


def _begins(answer, start):
    """`start` of LDAP: the operation and the result's code."""
    return (answer[0], ldap.result_code(answer[1:])) == tuple(start)


def _crlf(*lines):
    return tuple(line + b"\r\n" for line in lines)


SMTP = Dialect(
    "smtp", b"STARTTLS\r\n", b"220 2.0.0 Ready to start TLS\r\n",
    b"220 %s ESMTP\r\n" % HOSTNAME.encode(), b"220 upstream.test ESMTP\r\n",
    b"NOOP\r\n",
    _crlf(b"AUTH PLAIN " + TOKEN, b"auth LOGIN", b"X-EXPS LOGIN"),
    b"538 5.7.11 ", b"530 5.7.0 ",
    b"STARTTLS now\r\n", b"501 5.5.4 ", b"503 5.5.1 ",
    _crlf(b"NO\0OP", b"N\xc3\x96OP", b"\x16\x03\x01", b":NOOP"), b"500 5.5.2 ",
    b"XYZZY\r\n", b"500 5.5.2 Line too long\r\n", b"421 4.7.0 ", b"421 ",
    b"500 5.5.1 ", b"QUIT\r\n")

POP3 = Dialect(
    "pop3", b"STLS\r\n", b"+OK Begin TLS negotiation\r\n",
    b"+OK %s ready\r\n" % HOSTNAME.encode(), b" ready\r\n",
    b"NOOP\r\n",
    _crlf(b"USER alice", b"PASS " + PASSWORD, b"Auth PLAIN " + TOKEN,
          b"APOP alice c4c9334bac560ecc979e58001b3e22fb"),
    b"-ERR [SYS/PERM] ", b"-ERR [SYS/PERM] ",
    b"STLS now\r\n", b"-ERR STLS takes no arguments", b"-ERR Already on TLS",
    _crlf(b"NO\0OP", b"N\xc3\x96OP", b"\x16\x03\x01", b":NOOP"), b"-ERR Syntax error",
    b"XYZZY\r\n", b"-ERR Line too long\r\n", b"-ERR Too many errors", b"-ERR [SYS/TEMP] ",
    b"-ERR This is not", b"QUIT\r\n")

IMAP = Dialect(
    "imap", b"a STARTTLS\r\n", b"a OK Begin TLS negotiation now\r\n",
    b"] %s ready\r\n" % HOSTNAME.encode(), b"] upstream ready\r\n",
    b"p NOOP\r\n",
    _crlf(b"a LOGIN alice " + PASSWORD, b"a AUTHENTICATE PLAIN " + TOKEN,
          b"a authenticate LOGIN", b'a LOGIN "alice" {%d+}\r\n%s' % (len(PASSWORD), PASSWORD)),
    b"a NO [PRIVACYREQUIRED] ", b"a NO [PRIVACYREQUIRED] ",
    b"a STARTTLS now\r\n", b"a BAD No arguments allowed", b"a BAD TLS is already active",
    _crlf(b"a NO\0OP", b"a N\xc3\x96OP", b"a :NOOP"), b"a BAD ",
    b"a XYZZY\r\n", b"* BYE Line too long\r\n", b"* BYE Too many ", b"* BYE [UNAVAILABLE] ",
    b"* BYE This is not", b"z LOGOUT\r\n")

NNTP = Dialect(
    "nntp", b"STARTTLS\r\n", b"382 ",
    b"200 %s ready\r\n" % HOSTNAME.encode(), b"200 upstream ready\r\n",
    b"DATE\r\n",
    _crlf(b"AUTHINFO USER alice", b"AUTHINFO PASS " + PASSWORD,
          b"AuthInfo SASL PLAIN " + TOKEN, b"AUTHINFO GENERIC x"),
    b"483 ", b"483 ",
    b"STARTTLS now\r\n", b"501 ", b"502 ",
    _crlf(b"DA\0TE", b"D\xc3\x84TE", b"\x16\x03\x01", b":DATE"), b"501 ",
    b"XYZZY\r\n", b"501 Line too long\r\n", b"400 Too many errors", b"400 ", b"500 This is not",
    b"QUIT\r\n")

SIEVE = Dialect(
    "sieve", b"STARTTLS\r\n", b'OK "Begin TLS negotiation"\r\n',
    b'OK "%s ready"\r\n' % HOSTNAME.encode(), b'OK "ready"\r\n',
    b"NOOP\r\n",
    _crlf(b'AUTHENTICATE "PLAIN" "%s"' % TOKEN, b'authenticate "LOGIN"',
          b'AUTHENTICATE "PLAIN" {%d+}\r\n%s' % (len(TOKEN), TOKEN)),
    b"NO (ENCRYPT-NEEDED) ", b"NO (ENCRYPT-NEEDED) ",
    b"STARTTLS now\r\n", b'NO "STARTTLS takes no arguments"', b'NO "Already on TLS"',
    _crlf(b"NO\0OP", b"N\xc3\x96OP", b"\x16\x03\x01", b"\"NOOP\""), b'NO "Syntax error"',
    b"XYZZY\r\n", b'BYE "Line too long"\r\n', b'BYE "Too many errors', b"BYE (TRYLATER) ",
    b'BYE "This is not', b"LOGOUT\r\n")

LDAP = Dialect(
    "ldap", ldap.starttls_request(1), bytes([ldap.EXTENDED, ldap.SUCCESS]), b"", b"",
    ldap.compare_request(2),
    (ldap.simple_bind_request(3, b"cn=alice", PASSWORD),
     ldap.sasl_bind_request(3, b"PLAIN", b"\0alice\0" + PASSWORD)),
    bytes([ldap.BOUND, ldap.CONFIDENTIALITY_REQUIRED]),
    bytes([ldap.BOUND, ldap.CONFIDENTIALITY_REQUIRED]),
    ldap.starttls_request(1, b"now"), bytes([ldap.EXTENDED, ldap.PROTOCOL_ERROR]),
    bytes([ldap.EXTENDED, ldap.OPERATIONS_ERROR]),
    (), b"", b"", b"",
    bytes([ldap.EXTENDED, ldap.UNAVAILABLE]), bytes([ldap.EXTENDED, ldap.UNAVAILABLE]),
    bytes([ldap.EXTENDED, ldap.PROTOCOL_ERROR]), ldap.unbind_request(9))

LINES = (SMTP, POP3, IMAP, NNTP, SIEVE)
ALL = (*LINES, LDAP)
