"""Small upstreams of our own, for what no real server does on demand."""

import os
import socket
import struct
import threading
import time

from harness.wait import wait_until


class Toy:
    """Each connection runs `handler(connection)` in a thread; the connection is closed after it."""

    def __init__(self, handler, where=("127.0.0.1", 0)):
        """`where`: an address, or the path of a unix socket."""
        self.handler = handler
        unix = not isinstance(where, tuple)
        family = socket.AF_UNIX if unix else \
            socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(str(where) if unix else where)
        if unix:
            os.chmod(where, 0o777)  # the workers are another user
        self.socket.listen(512)
        self.port = None if unix else self.socket.getsockname()[1]
        self.lock = threading.Lock()
        self.connections, self.accepted = set(), 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.handler(connection)
        except OSError:
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def open_connections(self):
        with self.lock:
            return len(self.connections)

    def wait_empty(self):
        wait_until(lambda: self.open_connections() == 0, "the upstream's connections to end")

    def close(self):
        for step in (lambda: self.socket.shutdown(socket.SHUT_RDWR), self.socket.close):
            try:
                step()
            except OSError:
                pass
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def echo(connection):
    """Everything back, until the far side has finished."""
    while data := connection.recv(65536):
        connection.sendall(data)


def one_line(connection):
    """One line back, then the end."""
    connection.sendall(connection.makefile("rb").readline())


def greeter(greeting):
    """Greets, then answers each line as a POP3 server does, until QUIT."""
    def handler(connection):
        connection.sendall(greeting)
        for line in connection.makefile("rb"):
            connection.sendall(b"+OK " + line)
            if line.strip().upper() == b"QUIT":
                return
    return handler


def silent(connection):
    """Accepts, reads, never says a word."""
    while connection.recv(65536):
        pass


def collector(received, answer=b""):
    """Read to the end, note it in `received`, then answer."""
    def handler(connection):
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
        received.append(data)
        connection.sendall(answer)
    return handler


def resetter(connection):
    """Takes a line, then breaks the connection off."""
    connection.makefile("rb").readline()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def slow_reader(connection):
    """Reads nothing for a while, then all, and says how much it was."""
    time.sleep(1)
    total = 0
    while chunk := connection.recv(65536):
        total += len(chunk)
    connection.sendall(str(total).encode())


class FullBacklog:
    """A listening socket that answers no new SYN: its queue is full and nobody accepts."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.port = self.socket.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def close(self):
        for filler in self.fillers:
            filler.close()
        self.socket.close()
