"""Key shares that no client would send: the right alert, and whose fault it is, in implicit TLS and behind
STARTTLS."""

import subprocess

import pytest

from clients import dialects, raw_hello
from clients.plain import PlainClient
from clients.raw_hello import (GREASE, HYBRID, KEY_MLKEM, P256, P384, POINT_P256, POINT_X25519, UNKNOWN,
                               X25519, Answer, client_hello, shares)
from harness.config import route
from harness.modes import HOSTNAME
from servers import toy
from servers.recording import Recording

# RFC 8446, 6.
HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, DECODE_ERROR, MISSING_EXTENSION = 40, 47, 50, 109

GROUPS = {"usual": None, "narrow": ("secp256r1",), "quantum": ("X25519MLKEM768",)}
WAYS = ("implicit", "required")


def hello(group):
    return Answer("hello", group)


def retry(group):
    return Answer("retry", group)


def alert(value):
    return Answer("alert", value)


class Hellos:
    """A route of each kind, in implicit TLS and behind smtp's STARTTLS."""

    def __init__(self, fronts, run, pki, upstreams):
        self.ports = {(kind, way): run.port() for kind in GROUPS for way in WAYS}
        self.front = fronts.start(pki.mail.block(), *(
            route(f"{kind}-{way}", port, upstreams[way], groups=GROUPS[kind], tls=way, hostname=HOSTNAME,
                  min_version="1.3" if GROUPS[kind] else None,
                  protocol="smtp" if way == "required" else "tcp")
            for (kind, way), port in self.ports.items()))

    def connect(self, kind, way):
        client = PlainClient(self.ports[kind, way])
        if way == "required":
            dialects.SMTP.greet(client, way)
            dialects.SMTP.ask(client, dialects.SMTP.upgrade, dialects.SMTP.ready)
        return client

    def say(self, kind, way, *said):
        """What is answered to these ClientHellos, each sent when the one before is answered."""
        answers = []
        with self.connect(kind, way) as client:
            for one in said:
                client.send(one)
                answers.append(raw_hello.read_answer(client))
            if answers[-1].kind == "alert":
                assert client.read_all() == b""
                self.assert_blamed(client, f"{kind}-{way}")
        return answers

    def assert_blamed(self, client, name):
        host, port = client.socket.getsockname()
        ended = self.front.wait_for_log("end", route=name, client=f"{host}:{port}")
        assert (ended["fault"], ended["stage"]) == ("client", "handshake"), ended


@pytest.fixture(scope="module")
def hellos(fronts, run, pki, binary, module_toys):
    if "AWS-LC" not in subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("a build with mbedTLS alone has no X25519MLKEM768")
    smtp = Recording("smtp")
    yield Hellos(fronts, run, pki, {"implicit": module_toys(toy.one_line).port, "required": smtp.port})
    smtp.close()


OURS = (HYBRID, X25519, P256)

FIRST = {
    "a good one": (OURS, shares(X25519), hello(X25519)),
    "a point of P-256": (OURS, shares(P256), hello(P256)),
    "the hybrid": (OURS, shares(HYBRID), hello(HYBRID)),
    "not in the order of the groups": (OURS, shares(P256, X25519, HYBRID), hello(HYBRID)),
    "GREASE before it": ((GREASE, *OURS), shares(GREASE, X25519), hello(X25519)),
    "an unknown group before it": ((UNKNOWN, *OURS), shares(UNKNOWN, HYBRID, X25519), hello(HYBRID)),
    "a bad one that is not needed": (OURS, shares(HYBRID, (X25519, bytes(32))), hello(HYBRID)),
    "none": (OURS, shares(), retry(HYBRID)),
    "none of ours": ((UNKNOWN, X25519), shares(UNKNOWN), retry(X25519)),
    "GREASE alone": ((GREASE, P256), shares(GREASE), retry(P256)),

    "unknown groups only": ((UNKNOWN, 0x0998), shares(UNKNOWN), alert(HANDSHAKE_FAILURE)),
    "GREASE groups only": ((GREASE,), shares(GREASE), alert(HANDSHAKE_FAILURE)),
    "unknown groups only, and no share": ((UNKNOWN,), shares(), alert(HANDSHAKE_FAILURE)),

    "the same twice": (OURS, shares(X25519, X25519), alert(ILLEGAL_PARAMETER)),
    "two for one group": (OURS, shares((X25519, b"\x05" + bytes(31)), X25519), alert(ILLEGAL_PARAMETER)),
    "the hybrid twice": (OURS, shares(HYBRID, HYBRID), alert(ILLEGAL_PARAMETER)),
    "GREASE twice": ((GREASE, *OURS), shares(GREASE, GREASE, X25519), alert(ILLEGAL_PARAMETER)),
    "of a group that is not listed": ((X25519,), shares(P256), alert(ILLEGAL_PARAMETER)),
    "a good one behind one that is not listed": ((X25519,), shares(HYBRID, X25519), alert(ILLEGAL_PARAMETER)),

    "X25519, all zero": (OURS, shares((X25519, bytes(32))), alert(ILLEGAL_PARAMETER)),
    "X25519, of low order": (OURS, shares((X25519, b"\1" + bytes(31))), alert(ILLEGAL_PARAMETER)),
    "X25519, a byte short": (OURS, shares((X25519, POINT_X25519[:-1])), alert(ILLEGAL_PARAMETER)),
    "X25519, a byte long": (OURS, shares((X25519, POINT_X25519 + b"\0")), alert(ILLEGAL_PARAMETER)),
    "X25519, in the form of P-256": (OURS, shares((X25519, POINT_P256)), alert(ILLEGAL_PARAMETER)),
    "P-256, a byte short": (OURS, shares((P256, POINT_P256[:-1])), alert(ILLEGAL_PARAMETER)),
    "P-256, a byte long": (OURS, shares((P256, POINT_P256 + b"\0")), alert(ILLEGAL_PARAMETER)),
    "P-256, compressed": (OURS, shares((P256, b"\3" + POINT_P256[1:33])), alert(ILLEGAL_PARAMETER)),
    "P-256, hybrid form": (OURS, shares((P256, b"\7" + POINT_P256[1:])), alert(ILLEGAL_PARAMETER)),
    "P-256, off the curve": (OURS, shares((P256, POINT_P256[:-1] + b"\0")), alert(ILLEGAL_PARAMETER)),
    "P-256, infinity": (OURS, shares((P256, b"\0")), alert(ILLEGAL_PARAMETER)),
    "P-256, more than any point": (OURS, shares((P256, bytes(2000))), alert(ILLEGAL_PARAMETER)),

    "the hybrid, a byte short": (OURS, shares((HYBRID, (KEY_MLKEM + POINT_X25519)[:-1])),
                                 alert(ILLEGAL_PARAMETER)),
    "the hybrid, a byte long": (OURS, shares((HYBRID, KEY_MLKEM + POINT_X25519 + b"\0")),
                                alert(ILLEGAL_PARAMETER)),
    "the hybrid, ML-KEM alone": (OURS, shares((HYBRID, KEY_MLKEM)), alert(ILLEGAL_PARAMETER)),
    "the hybrid, X25519 alone": (OURS, shares((HYBRID, POINT_X25519)), alert(ILLEGAL_PARAMETER)),
    "the hybrid, of ML-KEM-1024": (OURS, shares((HYBRID, bytes(1568) + POINT_X25519)),
                                   alert(ILLEGAL_PARAMETER)),
    "the hybrid, X25519 all zero": (OURS, shares((HYBRID, KEY_MLKEM + bytes(32))), alert(ILLEGAL_PARAMETER)),
    "the hybrid, beyond the modulus": (OURS, shares((HYBRID, b"\x01\x0d" + KEY_MLKEM[2:] + POINT_X25519)),
                                       alert(ILLEGAL_PARAMETER)),
    "the hybrid, the last coefficient beyond the modulus": (
        OURS, shares((HYBRID, KEY_MLKEM[:1150] + b"\xff\xff" + KEY_MLKEM[1152:] + POINT_X25519)),
        alert(ILLEGAL_PARAMETER)),
    "the hybrid, bad, and a good one": (OURS, shares((HYBRID, b"\xff" * 1216), X25519),
                                        alert(ILLEGAL_PARAMETER)),

    "no bytes in it": (OURS, shares((X25519, b"")), alert(DECODE_ERROR)),
    "an empty extension": (OURS, b"", alert(DECODE_ERROR)),
    "a byte behind the list": (OURS, shares(X25519) + b"\0", alert(DECODE_ERROR)),
    "less than the list says": (OURS, shares(X25519)[:-1], alert(DECODE_ERROR)),
    "a share that ends in its head": (OURS, b"\0\3\0\x1d\0", alert(DECODE_ERROR)),
    "an empty list of groups": ((), shares(X25519), alert(DECODE_ERROR)),
    "no list of groups": (None, shares(X25519), alert(MISSING_EXTENSION)),
    "no extension for shares": (OURS, None, alert(MISSING_EXTENSION)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", FIRST)
def test_the_first_hello(hellos, case, way):
    groups, extension, wanted = FIRST[case]
    assert hellos.say("usual", way, client_hello(groups, extension)) == [wanted]


SECOND = {  # behind one with a share of X25519 alone
    "as asked": ("narrow", (X25519, P256), shares(P256), hello(P256)),
    "as asked, the hybrid": ("quantum", OURS, shares(HYBRID), hello(HYBRID)),
    "the same again": ("narrow", (X25519, P256), shares(X25519), alert(ILLEGAL_PARAMETER)),
    "yet another": ("narrow", (X25519, P256, P384), shares((P384, bytes(97))), alert(ILLEGAL_PARAMETER)),
    "none": ("narrow", (X25519, P256), shares(), alert(ILLEGAL_PARAMETER)),
    "one more than was asked for": ("narrow", (X25519, P256), shares(P256, X25519), alert(ILLEGAL_PARAMETER)),
    "twice": ("narrow", (X25519, P256), shares(P256, P256), alert(ILLEGAL_PARAMETER)),
    "of a group that is listed no more": ("narrow", (X25519,), shares(P256), alert(ILLEGAL_PARAMETER)),
    "off the curve": ("narrow", (X25519, P256), shares((P256, POINT_P256[:-1] + b"\0")),
                      alert(ILLEGAL_PARAMETER)),
    "the hybrid, a byte short": ("quantum", OURS, shares((HYBRID, bytes(1215))), alert(ILLEGAL_PARAMETER)),
    "the hybrid, beyond the modulus": ("quantum", OURS, shares((HYBRID, b"\xff" * 1184 + POINT_X25519)),
                                       alert(ILLEGAL_PARAMETER)),
    "the hybrid, X25519 all zero": ("quantum", OURS, shares((HYBRID, KEY_MLKEM + bytes(32))),
                                    alert(ILLEGAL_PARAMETER)),
    "a byte behind the list": ("narrow", (X25519, P256), shares(P256) + b"\0", alert(DECODE_ERROR)),
    "no extension for shares": ("narrow", (X25519, P256), None, alert(MISSING_EXTENSION)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", SECOND)
def test_the_second_hello_brings_what_was_asked_for(hellos, case, way):
    kind, groups, extension, wanted = SECOND[case]
    asked = {"narrow": P256, "quantum": HYBRID}[kind]
    first = groups if asked in groups else (*groups, asked)
    assert hellos.say(kind, way, client_hello(first, shares(X25519)),
                      client_hello(groups, extension)) == [retry(asked), wanted]
