"""A terminal for a command: what it writes there, by a pseudo-terminal of a given size."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time


def like_a_login():
    """No signal is ignored, as under nohup(1), or behind the "&" of a script."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    def __init__(self, arguments, *, columns=80, rows=24, kind="xterm", locale="C.UTF-8", **env):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        base = {key: text for key, text in os.environ.items()
                if not key.startswith("LC_") and key not in ("LANG", "COLUMNS", "TERM")}
        self.process = subprocess.Popen(
            [str(one) for one in arguments], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, env=base | {"TERM": kind, "LC_ALL": locale} | env,
            preexec_fn=like_a_login)
        os.close(slave)
        self.seen = b""

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, timeout=0.2):
        """What has come so far. False: no more will."""
        ready, _, _ = select.select([self.master], [], [], timeout)
        if not ready:
            return True
        try:
            chunk = os.read(self.master, 65536)
        except OSError:  # EIO: the other side is closed
            return False
        self.seen += chunk
        return chunk != b""

    def wait_for(self, *words, timeout=30):
        """Until all of the words, which are bytes, have come in this order; drops what was before
        the end of the last one."""
        until = time.monotonic() + timeout
        while (end := self.find(words)) is None:
            assert time.monotonic() < until, f"{words} did not come: {self.seen[-2000:]}"
            assert self.read() or self.find(words), f"it ended without {words}: {self.seen[-2000:]}"
        before, self.seen = self.seen[:end], self.seen[end:]
        return before

    def find(self, words):
        at = 0
        for word in words:
            at = self.seen.find(word, at)
            if at < 0:
                return None
            at += len(word)
        return at

    def send(self, number):
        self.process.send_signal(number)

    def finish(self, timeout=30):
        """All that it wrote, once it has ended."""
        until = time.monotonic() + timeout
        while self.read() and time.monotonic() < until:
            pass
        self.process.wait(timeout)
        return self.seen

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
