"""A TLS client over memory buffers: every record, close and omission is ours to choose."""

import socket
import ssl
import struct
import time

from harness.wait import ready

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CLOSE_NOTIFY = "close_notify"


def context(pki, version=None, *, alpn=(), client=None, hostname=True):
    """A verifying client's settings. `client` is the certificate to present."""
    made = ssl.create_default_context(cafile=pki.trust)
    made.check_hostname = hostname
    # Python takes a connection that just stops for a clean end, unless told not to.
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if version is not None:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if client is not None:
        made.load_cert_chain(client.chain, client.key)
    return made


def open_socket(port, host="127.0.0.1", source=None):
    """`port` is a number, the path of a unix socket, or a socket that is connected already."""
    if isinstance(port, socket.socket):
        return port
    if isinstance(port, int):
        return socket.create_connection((host, port), 30,
                                        (source, 0) if source is not None else None)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(30)
    made.connect(str(port))
    return made


def listens(port):
    """Does anybody take connections there? A reset is a yes: they had one, and their socket is closed
    while others may still listen."""
    try:
        open_socket(port, "127.0.0.1").close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        pass
    return True


class TlsClient:
    TIMEOUT = 30

    def __init__(self, port, settings, *, sni="mail.example.test", session=None, host="127.0.0.1",
                 source=None, handshake=True):
        self.socket = open_socket(port, host, source)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = settings.wrap_bio(self.incoming, self.outgoing, server_hostname=sni,
                                     session=session)
        self.received = bytearray()
        self.transport = None  # "eof" or "reset", once it has ended
        self.ended = None      # CLOSE_NOTIFY, or how the transport ended without one
        if handshake:
            try:
                self.handshake()
            except BaseException:
                self.socket.close()
                raise

    # ---- records ---------------------------------------------------------------------------

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.socket.sendall(data)

    def fill(self, timeout=None):
        """Read once from the network. False when the far side ended the connection."""
        self.socket.settimeout(self.TIMEOUT if timeout is None else timeout)
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            self.transport = "reset"
            return False
        if not data:
            self.transport = "eof"
            self.incoming.write_eof()
            return False
        self.incoming.write(data)
        return True

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                if not self.fill():
                    raise ConnectionError(f"handshake ended by {self.transport}") from None
                continue
            finally:
                self.flush()
            return self

    # ---- data ------------------------------------------------------------------------------

    def send(self, data):
        """Write all, and take what comes meanwhile."""
        for at in range(0, len(data), 65536):
            self.tls.write(data[at:at + 65536])
            pending = self.outgoing.read()
            while pending:
                readable, writable = ready(self.socket.fileno(), self.socket.fileno(),
                                           self.TIMEOUT)
                if not readable and not writable:
                    raise AssertionError("the far side takes no more")
                if readable:
                    self.receive_some()
                if writable:
                    pending = pending[self.socket.send(pending):]

    def drain_records(self):
        while self.ended is None:
            try:
                chunk = self.tls.read(65536)
            except ssl.SSLZeroReturnError:
                chunk = b""
            except ssl.SSLError as error:
                if not isinstance(error, (ssl.SSLWantReadError, ssl.SSLEOFError)) and \
                        error.reason != "UNEXPECTED_EOF_WHILE_READING":
                    raise
                self.ended = self.transport
                return
            if chunk:
                self.received += chunk
            else:
                self.ended = CLOSE_NOTIFY

    def receive_some(self, timeout=None):
        self.fill(timeout)
        self.drain_records()
        return self.ended is None

    def read_until(self, marker):
        deadline, looked = time.monotonic() + self.TIMEOUT, 0
        self.drain_records()
        while (at := self.received.find(marker, looked)) < 0:
            looked = max(0, len(self.received) - len(marker))
            if self.ended or time.monotonic() > deadline or not self.receive_some():
                if self.received.find(marker, looked) >= 0:
                    continue
                raise AssertionError(f"ended by {self.ended} before {marker!r}; "
                                     f"read {bytes(self.received[-2000:])!r}")
        return self._split(at + len(marker))

    def _split(self, end):
        text = bytes(self.received[:end])
        del self.received[:end]
        return text

    def read_exactly(self, size):
        self.drain_records()
        while len(self.received) < size:
            if not self.receive_some() and len(self.received) < size:
                raise AssertionError(f"ended by {self.ended} after {len(self.received)} bytes")
        return self._split(size)

    def read_all(self):
        """Everything up to the end; self.ended tells how it ended."""
        self.drain_records()
        while self.ended is None:
            self.receive_some()
        return self._split(len(self.received))

    def command(self, line, marker=b"\r\n"):
        self.send(line + b"\r\n")
        return self.read_until(marker)

    # ---- ends ------------------------------------------------------------------------------

    def close_notify(self):
        """Say that nothing more comes from us; reading goes on."""
        try:
            self.tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLSyscallError, ssl.SSLEOFError):
            pass
        except ssl.SSLError as error:
            # Application data may still come: that is what half-close is about.
            if error.reason != "APPLICATION_DATA_AFTER_CLOSE_NOTIFY":
                raise
        self.flush()

    def close(self):
        """A clean end from our side."""
        if self.socket.fileno() < 0:
            return
        try:
            self.close_notify()
        except (OSError, ssl.SSLError):
            pass
        self.socket.close()

    def drop(self):
        """End the transport without a close_notify."""
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def says(client, text=b"still here\n"):
    """Against an echo."""
    client.send(text)
    return client.read_exactly(len(text)) == text


def client_hello(pki):
    """The bytes that a client begins with."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    made = context(pki).wrap_bio(incoming, outgoing, server_hostname="mail.example.test")
    try:
        made.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()
