"""Upstreams that cannot be relied on: each connection meets another mood."""

import random
import socket
import struct
import time

from servers.recording import PROTOCOLS, Session
from servers.toy import Toy, echo

LONG = 5  # seconds; nobody sulks longer


def leave(_connection, _rng, _dialogue):
    pass


def reset(connection, rng, _dialogue):
    time.sleep(rng.choice((0, 0.1)))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def sulk(connection, _rng, _dialogue):
    """Takes all, says nothing."""
    connection.settimeout(LONG)
    while connection.recv(65536):
        pass


def deaf(_connection, rng, _dialogue):
    """Takes nothing either."""
    time.sleep(rng.uniform(0, LONG))


def rave(connection, rng, _dialogue):
    """Lines, and what are none, whether or not somebody has asked."""
    for _ in range(rng.randint(1, 40)):
        connection.sendall(rng.randbytes(rng.randint(1, 400)) + rng.choice((b"", b"\n", b"\r\n")))


def flood(connection, rng, _dialogue):
    for _ in range(rng.randint(1, 200)):
        connection.sendall(bytes(65536))


def stutter(connection, rng, dialogue):
    """The right greeting, in pieces, perhaps not to its end."""
    greeting = dialogue.greeting[:rng.randint(0, len(dialogue.greeting) + 20)]
    for at in range(len(greeting)):
        connection.sendall(greeting[at:at + 1])
        time.sleep(0.02)
    sulk(connection, rng, dialogue)


def turn(connection, rng, dialogue):
    """All is well until the first command."""
    connection.sendall(dialogue.greeting)
    connection.recv(65536)
    rng.choice((leave, reset, rave, flood, deaf))(connection, rng, dialogue)


def behave(connection, _rng, dialogue):
    dialogue.serve(connection, Session(), None)


MOODS = (leave, reset, sulk, deaf, rave, flood, stutter, turn, turn, behave, behave)


class MoodyTls(Toy):
    """TLS, as far as it gets; then an echo, or one of the moods."""

    def __init__(self, settings, seed):
        self.settings, self.seed = settings, seed
        super().__init__(self._meet, ("0.0.0.0", 0))

    def _meet(self, connection):
        rng = random.Random(f"{self.seed}/tls/{self.accepted}")
        if rng.random() < 0.4:
            rng.choice((leave, reset, sulk, deaf, rave))(connection, rng, None)
            return
        connection.settimeout(LONG)
        with self.settings.wrap_socket(connection, server_side=True) as inside:
            if rng.random() < 0.3:
                rng.choice((leave, sulk, deaf, rave, flood))(inside, rng, None)
            else:
                echo(inside)
            if rng.random() < 0.5:
                inside.unwrap()


class Moody(Toy):
    def __init__(self, protocol, seed):
        self.protocol, self.seed = protocol, seed
        super().__init__(self._meet, ("0.0.0.0", 0))

    def _meet(self, connection):
        rng = random.Random(f"{self.seed}/{self.protocol}/{self.accepted}")
        dialogue = PROTOCOLS[self.protocol]()
        if not hasattr(dialogue, "greeting"):
            dialogue.greeting = b""  # LDAP: the client begins
        try:
            rng.choice(MOODS)(connection, rng, dialogue)
        except (IndexError, KeyError, ValueError):
            pass  # said something that it does not understand
