"""A client in clear, with the interface of TlsClient, that turns to TLS when it is told to."""

import socket
import struct
import time

from clients import tls


class PlainClient:
    TIMEOUT = 30

    def __init__(self, port, *, host="127.0.0.1", source=None):
        self.socket = tls.open_socket(port, host, source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(self.TIMEOUT)
        self.received = bytearray()
        self.ended = None  # "eof" or "reset", once it has

    def send(self, data):
        self.socket.sendall(data)

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            self.ended = "reset"
            return False
        if not data:
            self.ended = "eof"
            return False
        self.received += data
        return True

    def _split(self, end):
        text = bytes(self.received[:end])
        del self.received[:end]
        return text

    def read_until(self, marker):
        deadline = time.monotonic() + self.TIMEOUT
        while (at := self.received.find(marker)) < 0:
            if time.monotonic() > deadline or not self.fill():
                raise AssertionError(f"ended by {self.ended} before {marker!r}; "
                                     f"read {bytes(self.received[-2000:])!r}")
        return self._split(at + len(marker))

    def read_exactly(self, size):
        while len(self.received) < size:
            if not self.fill():
                raise AssertionError(f"ended by {self.ended} after {bytes(self.received)!r}")
        return self._split(size)

    def read_all(self):
        """Everything up to the end."""
        while self.fill():
            pass
        return self._split(len(self.received))

    def command(self, line, marker=b"\r\n"):
        self.send(line + b"\r\n")
        return self.read_until(marker)

    def secure(self, settings, **options):
        """The TLS client on this connection, its handshake done. Nothing may be left unread."""
        assert not self.received, f"said behind the upgrade: {bytes(self.received)!r}"
        return tls.TlsClient(self.socket, settings, **options)

    def finish(self):
        """Say that nothing more comes from us; reading goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
