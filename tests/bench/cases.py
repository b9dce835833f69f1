"""What is measured: one entry of CASES each."""

from dataclasses import dataclass, field
from typing import Optional

GCM128 = {"version": "1.3", "suite": "TLS_AES_128_GCM_SHA256"}
GCM256 = {"version": "1.3", "suite": "TLS_AES_256_GCM_SHA384"}
CHACHA = {"version": "1.3", "suite": "TLS_CHACHA20_POLY1305_SHA256"}
TLS12 = {"version": "1.2", "suite": "ECDHE-ECDSA-AES128-GCM-SHA256"}
RSA = {**GCM128, "key": "rsa"}
HYBRID = {**GCM128, "groups": "X25519MLKEM768:X25519"}


@dataclass
class Case:
    name: str
    title: str
    measure: str  # the function of measure.py
    work: str  # of the client
    count: int  # units of a round: connections, messages, sessions; bytes
    unit: str = "us"
    per: float = 1e-6  # what the figure is divided by: seconds in a unit, bytes in a unit
    digits: int = 0
    tls: dict = field(default_factory=lambda: GCM128)
    more: dict = field(default_factory=dict)  # further options of the client
    idle: int = 0  # sessions that are open meanwhile
    certificates: int = 0  # beside the one that is used
    target: Optional[float] = None  # at most so many times the best rival
    at_most: Optional[float] = None  # tlsfront's own figure
    at_least: Optional[float] = None
    floor: bool = False  # the plain TCP proxies are measured too
    everybody: bool = True  # the rivals are measured, even if --peer does not ask for them
    rounds: Optional[int] = None  # never more than so many

    def quicker(self):
        self.count //= 4
        self.idle //= 4
        if self.measure == "many":
            self.at_most /= 4

    def __str__(self):
        return self.title.format(idle=f"{self.idle:,}", count=f"{self.count:,}",
                                 certificates=self.certificates)


def handshake(name, title, tls, target, **more):
    """Connect, handshake, one byte echoed through the backend, orderly end."""
    conns = {"conns": 16, **more}
    case = Case(name, title, "cpu", "handshake", 400, tls=tls, more=conns, target=target)
    case.floor = tls is GCM128 and not more
    return case


def bulk(name, title, tls, target):
    """One connection that carries many bytes one way."""
    work, _ = name.split("-")
    case = Case(name, title, "cpu", work, 256_000_000, "s/GB", 1, 2, tls=tls, target=target)
    case.floor = tls is GCM128
    return case


def busy(name, title, target, work="handshake", count=800, **more):
    """Many at once for a proxy that is seldom let run, so that each turn of its loop is full."""
    return Case(f"busy-{name}", f"busy: {title}", "busy", work, count, digits=1 if work == "echo" else 0,
                more={"conns": 128, **more}, target=target)


def script(name, title):
    return ours_alone(name, f"{title}, a tcp route = 1", "script", "script", 32_000_000, unit="x", digits=2,
                      more={"script": name}, at_most=1.1, rounds=1)


def ours_alone(name, title, measure, work, count, **more):
    return Case(name, title, measure, work, count, everybody=False, **more)


def burden(name, title, work, count, more):
    case = ours_alone(name, title, "burden", work, count, more=more, idle=20000, rounds=1)
    case.unit, case.digits, case.at_most = "x", 2, 1.05
    return case


def hundreds(name, title, measure, **more):
    case = ours_alone(name, title, measure, "handshake", 400, rounds=1, **more)
    case.certificates = 300
    case.more = {"conns": 16}
    return case


MESSAGE = {"size": 64}

CASES = [
    handshake("tls13-ecdsa", "TLS 1.3 full, ECDSA P-256, X25519", GCM128, 0.85),
    handshake("tls13-hybrid", "TLS 1.3 full, ECDSA P-256, X25519MLKEM768", HYBRID, 0.85),
    handshake("tls12-ecdsa", "TLS 1.2 full, ECDSA P-256, X25519", TLS12, 0.90),
    handshake("tls13-rsa", "TLS 1.3 full, RSA-2048, X25519", RSA, 0.95),
    handshake("tls13-resumed", "TLS 1.3 resumed (ticket, X25519)", GCM128, 0.85, resume=True),
    handshake("tls12-resumed", "TLS 1.2 resumed (ticket)", TLS12, 0.92, resume=True),
    bulk("download-aes128", "download, AES-128-GCM", GCM128, 0.38),
    bulk("upload-aes128", "upload, AES-128-GCM", GCM128, 0.70),
    bulk("download-aes256", "download, AES-256-GCM", GCM256, 0.60),
    bulk("upload-aes256", "upload, AES-256-GCM", GCM256, 0.60),
    bulk("download-chacha", "download, ChaCha20-Poly1305", CHACHA, 0.60),
    bulk("upload-chacha", "upload, ChaCha20-Poly1305", CHACHA, 0.65),
    Case("roundtrip", "64-byte round trip", "cpu", "echo", 10000, digits=1,
         more={**MESSAGE, "conns": 8}, target=0.90, floor=True),
    Case("latency", "round trip, 99th percentile of wall-clock time", "latency", "echo", 10000,
         more={**MESSAGE, "conns": 1}, target=1.00, floor=True),
    busy("tls13-ecdsa", "TLS 1.3 full, ECDSA P-256, X25519", 1.0),
    busy("tls13-resumed", "TLS 1.3 resumed (ticket, X25519)", 1.0, resume=True),
    busy("roundtrip", "64-byte round trip", 1.0, "echo", 10000, **MESSAGE),
    Case("abort", "TLS 1.3 handshake that the client leaves halfway", "cpu", "abort", 400,
         more={"conns": 16}, target=0.85),
    Case("nagle", "TLS 1.3 connection of a client with Nagle's algorithm, 99th percentile of wall-clock time",
         "latency", "handshake", 200, more={"conns": 1, "nagle": True}, target=1.00, rounds=2),
    script("smtp-72", "smtp, a mail of 72-byte lines"),
    script("smtp-3", "smtp, a mail of 3-byte lines"),
    script("imap-fetch", "imap, messages of 2 KB fetched"),
    script("ldap-search", "ldap, entries of 107 bytes found"),
    Case("memory", "memory of an idle TLS 1.3 session", "memory", "idle", 2000, "KiB", 1024, 1,
         at_most=4, floor=True, rounds=2),
    Case("half", "memory of a TLS 1.3 handshake that waits for the client", "memory", "half", 2000,
         "KiB", 1024, 1, at_most=7, rounds=2),
    ours_alone("workers", "handshakes of two workers, of one = 1", "workers", "handshake", 1000,
               unit="x", digits=2, more={"conns": 16}, at_least=1.8),
    burden("burden-handshake", "TLS 1.3 full beside {idle} idle sessions, alone = 1",
           "handshake", 400, {"conns": 16}),
    burden("burden-roundtrip", "round trip beside {idle} idle sessions, alone = 1",
           "echo", 20000, {**MESSAGE, "conns": 64}),
    ours_alone("many", "memory of the proxy with {count} idle sessions", "many", "idle", 50000,
               unit="MiB", per=1 << 20, at_most=300, rounds=1),
    ours_alone("many-half", "memory of the proxy with {count} half-open handshakes", "many", "half", 10000,
               unit="MiB", per=1 << 20, at_most=80, rounds=1),
    hundreds("certificates", "TLS 1.3 full at a route with {certificates} more certificates, without them = 1",
             "certificates", unit="x", digits=2, at_most=1.05),
    hundreds("certificate-memory", "memory of the proxy for each of {certificates} certificates",
             "certificate_memory", unit="KiB", per=1024, digits=1, at_most=32),
]
