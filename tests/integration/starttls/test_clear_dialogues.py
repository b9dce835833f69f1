"""In clear, on optional routes, what servers and clients of all kinds say to each other passes: a
dialogue that works directly works through the front, less the edits that starttls.md lists.

Each is played in turns, whole and in single bytes; what one side says must have reached the other
before the next turn, so that a byte that is held for an answer stops the play."""

import queue
import socket

import pytest

from clients.ldap import ber
from harness.config import route
from harness.modes import HOSTNAME
from servers.toy import Toy

CUT_UP_TO = 6000  # bytes; longer texts are said at once


def c(text, heard=None):
    """The client says that, and the server hears something else, if so said."""
    return "client", text, text if heard is None else heard


def s(text, heard=None):
    return "server", text, text if heard is None else heard


C_ENDS, S_ENDS = ("client", None, None), ("server", None, None)

# ---- smtp ----------------------------------------------------------------------------------------

OK = b"250 2.0.0 Ok\r\n"
ENVELOPE = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
LIST = (b"250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n"
        b"250-8BITMIME\r\n")
HELLO = (s(b"220 mx ESMTP\r\n"), c(b"EHLO me\r\n"),
         s(LIST + b"250 DSN\r\n", LIST + b"250-DSN\r\n250 STARTTLS\r\n"))
BYE = (c(b"QUIT\r\n"), s(b"221 bye\r\n"), S_ENDS)

SMTP = {
    "a banner of sixty lines": (
        s(b"".join(b"220-line %d\r\n" % i for i in range(60)) + b"220 mx ESMTP\r\n"), *BYE),
    "codes without words": (
        s(b"220\r\n"), c(b"NOOP\r\n"), s(b"250\r\n"), c(b"NOOP\r\n"), s(b"250-\r\n250\r\n")),
    "a client that does not wait": (c(b"EHLO me\r\n", b""), s(b"220-a\r\n220 b\r\n")),
    "addresses and text beyond ASCII": (
        *HELLO, c("MAIL FROM:<jürgen@exämple.test> SMTPUTF8\r\n".encode()), s(OK),
        c("RCPT TO:<δ@δ.test>\r\n".encode()), s(OK), c(b"DATA\r\n"), s(b"354-go\r\n354 on\r\n"),
        c(b"a\r\n..\r\n\xff\0\x80 b\r\n.\r\n"), s(OK)),
    "mails sent ahead": (
        *HELLO, c(ENVELOPE), s(OK), s(b"550-no\r\n550 5.1.1 such\r\n"), s(b"354 go\r\n"),
        c(b"x\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nQUIT\r\n"), s(3 * OK), s(b"221 bye\r\n")),
    "text is not wanted": (
        *HELLO, c(ENVELOPE), s(OK), s(b"550 no\r\n"), s(b"554 5.5.1 nobody\r\n"), c(b"RSET\r\n"),
        s(OK), *BYE),
    "an empty text for nobody": (
        *HELLO, c(ENVELOPE), s(OK), s(b"550 no\r\n"), s(b"354 go\r\n"), c(b".\r\n"),
        s(b"554 nobody\r\n"), *BYE),
    "chunks with what looks like the end": (
        *HELLO, c(b"MAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\nBDAT 5\r\n\0\r\n.\r"),
        s(3 * OK), c(b"BDAT 3\r\n\n.\r"), s(OK), c(b"BDAT 0 LAST\r\n"), s(OK),
        c(b"bdat 12 last\r\nSTARTTLS\r\n.\r"), s(b"503 no\r\n"), *BYE),
    "chunks sent ahead": (
        *HELLO, c(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 4\r\nabcdBDAT 4 LAST\r\nefgh"
                  b"MAIL FROM:<x@y>\r\nRCPT TO:<c@d>\r\nBDAT 2 LAST\r\nhiQUIT\r\n"),
        s(7 * OK), s(b"221 bye\r\n")),
    "a server that does not take all of a text": (
        *HELLO, c(ENVELOPE), s(2 * OK), s(b"354 go\r\n"), c(b"the first part\r\n"),
        s(b"452 4.3.1 no room\r\n"), S_ENDS),
    "commands of all kinds": (
        *HELLO, c(b"HELP\r\nVRFY root\r\nEXPN list\r\nETRN x.test\r\nnoop with text\r\n"),
        s(b"214-a\r\n214-\r\n214 b\r\n252 x\r\n250-a <a@b>\r\n250 c <c@d>\r\n251 x\r\n"), s(OK)),
    "spaces where they need not be": (
        s(b"220 x\r\n"), c(b"ehlo [IPv6:::1]  \r\n"),
        s(b"250 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n"), c(b"MAIL FROM: <a@b>  \r\n"), s(OK),
        c(b"mail from:<\"a\\\"b >c\"@d>\t\r\n"), s(OK)),
    "what is not known, of several lines": (
        *HELLO, c(b"XYZ\r\n"), s(b"500-what\r\n500 ever\r\n"), c(b"FOO BAR\r\nNOOP\r\n"),
        s(b"502 no\r\n"), s(OK)),
    "a second greeting, and an old one": (
        *HELLO, c(b"EHLO again\r\n"), s(b"250 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n"),
        c(b"HELO me\r\n"), s(OK)),
    "a client that has said all": (
        *HELLO, c(ENVELOPE), s(2 * OK), s(b"354 go\r\n"), c(b"x\r\n.\r\nQUIT\r\n"), C_ENDS, s(OK),
        s(b"221 bye\r\n"), S_ENDS),
    "a client that was silent for too long": (*HELLO, s(b"421-4.4.2 a\r\n421 4.4.2 b\r\n"), S_ENDS),
    "nobody is served": (s(b"554 no service here\r\n"), *BYE),
    "a text of dots, and a line without end": (
        *HELLO, c(ENVELOPE), s(2 * OK), s(b"354 go\r\n"),
        c(b"..\r\n" * 20000 + b"x" * 100000 + b"\r\n.\r\n"), s(OK)),
}

# ---- pop3 ----------------------------------------------------------------------------------------

POP3_LIST = b"+OK\r\nTOP\r\nUIDL\r\nUSER\r\nSASL PLAIN\r\n"
CAPA = (s(b"+OK hi\r\n"), c(b"CAPA\r\n"), s(POP3_LIST + b".\r\n", POP3_LIST + b"STLS\r\n.\r\n"))

POP3 = {
    "everything sent ahead": (
        *CAPA, c(b"USER a\r\nPASS b c \r\nSTAT\r\n"), s(b"+OK\r\n+OK\r\n+OK 1 5\r\n"),
        c(b"LIST\r\nUIDL\r\nTOP 1 0\r\nRETR 1\r\nXTND XLST Subject\r\nQUIT\r\n"),
        s(b"+OK\r\n1 5\r\n.\r\n+OK\r\n1 x\r\n.\r\n+OK\r\nA: b\r\n\r\n.\r\n"),
        s(b"+OK\r\n..x\r\nbare\n.\r\n+OK\r\n1 a\r\n.\r\n+OK bye\r\n"), S_ENDS),
    "mechanisms as a list": (
        s(b"+OK hi\r\n"), c(b"AUTH\r\n"), s(b"+OK\r\nPLAIN\r\nNTLM\r\n.\r\n"), c(b"NOOP\r\n"),
        s(b"-ERR\r\n")),
    "mechanisms as a refusal": (
        s(b"+OK hi\r\n"), c(b"AUTH\r\n"), s(b"-ERR what\r\n"), c(b"NOOP\r\n"), s(b"-ERR\r\n")),
    "a login given up, one refused, one that works": (
        s(b"+OK hi\r\n"), c(b"AUTH LOGIN\r\n"), s(b"+ VXNlcm5hbWU6\r\n"), c(b"*\r\n"),
        s(b"-ERR cancelled\r\n"), c(b"AUTH PLAIN\r\n"), s(b"+\r\n"), c(b"AGEAYg==\r\n"),
        s(b"-ERR [AUTH] no\r\n"), c(b"USER a\r\nPASS b\r\n"), s(b"+OK\r\n+OK\r\n")),
    "a login of many steps": (
        s(b"+OK hi\r\n"), c(b"AUTH SCRAM-SHA-1\r\n"), s(b"+ \r\n"), c(b"biws\r\n"),
        s(b"+ cj0=\r\n"), c(b"Yz0=\r\n"), s(b"+ dj0=\r\n"), c(b"\r\n"), s(b"+OK\r\n")),
    "an empty first answer": (s(b"+OK hi\r\n"), c(b"AUTH EXTERNAL =\r\n"), s(b"+OK\r\n")),
    "a digest of the greeting": (
        s(b"+OK <1.2@h>\r\n"), c(b"APOP a c4c9334bac560ecc979e58001b3e22fb\r\n"), s(b"+OK\r\n")),
    "languages": (
        s(b"+OK hi\r\n"), c(b"UTF8\r\n"), s(b"+OK\r\n"), c(b"LANG\r\n"),
        s(b"+OK\r\nen English\r\n.\r\n"), c(b"LANG de\r\n"), s(b"+OK de Sprache\r\n"),
        c("USER jürgen\r\n".encode()), s(b"+OK\r\n"), c("PASS ü\r\n".encode()), s(b"+OK\r\n")),
    "nobody is served": (s(b"-ERR [SYS/TEMP] full\r\n"), S_ENDS),
    "a client that has said all": (
        *CAPA, c(b"USER a\r\nPASS b\r\nRETR 1\r\nQUIT\r\n"), C_ENDS,
        s(b"+OK\r\n+OK\r\n+OK\r\nx\r\n.\r\n+OK\r\n"), S_ENDS),
    "a client that was silent for too long": (*CAPA, s(b"-ERR idle\r\n"), S_ENDS),
}

# ---- imap ----------------------------------------------------------------------------------------

IMAP_LIST = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+"
LISTED = (s(b"* OK hi\r\n"), c(b"1 CAPABILITY\r\n"),
          s(IMAP_LIST + b"\r\n1 OK\r\n", IMAP_LIST + b" STARTTLS\r\n1 OK\r\n"))
WORK = (c(b"z IDLE\r\n"), s(b"+ idling\r\n* 1 EXISTS\r\n"),
        c(b"DONE\r\nz2 APPEND x {5+}\r\nabcde\r\nz3 COMPRESS DEFLATE\r\n"),
        s(b"z OK\r\nz2 OK\r\nz3 OK\r\n"), c(b"\0\1\2\3\n"), s(b"\xff\xfe\r\r\n"))

IMAP = {
    "a login in words": (*LISTED, c(b'a login "a b" "c\\"d"\r\n'), s(b"a ok in\r\n"), *WORK),
    "a login beyond ASCII": (
        *LISTED, c('a LOGIN "jürgen" "pä"\r\n'.encode()), s(b"a OK\r\n"), *WORK),
    "a login in literals": (
        *LISTED, c(b"a LOGIN {1}\r\n"), s(b"+ go\r\n"), c(b"a {2}\r\n"), s(b"+\r\n"),
        c(b"pw\r\n"), s(b"a OK\r\n"), *WORK),
    "a literal that is refused": (
        *LISTED, c(b"a LOGIN {100}\r\n"), s(b"a NO too big\r\n"), c(b"b LOGIN a b\r\n"),
        s(b"b OK\r\n"), *WORK),
    "a login in one step, refused first": (
        *LISTED, c(b"a AUTHENTICATE PLAIN AGEAYg==\r\n"), s(b"a NO [AUTHENTICATIONFAILED] x\r\n"),
        c(b"b AUTHENTICATE PLAIN AGEAYg==\r\n"), s(b"b OK [CAPABILITY IMAP4rev1] x\r\n"), *WORK),
    "a login given up": (
        *LISTED, c(b"a AUTHENTICATE LOGIN\r\n"), s(b"+ VXNlcg==\r\n"), c(b"*\r\n"),
        s(b"a BAD cancelled\r\n"), c(b"b LOGIN a b\r\n"), s(b"b OK\r\n"), *WORK),
    "a login with news between its steps": (
        *LISTED, c(b"a AUTHENTICATE X\r\n"), s(b"* OK still\r\n+ eA==\r\n"), c(b"eQ==\r\n"),
        s(b"+ eA==\r\n"), c(b"\r\n"), s(b"a OK\r\n"), *WORK),
    "a client that was silent for too long": (*LISTED, s(b"* BYE idle\r\n"), S_ENDS),
    "a goodbye": (*LISTED, c(b"x LOGOUT\r\n"), s(b"* BYE x\r\nx OK\r\n"), S_ENDS),
    "a list in the greeting": (
        s(b"* OK [CAPABILITY IMAP4rev1 LITERAL+] hi\r\n",
          b"* OK [CAPABILITY IMAP4rev1 LITERAL+ STARTTLS] hi\r\n"),),
    "nobody is served": (s(b"* BYE full\r\n"), S_ENDS),
    "who they are": (
        *LISTED, c(b'i ID ("name" "x" "version" NIL)\r\n'), s(b"* ID NIL\r\ni OK\r\n"),
        c(b"i2 ID NIL\r\n"), s(b'* ID ("a" {3}\r\nabc)\r\ni2 OK\r\n')),
    "news with literals": (
        *LISTED, c(b"A.b-9!@/<>|~ NOOP\r\n"),
        s(b"* OK [ALERT] {3}\r\nab)\r\n* 2 FETCH (X {2}\r\n\r\n)\r\nA.b-9!@/<>|~ OK\r\n")),
}

# ---- nntp ----------------------------------------------------------------------------------------

NNTP_LIST = b"101 list\r\nVERSION 2\r\nREADER\r\nPOST\r\nAUTHINFO USER SASL\r\nSASL PLAIN\r\n"
CAPABLE = (s(b"200 hi\r\n"), c(b"CAPABILITIES\r\n"),
           s(NNTP_LIST + b".\r\n", NNTP_LIST + b"STARTTLS\r\n.\r\n"))

NNTP = {
    "a reader": (
        *CAPABLE, c(b"MODE READER\r\n"), s(b"200 ok\r\n"), c(b"DATE\r\nLIST\r\nGROUP a.b\r\n"),
        s(b"111 20260101000000\r\n215 list\r\na.b 1 1 y\r\n.\r\n211 1 1 1 a.b\r\n"),
        c(b"OVER 1-\r\nXOVER 1-\r\nXPAT Subject 1 *\r\nLISTGROUP\r\n"),
        s(b"224 x\r\n1\ta\r\n.\r\n" * 2 + b"221 x\r\n.\r\n211 1 1 1 a.b\r\n1\r\n.\r\n")),
    "a post with a command in it": (
        *CAPABLE, c(b"POST\r\n"), s(b"340 go\r\n"),
        c(b"Subject: x\r\n\r\nSTARTTLS\r\n..\r\n.\r\n"), s(b"240 ok\r\n"), c(b"QUIT\r\n"),
        s(b"205 bye\r\n"), S_ENDS),
    "a peer that streams": (
        s(b"200 hi\r\n"), c(b"MODE STREAM\r\n"), s(b"203 ok\r\n"),
        c(b"CHECK <a@b>\r\nCHECK <c@d>\r\nTAKETHIS <a@b>\r\nA: b\r\n\r\nx\r\n.\r\n"
          b"TAKETHIS <c@d>\r\nA: b\r\n\r\n.\r\n"),
        s(b"238 <a@b>\r\n438 <c@d>\r\n239 <a@b>\r\n439 <c@d>\r\n")),
    "a peer that offers": (
        s(b"200 hi\r\n"), c(b"IHAVE <a@b>\r\n"), s(b"335 go\r\n"), c(b"A: b\r\n\r\nx\r\n.\r\n"),
        s(b"235 ok\r\n"), c(b"IHAVE <a@b>\r\n"), s(b"435 dup\r\n"), c(b"QUIT\r\n"),
        s(b"205 x\r\n")),
    "a login where it is needed": (
        *CAPABLE, c(b"GROUP a\r\n"), s(b"480 auth\r\n"), c(b"AUTHINFO USER a\r\n"),
        s(b"381 more\r\n"), c(b"AUTHINFO PASS b c\r\n"), s(b"281 ok\r\n"), c(b"GROUP a\r\n"),
        s(b"211 0 0 0 a\r\n")),
    "a login without a password": (
        *CAPABLE, c(b"AUTHINFO USER a\r\n"), s(b"281 none needed\r\n"), c(b"GROUP x\r\n"),
        s(b"211 1 1 1 x\r\n")),
    "a login given up, and one in steps": (
        *CAPABLE, c(b"AUTHINFO SASL PLAIN\r\n"), s(b"383 =\r\n"), c(b"*\r\n"), s(b"481 x\r\n"),
        c(b"AUTHINFO SASL DIGEST-MD5\r\n"), s(b"383 eA==\r\n"), c(b"eQ==\r\n"),
        s(b"283 eA==\r\n"), c(b"HELP\r\n"), s(b"100 x\r\n.\r\n")),
    "a client that was silent for too long": (*CAPABLE, s(b"400 idle\r\n"), S_ENDS),
    "nobody is served": (s(b"502 no\r\n"), S_ENDS),
    "what is not known, of several lines": (
        *CAPABLE, c(b"XINDEX a\r\n"), s(b"218 x\r\na\r\n.\r\n"), c(b"DATE\r\n"), s(b"111 x\r\n")),
}

# ---- sieve ---------------------------------------------------------------------------------------

SIEVE_LIST = b'"IMPLEMENTATION" "x"\r\n"SASL" "PLAIN"\r\n"SIEVE" "fileinto"\r\n'
OFFERED = (s(SIEVE_LIST + b'OK "hi"\r\n', SIEVE_LIST + b'"STARTTLS"\r\nOK "hi"\r\n'),)

SIEVE = {
    "a login and what follows": (
        *OFFERED, c(b'AUTHENTICATE "PLAIN" "AGEAYg=="\r\n'), s(b'OK "in"\r\n'),
        c(b'LISTSCRIPTS\r\nPUTSCRIPT "a" {5+}\r\nkeep;\r\nGETSCRIPT "a"\r\nLOGOUT\r\n'),
        s(b"OK\r\nOK\r\n{5}\r\nkeep;\r\nOK\r\nOK\r\n"), S_ENDS),
    "a login in steps and literals": (
        *OFFERED, c(b'AUTHENTICATE "LOGIN"\r\n'), s(b'"VXNlcg=="\r\n'), c(b'"YQ=="\r\n'),
        s(b"{4}\r\neA==\r\n"), c(b"{4+}\r\neA==\r\n", b'"eA=="\r\n'), s(b'OK (SASL "eA==")\r\n')),
    "a login given up": (
        *OFFERED, c(b'AUTHENTICATE "LOGIN"\r\n'), s(b'"VXNlcg=="\r\n'), c(b'"*"\r\n'),
        s(b'NO "x"\r\n'), c(b'AUTHENTICATE "PLAIN" {8+}\r\nAGEAYg==\r\n',
                           b'AUTHENTICATE "PLAIN" "AGEAYg=="\r\n'), s(b"OK\r\n")),
    "a tag, and the list again": (
        *OFFERED, c(b'NOOP "tag"\r\n'), s(b'OK (TAG {3}\r\ntag) "x"\r\n'), c(b"capability\r\n"),
        s(b'"SIEVE" ""\r\nOK\r\n', b'"SIEVE" ""\r\n"STARTTLS"\r\nOK\r\n')),
    "words in literals": (
        *OFFERED, c(b'HAVESPACE "a" 99\r\n'), s(b'NO "login"\r\n'),
        c(b"CHECKSCRIPT {4+}\r\nkeep\r\n", b'CHECKSCRIPT "keep"\r\n'), s(b"NO {3}\r\nlog\r\n"), c(b"LOGOUT\r\n"),
        s(b"OK\r\n"), S_ENDS),
    "a client that was silent for too long": (*OFFERED, s(b'BYE "idle"\r\n'), S_ENDS),
    "nobody is served": (s(b'BYE "full"\r\n'), S_ENDS),
}

# ---- ldap ----------------------------------------------------------------------------------------


def message(number, *parts):
    size = number.bit_length() // 8 + 1
    return ber(0x30, ber(2, number.to_bytes(size, "big")), *parts)


def search(number, *controls):
    return message(number, ber(0x63, ber(4, b"dc=x"), ber(10, b"\2"), ber(10, b"\0"),
                               ber(2, b"\0"), ber(2, b"\0"), ber(1, b"\0"),
                               ber(0x87, b"objectClass"), ber(0x30)), *controls)


def entry(number, value=b"x"):
    attribute = ber(0x30, ber(4, b"dc"), ber(0x31, ber(4, value)))
    return message(number, ber(0x64, ber(4, b"dc=x"), ber(0x30, attribute)))


def done(number, kind=0x65, code=0, *controls):
    return message(number, ber(kind, ber(10, bytes([code])), ber(4), ber(4)), *controls)


def bind(number, mechanism=None, credentials=b""):
    way = ber(0x80) if mechanism is None else \
        ber(0xa3, ber(4, mechanism), ber(4, credentials) if credentials else b"")
    return message(number, ber(0x60, ber(2, b"\3"), ber(4), way))


def bound(number, code=0, credentials=b""):
    return message(number, ber(0x61, ber(10, bytes([code])), ber(4), ber(4),
                               ber(0x87, credentials) if credentials else b""))


def extended(number, name, value=b""):
    return message(number, ber(0x77, ber(0x80, name), ber(0x81, value) if value else b""))


def unsolicited(name):
    return message(0, ber(0x78, ber(10, b"\x34"), ber(4), ber(4, b"bye"), ber(0x8a, name)))


PAGED = ber(0xa0, ber(0x30, ber(4, b"1.2.840.113556.1.4.319"), ber(4, ber(0x30, ber(4)))))
INTERMEDIATE = message(1, ber(0x79, ber(0x80, b"1.3.6.1.4.1.4203.1.9.1.4"), ber(0x81, b"\x80\0")))
REFERENCE = message(2, ber(0x73, ber(4, b"ldap://other/")))

LDAP = {
    "an anonymous search": (
        c(bind(1)), s(bound(1)), c(search(2)), s(3 * entry(2) + REFERENCE + done(2)),
        c(message(3, ber(0x42))), C_ENDS),
    "answers in another order": (
        c(search(1) + search(2) + search(3)),
        s(entry(3) + entry(1) + done(3) + entry(2) + done(1) + done(2))),
    "one abandoned that goes on": (
        c(search(1)), s(entry(1)), c(message(2, ber(0x50, b"\1"))), c(search(3)), s(done(3)),
        s(entry(1))),
    "one cancelled": (
        c(search(1)), c(extended(2, b"1.3.6.1.1.8", ber(0x30, ber(2, b"\1")))),
        s(done(1, 0x65, 118) + done(2, 0x78))),
    "a notice of disconnection": (
        c(search(1)), s(unsolicited(b"1.3.6.1.4.1.1466.20036")), S_ENDS),
    "a notice of something else": (s(unsolicited(b"1.3.6.1.1.21.4")), c(search(1)), s(done(1))),
    "a login in steps": (
        c(bind(1, b"DIGEST-MD5")), s(bound(1, 14, b"nonce")), c(bind(2, b"DIGEST-MD5", b"answer")),
        s(bound(2, 0, b"proof")), c(search(3)), s(done(3))),
    "logins given up": (
        c(bind(1, b"DIGEST-MD5")), s(bound(1, 14, b"nonce")), c(bind(2, b"")), s(bound(2, 7)),
        c(bind(3, b"CRAM-MD5")), s(bound(3, 14, b"x")), c(bind(4)), s(bound(4))),
    "a security layer": (
        c(bind(1, b"GSSAPI", b"\x60" * 3000)), s(bound(1, 14, b"\x60" * 500)),
        c(bind(2, b"GSSAPI")), s(bound(2, 14, b"\7\0\1\0")), c(bind(3, b"GSSAPI", b"wrapped")),
        s(bound(3)), c(b"\0\0\0\x20" + b"\xaa" * 32), s(b"\0\0\0\x10" + b"\xbb" * 16)),
    "pages": (c(search(1, PAGED)), s(entry(1) + done(1, 0x65, 0, PAGED))),
    "one that never ends": (
        c(search(1)), s(entry(1)), s(INTERMEDIATE), s(200 * entry(1)), c(search(2)), s(done(2)),
        s(INTERMEDIATE)),
    "the greatest number": (c(message(2**31 - 1, ber(0x4a, b"cn=a"))), s(done(2**31 - 1, 0x6b))),
    "a number used again": (c(search(1)), s(done(1)), c(search(1)), s(done(1))),
    "lengths of four bytes": (
        c(search(1)), s(b"\x30\x84\0\0\0\x10\2\1\1\x65\x84\0\0\0\7\x0a\1\0\4\0\4\0")),
    "an entry of a megabyte": (c(search(1)), s(entry(1, b"x" * 1000000)), s(done(1))),
    "many at once": (c(b"".join(search(i) for i in range(1, 30))),
                     s(b"".join(done(i) for i in range(1, 30)))),
    "a client that has said all": (c(search(1)), C_ENDS, s(entry(1) + done(1)), S_ENDS),
    "a version of before": (
        c(message(1, ber(0x60, ber(2, b"\2"), ber(4), ber(0x80)))), s(bound(1, 2))),
}

# ---- the play ------------------------------------------------------------------------------------

ALL = {"smtp": SMTP, "pop3": POP3, "imap": IMAP, "nntp": NNTP, "sieve": SIEVE, "ldap": LDAP}
DIALOGUES = [pytest.param(protocol, turns, id=f"{protocol}: {name}")
             for protocol, dialogues in ALL.items() for name, turns in dialogues.items()]


class Puppet(Toy):
    """Its connections are handed to the test, which speaks for it."""

    def __init__(self):
        self.arrived = queue.Queue()
        super().__init__(lambda connection: self.arrived.put(connection.dup()))


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    """The port of each protocol, and who is behind them."""
    puppet = Puppet()
    ports = {protocol: run.port() for protocol in ALL}
    fronts.start(pki.mail.block(), *(
        route(protocol, port, puppet.port, protocol=protocol, tls="optional",
              plaintext_login="allow", hostname=HOSTNAME) for protocol, port in ports.items()))
    yield ports, puppet
    puppet.close()


def say(connection, text, step):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(text), step):
        connection.sendall(text[at:at + step])


def hear(connection, size):
    heard = b""
    while len(heard) < size and (piece := connection.recv(size - len(heard))):
        heard += piece
    return heard


def play(turns, sides, cut):
    for who, text, wanted in turns:
        this, other = sides[who], sides["server" if who == "client" else "client"]
        if text is None:
            this.shutdown(socket.SHUT_WR)
            assert other.recv(1) == b"", (who, "ends")
            continue
        say(this, text, 1 if cut and len(text) <= CUT_UP_TO else len(text))
        assert hear(other, len(wanted)) == wanted, (who, text[:500])


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "in bytes"])
@pytest.mark.parametrize("protocol,turns", DIALOGUES)
def test_what_is_said_in_clear_is_heard(stage, protocol, turns, cut):
    ports, puppet = stage
    with socket.create_connection(("127.0.0.1", ports[protocol]), 30) as client, \
            puppet.arrived.get(timeout=30) as server:
        server.settimeout(30)
        play(turns, {"client": client, "server": server}, cut)
