"""Floods: what one costs the proxy, and what those notice who want nothing but to be served.

Each flood meets a fresh proxy that serves 100 sessions and newcomers on other routes; without any
flood first, which is what the others are compared with.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import median

import measure
from cases import GCM128
from processes import BenchError, urgent
from report import as_markdown, as_text
from stage import Driven, settle

HERE = os.path.dirname(os.path.abspath(__file__))
HONEST = {"roundtrips": "ecdsa", "handshakes": "more-1"}  # what they do, and their route
SESSIONS = 100
PEERS = ("haproxy", "nginx", "stunnel", "tlsfront")
AUTHORITIES = 11  # of one name, in a client's chain: more do not fit into 16 KiB


@dataclass
class Flood:
    name: str
    title: str
    kind: str = ""  # of flood.py
    crowd: int = 64  # connections at a time
    wants: str = ""  # of Route; peers that do not offer it do not take part
    value: object = None
    held: bool = False  # the crowd stays, so memory can be told per connection
    memory_at_most: float = None  # KiB, of tlsfront

    def takes_part(self, peer):
        return not self.wants or self.wants in peer.offers

    def quicker(self):
        return replace(self, crowd=max(1, self.crowd // 4)) if self.held else self


def held(name, title, kind, crowd, **more):
    return Flood(name, title, kind, crowd, held=True, **more)


FLOODS = [
    Flood("none", "no flood"),
    held("silent", "silent connections", "silent", 2000, memory_at_most=2),
    held("half-hello", "half a ClientHello", "half", 2000),
    held("big-hello", "a ClientHello of 16 KiB less one byte", "biggest", 1000),
    Flood("come-and-go", "handshakes left after the server's part", "hello"),
    Flood("tickets", "the same, each with 60 bogus tickets", "tickets"),
    Flood("refused", "the same at a route that is full", "hello", wants="limit", value=1),
    Flood("certificates", f"client chains of {AUTHORITIES} RSA-4096 authorities", "certificates",
          wants="client_ca"),
    Flood("tokens", "ACME tokens that do not exist", "token", wants="protocol", value="acme"),
    held("unread-clear", "replies before TLS that nobody reads", "unread-clear", 500,
         wants="protocol", value="pop3"),
    held("unread", "data inside TLS that nobody reads", "unread", 200),
]


# ---- a client's certificates that are dear to verify ---------------------------------------------

def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"openssl {words[0]}: {done.stderr}")


def authority(directory, name, exponent, bits):
    """Its key and certificate; they all have one name."""
    key, certificate = (os.path.join(directory, f"{name}.{kind}") for kind in ("key", "crt"))
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}",
            "-pkeyopt", f"rsa_keygen_pubexp:{exponent}", "-out", key)
    openssl("req", "-x509", "-key", key, "-subj", "/CN=authority", "-days", "60", "-out", certificate)
    return key, certificate


def make_chain(directory, bits=4096):
    """(the authority that is trusted, a client's chain, its key). The leaf is signed by none of those that
    come with it, whose exponents are as long as anybody takes them."""
    trusted, chain, key, request = (os.path.join(directory, f"client.{kind}")
                                    for kind in ("ca", "pem", "key", "csr"))
    os.rename(authority(directory, "trusted", 65537, bits)[1], trusted)
    signer, issuer = authority(directory, "signer", 65537, bits)
    _, offered = authority(directory, "offered", (1 << 64) - 59, bits)
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-subj", "/CN=client", "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", issuer, "-CAkey", signer, "-CAcreateserial",
            "-days", "60", "-out", chain)
    with open(offered, encoding="ascii") as one, open(chain, "a", encoding="ascii") as out:
        out.write(one.read() * AUTHORITIES)
    return trusted, chain, key


# ---- one flood, one proxy ------------------------------------------------------------------------

def helper(stage, name, *words):
    return Driven(stage, name, [sys.executable, "-B", os.path.join(HERE, f"{name}.py"),
                                *map(str, words)])


class Scene:
    """A fresh proxy, those who are to be served, and the flood; left by close()."""

    def __init__(self, stage, peer, flood, client_files):
        self.stage, self.flood, self.closing = stage, flood, ExitStack()
        self.route = stage.route("flooded", "ecdsa", 0)
        if flood.wants:
            value = client_files[0] if flood.wants == "client_ca" else flood.value
            self.route = replace(self.route, **{flood.wants: value})
        try:
            self._start(peer, client_files[1:] if flood.wants == "client_ca" else ())
        except BaseException:
            self.close()
            raise

    def _start(self, peer, client_certificate):
        stage, flood = self.stage, self.flood
        self.proxy = measure.fresh(stage, peer, extra=[self.route])
        self.closing.callback(stage.stop_proxy, self.proxy)
        if flood.wants == "limit":
            self._use(stage.client(self.proxy, "idle", route="flooded", count=flood.value, **GCM128))
        self.honest = {
            kind: self._use(helper(stage, "honest", kind, self.proxy.ports[route], self.route.chain,
                                   SESSIONS))
            for kind, route in HONEST.items()}
        self.crowd = None
        if flood.kind:
            self.crowd = self._use(helper(stage, "flood", flood.kind, self.route.port, flood.crowd,
                                          *client_certificate))

    def _use(self, driven):
        self.closing.callback(driven.dismiss)
        return driven

    def served(self, seconds):
        """What the honest clients tell of so long a time. The flood does not delay them on their CPU; a proxy
        that is never idle would be stopped for a while if it were as urgent."""
        involved = [*self.stage.backends, *(one.process for one in self.honest.values())]
        with urgent([one.pid for one in involved]):
            for one in self.honest.values():
                one.start()
            time.sleep(seconds)
            for one in self.honest.values():
                one.tell()
            return {kind: one.result() for kind, one in self.honest.items()}

    def observe(self, seconds):
        settle()
        memory, cpu, before = self.proxy.memory(), self._cpu(), {"begun": 0}
        if self.crowd:
            self.crowd.start()
            before = self.crowd.result()
        coming, began = self._cpu() - cpu, time.monotonic()
        found = self.served(seconds)
        found |= {"seconds": time.monotonic() - began, "coming": coming, "came": before["begun"],
                  "cpu": self._cpu() - cpu - coming, "grown": self.proxy.memory() - memory}
        if self.crowd:
            self.crowd.tell()
            found |= self.crowd.result()
            found["begun"] -= before["begun"]
        return found

    def _cpu(self):
        return sum(self.proxy.cpu_times().values())

    def close(self):
        self.closing.close()


def observe(stage, peer, flood, seconds, client_files):
    scene = Scene(stage, peer, flood, client_files)
    try:
        return scene.observe(seconds)
    finally:
        scene.close()


# ---- figures -------------------------------------------------------------------------------------

def figures(flood, found, alone):
    """Of one round. alone: the same proxy without a flood, whose work is not the flood's."""
    out = {}
    for kind in HONEST:
        told = found[kind]
        out |= {f"{kind}_{part}_ms": told[f"{part}_us"] and told[f"{part}_us"] / 1000
                for part in ("p50", "p99")}
        out[f"{kind}_failed"], out[f"{kind}_served"] = told["failed"], told["served"]
    if flood.held:
        out["cpu_us"] = found["coming"] / found["came"] * 1e6  # nobody else wants anything meanwhile
        if found["held"]:
            out["memory_kib"] = found["grown"] / found["held"] / 1024
    elif flood.kind:
        own = found["cpu"] - alone["cpu"] / alone["seconds"] * found["seconds"]
        out["attempts_per_s"] = found["begun"] / found["seconds"]
        out["cpu_us"] = own / found["begun"] * 1e6
    return out


def middle(rounds, name):
    values = [each[name] for each in rounds if each.get(name) is not None]
    return median(values) if values else None


def total(rounds, name):
    return sum(each[name] for each in rounds)


class Row:
    """One flood with every peer over all rounds."""

    def __init__(self, flood, by_peer):
        self.flood, self.by_peer = flood, {peer: them for peer, them in by_peer.items() if them}

    def cell(self, peer, names, form="{:.2f}", failed=None):
        if peer not in self.by_peer:
            return "n/a"
        rounds = self.by_peer[peer]
        values = [middle(rounds, name) for name in names]
        text = " / ".join("-" if value is None else form.format(value) for value in values)
        missed = total(rounds, failed) if failed else 0
        return f"{text} ({missed} of {missed + total(rounds, failed.replace('failed', 'served'))} " \
               "not served)" if missed else text

    def unserved(self, peer):
        return sum(total(self.by_peer[peer], f"{kind}_failed") for kind in HONEST)

    def as_dict(self):
        return {"flood": self.flood.name, "title": self.flood.title, "crowd": self.flood.crowd,
                "rounds": self.by_peer,
                "medians": {peer: {name: middle(rounds, name) for name in rounds[0]}
                            for peer, rounds in self.by_peer.items()}}


@dataclass
class Table:
    title: str
    names: tuple
    form: str = "{:.2f}"
    failed: str = None
    of: object = lambda flood: True

    def cells(self, rows, peers):
        table = [["flood", "at a time", *peers]]
        for row in rows:
            if self.of(row.flood):
                crowd = f"{row.flood.crowd:,}" if row.flood.kind else "-"
                table.append([row.flood.title, crowd, *(
                    row.cell(peer, self.names, self.form, self.failed) for peer in peers)])
        return table


TABLES = [
    Table("Round trip of an honest session, ms: median / 99th percentile",
          ("roundtrips_p50_ms", "roundtrips_p99_ms"), failed="roundtrips_failed"),
    Table("Connection and full handshake of an honest newcomer, ms: median / 99th percentile",
          ("handshakes_p50_ms", "handshakes_p99_ms"), "{:.1f}", "handshakes_failed"),
    Table("CPU time of the proxy for one hostile connection, us", ("cpu_us",), "{:.0f}",
          of=lambda flood: flood.kind),
    Table("Hostile connections in a second that got an answer, or were held", ("attempts_per_s",),
          "{:,.0f}", of=lambda flood: flood.kind and not flood.held),
    Table("Memory of the proxy for one hostile connection, KiB", ("memory_kib",), "{:.1f}",
          of=lambda flood: flood.held),
]


def goals(rows):
    """Lines: what tlsfront has to keep, and whether it has."""
    lines = []
    for row in rows:
        ours, most = row.by_peer.get("tlsfront"), row.flood.memory_at_most
        if ours and most:
            memory = middle(ours, "memory_kib")
            met = "met" if memory is not None and memory <= most else "missed"
            lines.append(f"memory of {row.flood.title} <= {most} KiB: {memory:.1f}: {met}")
    hurt = [row.flood.title for row in rows if "tlsfront" in row.by_peer and row.unserved("tlsfront")]
    lines.append("honest clients are served under every flood: " +
                 (f"missed: {', '.join(hurt)}" if hurt else "met"))
    return lines


def as_page(rows, peers, form):
    parts = [f"{table.title}\n\n{form(table.cells(rows, peers))}\n" for table in TABLES]
    return "\n".join([*parts, *(f"- {line}" for line in goals(rows)), ""])


def text(rows, peers):
    return as_page(rows, peers, as_text)


def markdown(rows, peers):
    return as_page(rows, peers, as_markdown)


def observe_all(stage, floods, peers, rounds, seconds, tell):
    """Round by round, so that a noisy minute does not hit one alone; what is not flooded comes first."""
    client_files = make_chain(stage.directory)
    collected = {flood.name: {peer.name: [] for peer in peers} for flood in floods}
    for number in range(1, rounds + 1):
        alone = {}
        for flood in floods:
            for peer in peers:
                if not flood.takes_part(peer):
                    continue
                tell(f"round {number} of {rounds}: {flood.name}, {peer.name}")
                found = observe(stage, peer, flood, seconds, client_files)
                alone.setdefault(peer.name, found)
                collected[flood.name][peer.name].append(figures(flood, found, alone[peer.name]))
    tell("")
    return [Row(flood, collected[flood.name]) for flood in floods]
