"""Command line TLS clients driven through pipes: openssl s_client, gnutls-cli."""

import os
import subprocess
import time

from harness.wait import ready


class PipeClient:
    """A program whose standard input and output carry the plaintext of one TLS connection."""

    TIMEOUT = 30

    def __init__(self, argv, **options):
        self.popen = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      start_new_session=True, **options)
        self.received = bytearray()

    def send(self, data):
        """Write all, and take what comes meanwhile: the far side may stop reading otherwise."""
        out, source = self.popen.stdin.fileno(), self.popen.stdout.fileno()
        os.set_blocking(out, False)
        while data:
            readable, writable = ready(source, out, self.TIMEOUT)
            if not readable and not writable:
                raise AssertionError("the client program takes no more input")
            if readable:
                self._take()
            if writable:
                data = data[os.write(out, data[:65536]):]

    def _take(self):
        chunk = os.read(self.popen.stdout.fileno(), 65536)
        if not chunk:
            raise AssertionError(f"ended early, after {bytes(self.received[-2000:])!r}: "
                                 f"{self.popen.stderr.read().decode(errors='replace')}")
        self.received += chunk

    def read_until(self, marker):
        """Everything up to and including `marker`; what follows stays for the next call."""
        deadline, looked = time.monotonic() + self.TIMEOUT, 0
        while (at := self.received.find(marker, looked)) < 0:
            looked = max(0, len(self.received) - len(marker))
            self._wait(deadline, marker)
        return self._split(at + len(marker))

    def read_exactly(self, size):
        deadline = time.monotonic() + self.TIMEOUT
        while len(self.received) < size:
            self._wait(deadline, f"{size} bytes")
        return self._split(size)

    def _wait(self, deadline, what):
        wait = max(0, deadline - time.monotonic())
        if not ready(self.popen.stdout.fileno(), None, wait)[0]:
            raise AssertionError(f"waited in vain for {what!r}; "
                                 f"read {bytes(self.received[-2000:])!r}")
        self._take()

    def _split(self, end):
        text = bytes(self.received[:end])
        del self.received[:end]
        return text

    def command(self, line, marker=b"\r\n"):
        self.send(line + b"\r\n")
        return self.read_until(marker)

    def finish(self):
        """Close the input and wait. Returns the rest of the output, and the standard error."""
        self.popen.stdin.close()
        self.popen.stdin = None
        try:
            rest, errors = self.popen.communicate(timeout=self.TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return bytes(self.received) + rest, errors.decode(errors="replace")

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.popen.poll() is None:
            self.kill()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()
