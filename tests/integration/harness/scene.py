"""A route before an upstream that notes what it hears, for tests about what must not reach it."""

from dataclasses import dataclass

from clients import tls
from clients.dialects import Dialect
from clients.plain import PlainClient
from harness.config import route
from harness.modes import HOSTNAME, MODES
from harness.wait import wait_until
from servers.recording import Recording

ERRORS = 10  # after so many, the next ends a session in clear


@dataclass
class Scene:
    front: object
    pki: object
    dialect: Dialect
    mode: str
    port: int
    upstream: Recording

    def connect(self, source=None):
        """A client that has read the greeting."""
        client = PlainClient(self.port, source=source)
        self.dialect.greet(client, self.mode)
        return client

    def begin(self, client):
        """Upgrade and handshake."""
        return self.dialect.begin(client, tls.context(self.pki))

    def probe(self, client):
        """The upstream answers."""
        client.send(self.dialect.probe)
        client.read_until(self.dialect.HEARD)
        if self.dialect.protocol != "ldap":
            client.read_until(b"\n")

    def ask(self, client, command, start):
        return self.dialect.ask(client, command, start)

    def last_end(self):
        """The log line of the last session's end."""
        return self.front.wait_for_log("end", route=self.name)

    @property
    def name(self):
        return f"{self.dialect.protocol}-{self.mode}"

    # ---- what the upstream knows -----------------------------------------------------------

    def clear_heard(self):
        """What it was told by sessions in clear: no connection, where TLS is required."""
        return [] if self.mode == "required" else [b""]

    def wait_heard(self, *expected):
        """Exactly these bytes on exactly so many connections, in this order."""
        def over():
            return self.upstream.open_connections() == 0 and \
                len(self.upstream.heard) >= len(expected)

        wait_until(over, f"{len(expected)} connections of the upstream to end")
        assert self.upstream.heard == list(expected)

    def wait_nothing_but(self, *inside):
        """Nothing was heard in clear, and `inside` on the connections after it."""
        self.wait_heard(*self.clear_heard(), *inside)


class Stage:
    """One daemon with a route for each dialect and mode."""

    def __init__(self, fronts, run, pki, dialects, modes=MODES, make=Recording, **options):
        self.pki = pki
        self.upstreams = {one.protocol: make(one.protocol) for one in dialects}
        self.ports = {(one.protocol, mode): run.port() for one in dialects for mode in modes}
        blocks = [route(f"{protocol}-{mode}", port, self.upstreams[protocol].port,
                        protocol=protocol, tls=mode, hostname=HOSTNAME, **options)
                  for (protocol, mode), port in self.ports.items()]
        self.front = fronts.start(pki.mail.block(), *blocks)

    def scene(self, dialect, mode):
        upstream = self.upstreams[dialect.protocol]
        upstream.forget()
        return Scene(self.front, self.pki, dialect, mode, self.ports[dialect.protocol, mode],
                     upstream)

    def close(self):
        for upstream in self.upstreams.values():
            upstream.close()


def say_what_goes(client, data):
    """The far side may end the session before all is said."""
    try:
        client.send(data)
        client.finish()
    except (BrokenPipeError, ConnectionResetError, OSError):
        pass
