#!/usr/bin/python3
"""flood.py - one flood: so many hostile connections at a time, from many addresses of loopback.

    flood.py KIND PORT CROWD [CERTIFICATE KEY]

A connection that has ended, by either side, is followed by the next. Prints "ready", begins with the
first line of input, prints how many there were, as JSON, when CROWD of them have got as far as they want,
and again with the second line; the third ends it.
"""

import json
import os
import random
import select
import socket
import ssl
import struct
import sys
import time

EVENTS = select.EPOLLIN | select.EPOLLRDHUP
ENDED = select.EPOLLERR | select.EPOLLHUP | select.EPOLLRDHUP
RESET = struct.pack("ii", 1, 0)  # SO_LINGER
BIGGEST_HELLO = 16384
PATIENCE = 20  # seconds for the crowd to be there
UNREAD = 1 << 30  # bytes that the backend is asked for


# ---- ClientHellos --------------------------------------------------------------------------------

def settings(certificate=None, key=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if certificate:
        made.load_cert_chain(certificate, key)
    return made


def client_hello():
    outgoing = ssl.MemoryBIO()
    try:
        settings().wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def sized(bits, content):
    return len(content).to_bytes(bits // 8, "big") + content


def extended(hello, number, content):
    """With one more extension, the last. hello: one record with one message."""
    message = bytearray(hello[5:])
    at = 4 + 2 + 32                                        # head, version, random
    at += 1 + message[at]                                  # session id
    at += 2 + int.from_bytes(message[at:at + 2], "big")    # cipher suites
    at += 1 + message[at]                                  # compression
    extensions = bytes(message[at + 2:]) + number.to_bytes(2, "big") + sized(16, content)
    body = bytes(message[4:at]) + sized(16, extensions)
    return hello[:3] + sized(16, b"\1" + sized(24, body))


def with_tickets(hello, count=60, size=192):
    """pre_shared_key (RFC 8446, 4.2.11) with tickets that nobody gave."""
    identities = b"".join(sized(16, os.urandom(size)) + bytes(4) for _ in range(count))
    binders = sized(8, os.urandom(32)) * count
    return extended(hello, 41, sized(16, identities) + sized(16, binders))


def biggest(hello):
    """As long as a record can be, by padding (RFC 7685)."""
    return extended(hello, 21, bytes(BIGGEST_HELLO - len(hello) + 5 - 4))


# ---- what a connection does ----------------------------------------------------------------------

class Talk:
    """Says something, and leaves at the answer."""

    crowd_is_held = False  # an answer is what it is about, and the next follows

    def __init__(self, flood):
        self.flood = flood

    def begin(self):
        """The first bytes."""
        return b""

    def hears(self, data):
        """What to say to that, or None: to leave."""

    def arrived(self):
        """It has got as far as it wants to."""
        return True


class Held(Talk):
    crowd_is_held = True


class Silent(Held):
    pass


class Half(Held):
    def begin(self):
        return self.flood.hello[:len(self.flood.hello) // 2]


class Biggest(Held):
    """A ClientHello of the greatest length that lacks its last byte."""

    def begin(self):
        return biggest(self.flood.hello)[:-1]


class Hello(Talk):
    """Makes the proxy do its part of a handshake, and leaves."""

    def begin(self):
        return self.flood.hello


class Tickets(Talk):
    def begin(self):
        return with_tickets(self.flood.hello)


class Token(Talk):
    """Asks an ACME route for what nobody has ordered."""

    def begin(self):
        token = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=43))
        return f"GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


class UnreadClear(Held):
    """Asks again and again before TLS, and takes no answer."""

    deaf = True

    def begin(self):
        return b"CAPA\r\n" * 10000


class Tls(Talk):
    """A whole handshake, with a certificate if there is one."""

    def __init__(self, flood):
        super().__init__(flood)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = flood.settings.wrap_bio(self.incoming, self.outgoing)
        self.done = False

    def begin(self):
        return self.step()

    def step(self):
        try:
            self.tls.do_handshake()
            self.done = True
            self.finished()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return None
        return self.outgoing.read()

    def finished(self):
        pass

    def hears(self, data):
        if self.done:
            return None
        self.incoming.write(data)
        return self.step()

    def arrived(self):
        return self.done


class Unread(Tls):
    """Orders much of the backend, and takes nothing of it."""

    crowd_is_held = True

    def finished(self):
        self.tls.write(b"d" + UNREAD.to_bytes(8, "big"))

    @property
    def deaf(self):
        return self.done


KINDS = {"silent": Silent, "half": Half, "biggest": Biggest, "hello": Hello, "tickets": Tickets,
         "certificates": Tls, "token": Token, "unread": Unread, "unread-clear": UnreadClear}


# ---- the crowd -----------------------------------------------------------------------------------

class Flood:
    def __init__(self, kind, port, crowd, certificate=None, key=None):
        self.kind, self.port, self.crowd = KINDS[kind], port, crowd
        self.hello, self.settings = client_hello(), settings(certificate, key)
        self.poll = select.epoll()
        self.open = {}  # descriptor -> (socket, talk); no talk before it is connected
        self.began, self.begun, self.arrived = time.monotonic(), 0, set()

    def connect(self):
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        made.bind((f"127.{random.randint(1, 250)}.{random.randint(0, 255)}.2", 0))
        made.connect_ex(("127.0.0.1", self.port))
        self.begun += 1
        self.open[made.fileno()] = [made, None]
        self.poll.register(made, EVENTS | select.EPOLLOUT)

    def leave(self, fd):
        made, _ = self.open.pop(fd)
        self.arrived.discard(fd)
        self.poll.unregister(fd)
        made.close()
        self.connect()

    def say(self, made, data):
        try:
            made.send(data)  # what the far side has no room for is too much for it
        except BlockingIOError:
            pass

    def step(self, fd, happened):
        made, talk = self.open[fd]
        if happened & (select.EPOLLERR | select.EPOLLHUP):
            return self.leave(fd)
        if talk is None:
            self.open[fd][1] = talk = self.kind(self)
            answer = talk.begin()
        else:
            data = made.recv(65536)
            answer = talk.hears(data) if data else None
        if answer is None:
            return self.leave(fd)
        self.say(made, answer)
        if talk.arrived():
            self.arrived.add(fd)
        deaf = getattr(talk, "deaf", False)
        return self.poll.modify(fd, select.EPOLLRDHUP if deaf else EVENTS)

    def turn(self):
        for fd, happened in self.poll.poll(0.1, 256):
            if fd == sys.stdin.fileno():
                return False
            try:
                self.step(fd, happened)
            except OSError:
                self.leave(fd)
        return True

    def full(self):
        """Or it will never be."""
        return not self.kind.crowd_is_held or len(self.arrived) >= self.crowd or \
            time.monotonic() - self.began > PATIENCE

    def tell(self):
        print(json.dumps({"begun": self.begun, "held": len(self.arrived)}), flush=True)

    def run(self):
        self.poll.register(sys.stdin, select.EPOLLIN)
        said = False
        for _ in range(self.crowd):
            self.connect()
            if not self.begun % 64:
                self.turn()
        while self.turn():
            if not said and self.full():
                said = True
                self.tell()


def main(kind, port, crowd, *certificate):
    flood = Flood(kind, int(port), int(crowd), *certificate)
    print("ready", flush=True)
    sys.stdin.readline()
    flood.run()
    flood.tell()
    sys.stdin.readline()
    sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
