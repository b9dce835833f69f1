"""Clients that mean no good, or do not know what they do."""

import socket
import ssl
import struct
import time

from clients import announce, tls
from clients.dialects import ALL
from clients.plain import PlainClient

PATIENCE = 2
ENDINGS = ("close", "reset", "half-close")


class Tls(tls.TlsClient):
    TIMEOUT = PATIENCE


class Plain(PlainClient):
    TIMEOUT = PATIENCE


class Hostile:
    """One of them, with its own dice. What comes back is of no interest to it."""

    def __init__(self, world, rng):
        self.world, self.rng = world, rng
        self.settings = tls.context(world.pki)
        self.hello = tls.client_hello(world.pki)
        self.addresses = [f"127.1.{rng.randint(0, 255)}.{n}" for n in range(1, 9)]

    def attack(self):
        way = self.rng.choice(WAYS)
        self.world.count(f"attack {way.__name__}")
        try:
            way(self)
        except (OSError, ssl.SSLError, AssertionError, ValueError, IndexError):
            pass  # it was thrown out

    # ---- tools -----------------------------------------------------------------------------

    def port(self, *parts):
        """Of any route, or of one whose name has one of these parts."""
        names = [name for name in self.world.ports
                 if not parts or any(part in name for part in parts)]
        return self.world.ports[self.rng.choice(names)]

    def connect(self, *parts):
        return Plain(self.port(*parts), source=self.rng.choice(self.addresses))

    def pause(self, most=1.0):
        time.sleep(self.rng.uniform(0, most))

    def leave(self, connection):
        how = self.rng.choice(ENDINGS)
        if how == "half-close":
            connection.shutdown(socket.SHUT_WR)
            self.pause()
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def noise(self, most):
        return self.rng.randbytes(self.rng.randint(1, most))

    def damaged(self, data):
        data = bytearray(data)
        for _ in range(self.rng.randint(1, 5)):
            data[self.rng.randrange(len(data))] = self.rng.randrange(256)
        return bytes(data)

    def dialect(self):
        """(dialect, a client of a route that upgrades, the greeting read)."""
        dialect, mode = self.rng.choice(ALL), self.rng.choice(("required", "optional"))
        client = self.connect(f"{dialect.protocol}-{mode}")
        try:
            dialect.greet(client, mode)
        except AssertionError:
            pass  # a moody one
        return dialect, client

    # ---- ways ------------------------------------------------------------------------------

    def comes_and_goes(self):
        client = self.connect()
        self.leave(client.socket)

    def talks_nonsense(self):
        client = self.connect()
        for _ in range(self.rng.randint(1, 5)):
            client.send(self.noise(20000))
        self.pause()
        self.leave(client.socket)

    def stops_in_the_hello(self):
        client = self.connect("implicit", "echo", "people", "limited")
        client.send(self.hello[:self.rng.randrange(len(self.hello))])
        self.pause(2)
        self.leave(client.socket)

    def damages_the_hello(self):
        client = self.connect("implicit", "echo", "people", "limited")
        client.send(self.damaged(self.hello))
        client.fill()
        self.leave(client.socket)

    def dribbles(self):
        client = self.connect("implicit", "echo")
        for at in range(self.rng.randint(1, 60)):
            client.send(self.hello[at:at + 1])
            time.sleep(0.05)
        self.leave(client.socket)

    def leaves_after_the_flight(self):
        client = self.connect("implicit", "echo", "people")
        client.send(self.hello)
        client.fill()
        self.leave(client.socket)

    def secure(self, *parts, settings=None):
        return Tls(self.port(*parts), settings or self.settings,
                   source=self.rng.choice(self.addresses))

    def talks_nonsense_inside(self):
        client = self.secure("implicit", "echo", "announcing")
        for _ in range(self.rng.randint(1, 10)):
            client.send(self.noise(30000))
        self.leave(client.socket)

    def damages_a_record(self):
        client = self.secure("implicit", "echo")
        client.tls.write(self.noise(5000))
        client.socket.sendall(self.damaged(client.outgoing.read()))
        client.fill()
        self.leave(client.socket)

    def takes_nothing(self):
        client = self.secure("echo", "moody", "imap-implicit")
        client.tls.write(bytes(1 << 20))
        client.socket.settimeout(0.5)
        try:
            client.flush()
        finally:
            self.pause(2)
            self.leave(client.socket)

    def injects(self):
        """Behind the upgrade, in one segment; sometimes a handshake follows all the same."""
        dialect, client = self.dialect()
        client.send(dialect.upgrade + self.rng.choice((dialect.probe, self.hello, self.noise(50))))
        client.fill()
        self.leave(client.socket)

    def upgrades_and_leaves(self):
        dialect, client = self.dialect()
        client.send(dialect.upgrade)
        client.fill()
        client.send(self.rng.choice((self.hello, self.hello[:50], self.damaged(self.hello))))
        self.pause()
        self.leave(client.socket)

    def says_passwords_in_clear(self):
        dialect, client = self.dialect()
        for login in dialect.logins:
            client.send(login)
            client.fill()
        self.leave(client.socket)

    def babbles_in_clear(self):
        dialect, client = self.dialect()
        for _ in range(self.rng.randint(1, 30)):
            client.send(self.rng.choice((dialect.probe, dialect.unknown, dialect.leave,
                                         self.damaged(dialect.probe), *dialect.garbage)))
        self.pause()
        self.leave(client.socket)

    def asks_without_end(self):
        dialect, client = self.dialect()
        client.socket.settimeout(0.5)
        try:
            client.send(dialect.probe * 5000)
        finally:
            self.pause(2)
            self.leave(client.socket)

    def lies_about_itself(self):
        client = self.connect("announced")
        header = announce.v2("203.0.113.9", extra=self.noise(100)) if self.rng.random() < 0.5 else \
            announce.v1("203.0.113.9")
        client.send(self.damaged(header) if self.rng.random() < 0.7 else header)
        client.send(self.hello)
        client.fill()
        self.leave(client.socket)

    def shows_a_certificate(self):
        pki = self.world.pki
        chosen = self.rng.choice((pki.stranger, pki.revoked, pki.expired, pki.alice))
        client = self.secure("people", settings=tls.context(pki, self.rng.choice(("1.2", "1.3")),
                                                            client=chosen))
        client.send(self.noise(100))
        self.leave(client.socket)

    def asks_for_tokens(self):
        for _ in range(self.rng.randint(1, 20)):
            client = self.connect("acme")
            path = f"/.well-known/acme-challenge/{self.rng.getrandbits(128):x}".encode()
            request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"
            client.send(self.damaged(request) if self.rng.random() < 0.3 else request)
            client.fill()
            self.leave(client.socket)

    def comes_as_a_crowd(self):
        port = self.port()
        crowd = []
        try:
            for _ in range(self.rng.randint(20, 200)):
                crowd.append(socket.create_connection(("127.0.0.1", port), PATIENCE,
                                                      (self.rng.choice(self.addresses), 0)))
                if self.rng.random() < 0.3:
                    crowd[-1].sendall(self.hello[:self.rng.randrange(len(self.hello))])
            self.pause(2)
        finally:
            for one in crowd:
                self.leave_at_once(one)

    def leave_at_once(self, connection):
        if self.rng.random() < 0.5:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


WAYS = (Hostile.comes_and_goes, Hostile.talks_nonsense, Hostile.stops_in_the_hello,
        Hostile.damages_the_hello, Hostile.dribbles, Hostile.leaves_after_the_flight,
        Hostile.talks_nonsense_inside, Hostile.damages_a_record, Hostile.takes_nothing,
        Hostile.injects, Hostile.upgrades_and_leaves, Hostile.says_passwords_in_clear,
        Hostile.babbles_in_clear, Hostile.asks_without_end, Hostile.lies_about_itself,
        Hostile.shows_a_certificate, Hostile.asks_for_tokens, Hostile.comes_as_a_crowd)
