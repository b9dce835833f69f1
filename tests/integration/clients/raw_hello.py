"""ClientHellos that no client would send, byte by byte ours, and what is answered first."""

import os
from dataclasses import dataclass

HYBRID, X25519, P256, P384 = 0x11ec, 0x1d, 0x17, 0x18
GREASE, UNKNOWN = 0x7a7a, 0x0999  # RFC 8701; a group that nobody has

SERVER_NAME, SUPPORTED_GROUPS, SIGNATURES, VERSIONS, KEY_SHARE = 0, 10, 13, 43, 51
RENEGOTIATION_INFO, FALLBACK_SCSV = 0xff01, 0x5600
SHA256 = b"\0\x04\x04\x03\x08\x04"  # with ECDSA, with RSA-PSS
ALERT, HANDSHAKE = 21, 22
SERVER_HELLO = 2
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

# A point of each kind: that of x = 9, the generator; an ML-KEM key whose coefficients are all 0.
POINT_X25519 = b"\x09" + bytes(31)
POINT_P256 = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
KEY_MLKEM = bytes(1184)
SHARES = {X25519: POINT_X25519, P256: POINT_P256, HYBRID: KEY_MLKEM + POINT_X25519,
          GREASE: b"\0", UNKNOWN: bytes(40)}


def number(value, width=2):
    return value.to_bytes(width, "big")


def vector(data, width=2):
    return number(len(data), width) + data


def shares(*those):
    """The extension. A group alone stands for a good share, a pair is a group and its bytes."""
    pairs = [one if isinstance(one, tuple) else (one, SHARES[one]) for one in those]
    return vector(b"".join(number(group) + vector(key) for group, key in pairs))


def client_hello(groups, key_share):
    """A whole record. `groups`: numbers; `key_share`: the extension's bytes. None: without it."""
    extensions = {VERSIONS: b"\x02\x03\x04", SIGNATURES: SHA256}
    if groups is not None:
        extensions[SUPPORTED_GROUPS] = vector(b"".join(map(number, groups)))
    if key_share is not None:
        extensions[KEY_SHARE] = key_share
    return _record(0x0303, b"\x13\x01", extensions)


def tls12_hello(extensions, *, version=0x0303, ciphers=(0xc02b, 0xc02f)):
    """A whole record. `extensions`: bytes by their number; None: there is no block for them."""
    return _record(version, b"".join(map(number, ciphers)), extensions)


def _record(version, ciphers, extensions):
    block = b"" if extensions is None else vector(
        b"".join(number(kind) + vector(data) for kind, data in extensions.items()))
    body = number(version) + os.urandom(32) + vector(os.urandom(32), 1) + vector(ciphers) + \
        vector(b"\0", 1) + block
    return b"\x16\x03\x01" + vector(b"\x01" + vector(body, 3))


@dataclass(frozen=True)
class Answer:
    """`kind`: "hello", "retry" or "alert"; `value`: the group, or the alert's number."""

    kind: str
    value: int


def _group(hello):
    """Of a ServerHello or HelloRetryRequest, whose other extensions we know to be one number."""
    at = hello.index(b"\x13\x01\0", 4 + 2 + 32 + 1) + 3
    end = at + 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 2
    while at < end:
        kind, size = (int.from_bytes(hello[at + i:at + i + 2], "big") for i in (0, 2))
        if kind == KEY_SHARE:
            return int.from_bytes(hello[at + 4:at + 6], "big")
        at += 4 + size
    raise AssertionError(f"no key share in {hello!r}")


def read_answer(client):
    """The first record, and behind a ServerHello nothing more is looked at."""
    while True:
        kind, _, size = client.read_exactly(1)[0], client.read_exactly(2), client.read_exactly(2)
        payload = client.read_exactly(int.from_bytes(size, "big"))
        if kind == ALERT:
            assert payload[0] == 2, "not fatal"
            return Answer("alert", payload[1])
        if kind == HANDSHAKE:
            assert payload[0] == SERVER_HELLO
            return Answer("retry" if payload[6:38] == RETRY else "hello", _group(payload))
