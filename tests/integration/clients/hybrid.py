"""A client of X25519MLKEM768: tests/clients/awslc_client.c. We sit between it and the network, and cut
its ClientHello, which needs two segments anyway, where a test wants it."""

import contextlib
import os
import re
import socket
import threading
from pathlib import Path

import pytest

from clients.pipe import PipeClient
from clients.tls import open_socket

HYBRID = "X25519MLKEM768"
# As browsers list them; the client sends shares for the first of each kind.
DEFAULT = f"{HYBRID}:X25519"


def program():
    path = os.environ.get("AWSLC_CLIENT")
    if not path:
        pytest.skip(f"AWSLC_CLIENT names no client that knows {HYBRID}; ./dev test builds one, by "
                    "tests/clients/build")
    return Path(path)


def _hello(source):
    """The first record that the client sends."""
    data = bytearray()
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        part = source.recv(65536)
        if not part:
            break
        data += part
    return bytes(data)


def _carry(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # what has ended is seen at its other end


class HybridClient(PipeClient):
    """`port` may be a socket whose next bytes are TLS. `cut`: how many bytes of the ClientHello go
    first; negative: how many stay behind."""

    def __init__(self, pki, port, *, groups=DEFAULT, cut=None, session=None):
        network = open_socket(port)
        network.settimeout(None)
        network.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours, theirs = socket.socketpair()
        super().__init__([program(), theirs.fileno(), groups, pki.trust, "mail.example.test",
                          *([session] if session else [])], pass_fds=[theirs.fileno()])
        theirs.close()
        self.hello = _hello(ours)
        for part in (self.hello[:cut], self.hello[cut:]) if cut else (self.hello,):
            network.sendall(part)
        self.carriers = [threading.Thread(target=_carry, args=way, daemon=True)
                         for way in ((ours, network), (network, ours))]
        for carrier in self.carriers:
            carrier.start()
        self.sockets = (network, ours)
        self.facts = dict(re.findall(r"(\w+)=(\S+)", self.read_until(b"\n").decode()))

    @property
    def group(self):
        return self.facts["group"]

    @property
    def resumed(self):
        return self.facts["resumed"] == "yes"

    def __exit__(self, *details):
        super().__exit__(*details)
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for carrier in self.carriers:
            carrier.join()
