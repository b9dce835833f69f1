"""Clients that have a right to be served, and what it means that they are not."""

import itertools
import ssl
import time

from clients import announce, tls
from clients.dialects import ALL
from clients.plain import PlainClient

from world import MODES, TOKEN

PATIENCE = 15  # seconds, for one try: the machine is busy, and the build slow
BOUND = 45     # for a client that tries again: a worker that hangs is found after 20 to 25
KEPT = 8
FAILURES = (OSError, ssl.SSLError, AssertionError)


class Tls(tls.TlsClient):
    TIMEOUT = PATIENCE


class Plain(PlainClient):
    TIMEOUT = PATIENCE

    def secure(self, settings, **options):
        return Tls(self.socket, settings, **options)


# ---- visits: whoever returns has been served -----------------------------------------------------

def speak(world, settings, dialect, mode, name=None):
    port = world.ports[name or f"{dialect.protocol}-{mode}"]
    with (Tls(port, settings) if mode == "implicit" else Plain(port)) as client:
        if mode == "implicit":
            client.read_until(dialect.upstream_greeting)
        else:
            dialect.greet(client, mode)
            client = dialect.begin(client, settings)
        client.send(dialect.probe)
        client.read_until(dialect.HEARD)
        client.close()


def echo(world, settings, name, header=b""):
    plain = Plain(world.ports[name])
    plain.send(header)
    with Tls(plain.socket, settings) as client:
        assert tls.says(client)


def look(world):
    """What observes it asks."""
    with Plain(world.observer) as client:
        client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.read_until(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
        client.read_all()


def challenge(world):
    (world.tokens / TOKEN).write_text(f"{TOKEN}.thumb")
    with Plain(world.ports["acme"]) as client:
        client.send(f"GET /.well-known/acme-challenge/{TOKEN} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.read_until(b".thumb")


def visits(world):
    settings, alice = tls.context(world.pki), tls.context(world.pki, client=world.pki.alice)
    found = {f"{dialect.protocol}-{mode}":
             lambda dialect=dialect, mode=mode: speak(world, settings, dialect, mode)
             for dialect in ALL for mode in MODES}
    found["echo"] = lambda: echo(world, settings, "echo")
    pop3 = next(dialect for dialect in ALL if dialect.protocol == "pop3")
    found["checked"] = lambda: speak(world, settings, pop3, "implicit", "checked")
    for mode in ("implicit", "required"):  # whose other names have servers without manners
        found[f"named-{mode}"] = lambda mode=mode: speak(world, settings, pop3, mode, f"named-{mode}")
    for name in ("guarded", "secured"):
        found[name] = lambda name=name: echo(world, settings, name)
    found["announced"] = lambda: echo(world, settings, "announced", announce.v2("203.0.113.7"))
    found["people-required"] = lambda: echo(world, alice, "people-required")
    found["people-optional"] = lambda: echo(world, settings, "people-optional")
    found["observer"] = lambda: look(world)
    found["acme"] = lambda: challenge(world)
    return found


# ---- those who visit -----------------------------------------------------------------------------

def be_served(world, name, visit):
    """Tries until it is. A try may fail only when workers were killed or stopped meanwhile."""
    began = time.monotonic()
    while not world.stopping.is_set():
        tried = time.monotonic()
        try:
            visit()
            world.count("honest visit")
            return
        except FAILURES as failure:
            world.count("honest visit that failed beside a killed worker")
            if not world.trouble.since(tried):
                world.problem(f"a client of {name} was not served in calm after "
                              f"{time.monotonic() - tried:.1f} s: {failure!r}")
                return
        if time.monotonic() - began > BOUND:
            world.problem(f"a client of {name} was not served for {BOUND} s")
            return
        time.sleep(0.2)


def visit_all(world):
    """A visit a second, to each route in turn."""
    for name, visit in itertools.cycle(visits(world).items()):
        began = time.monotonic()
        be_served(world, name, visit)
        if world.stopping.wait(max(0, began + 1 - time.monotonic())):
            return


class Kept:
    """A session that is to last, whatever is reloaded and whoever comes."""

    def __init__(self, world, settings):
        self.world, self.settings, self.client = world, settings, None
        self.heard = time.monotonic()

    def go_on(self):
        try:
            if self.client is None:
                self.client = Tls(self.world.ports["echo"], self.settings)
            assert tls.says(self.client)
            self.world.count("word of a kept session")
        except FAILURES as failure:
            self.client = None
            if not self.world.trouble.since(self.heard):
                self.world.problem(f"an established session was lost in calm: {failure!r}")
        self.heard = time.monotonic()


def keep_sessions(world):
    kept = [Kept(world, tls.context(world.pki)) for _ in range(KEPT)]
    while not world.stopping.wait(1):
        for one in kept:
            one.go_on()
    for one in kept:
        if one.client is not None:
            one.client.close()


def ask_status(world):
    while not world.stopping.wait(2):
        try:
            world.note_workers(world.front.status())
            world.count("status")
        except Exception as failure:  # whatever it is, it is no answer
            world.problem(f"status: {failure!r}")
