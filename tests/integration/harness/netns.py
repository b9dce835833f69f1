"""Network namespaces of our own. Unless told otherwise: a client, the machine that tlsfront runs on, a
server behind it.

        client            front              server
    198.18.1.2 ---- 198.18.1.1
                    198.18.2.1 ---- 198.18.2.2
    fd00:1::2 ------ fd00:1::1
                     fd00:2::1 ----- fd00:2::2

Nothing outside of them is touched. The addresses are those for such tests (RFC 2544; RFC 4193).
"""

import ctypes
import itertools
import os
import subprocess
import threading

from harness.process import LIBC

CLONE_NEWNET = 0x40000000  # linux/sched.h
NUMBERS = itertools.count()
LINKS = (("client", "front", "198.18.1.", "fd00:1::"), ("server", "front", "198.18.2.", "fd00:2::"))


def command(*words, text=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def ip(*words):
    command("ip", *words)


class Namespaces:
    """`links`: (far, near, the addresses but for their last part); each far one reaches all others by
    way of the near one."""

    def __init__(self, links=LINKS):
        number = next(NUMBERS)
        self.names = {role: f"tlsfront-it-{os.getpid()}-{number}-{role}"
                      for far, near, *_ in links for role in (near, far)}
        for name in self.names.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for near in {near for _, near, *_ in links}:
            self.command(near, "sysctl", "-q", "net.ipv4.conf.all.rp_filter=1")  # the strictest
        for far, near, inet, inet6 in links:
            self._link(far, near, inet, inet6)

    def _link(self, far, near, inet, inet6):
        """The end in `near` is named after the other side."""
        ip("link", "add", "uplink", "netns", self.names[far], "type", "veth", "peer", "name", far,
           "netns", self.names[near])
        for role, device, end in ((far, "uplink", "2"), (near, far, "1")):
            self.ip(role, "addr", "add", f"{inet}{end}/24", "dev", device)
            self.ip(role, "addr", "add", f"{inet6}{end}/64", "dev", device, "nodad")
            self.ip(role, "link", "set", device, "up")
        self.ip(far, "route", "add", "default", "via", f"{inet}1")
        self.ip(far, "-6", "route", "add", "default", "via", f"{inet6}1")

    def ip(self, role, *words):
        ip("-n", self.names[role], *words)

    def command(self, role, *words, text=None):
        command(*self.wrapper(role), *words, text=text)

    def wrapper(self, role):
        """In front of a command."""
        return ("ip", "netns", "exec", self.names[role])

    def enter(self, role):
        """The calling thread makes its sockets there from now on."""
        fd = os.open(f"/run/netns/{self.names[role]}", os.O_RDONLY)
        try:
            if LIBC.setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)

    def run(self, role, function):
        """Call it there: sockets that it makes stay there."""
        result = []

        def inside():
            try:
                self.enter(role)
                result.append((function(), None))
            except BaseException as error:
                result.append((None, error))

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        value, error = result[0]
        if error is not None:
            raise error
        return value

    def close(self):
        for name in self.names.values():
            ip("netns", "del", name)
