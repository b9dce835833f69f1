"""One test run: its folder, its ports, its processes."""

import os
import random
import shutil
import socket
import tempfile
from pathlib import Path

from harness import process

# Below the range that the kernel takes outgoing ports from (ip_local_port_range).
PORTS = range(15000, 32000)


# The path of a Unix socket has 107 bytes at most, and the longest of the tests' needs this much of it.
TEMPORARY_MAX = 24


def temporary():
    """TMPDIR, unless that is too long."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= TEMPORARY_MAX else "/tmp"


class Run:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tlsfront-it.", dir=temporary()))
        self.folder.chmod(0o755)  # servers that run as users of their own look into it
        self.port_locks = []
        self.processes = []
        process.adopt_orphans()

    def make_folder(self, name, mode=0o755, owner=None):
        path = self.folder / name
        path.mkdir(parents=True)
        path.chmod(mode)
        if owner is not None:
            shutil.chown(path, *owner)
        return path

    def port(self):
        """A loopback port that is free and that no other run on this machine will choose."""
        while True:
            port = random.choice(PORTS)
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                lock.bind(f"\0tlsfront-it-port-{port}")
            except OSError:
                lock.close()
                continue
            if port_is_free(port):
                self.port_locks.append(lock)
                return port
            lock.close()

    def start(self, name, argv, **options):
        log = options.pop("log", self.folder / f"{name}.log")
        started = process.Process(name, argv, log, **options)
        self.processes.append(started)
        return started

    def logs(self):
        """The end of every log under the folder, for a failure's report."""
        for path in sorted([*self.folder.glob("*.log"), *self.folder.glob("*/*.log")]):
            text = path.read_text(errors="replace")
            if text.strip():
                yield path.relative_to(self.folder), text, path.stat().st_mtime

    def close(self):
        """Stop everything and remove the folder. Returns what had to be killed."""
        for started in reversed(self.processes):
            started.stop()
        left = [(pid, process.command_of(pid)) for pid in process.descendants(os.getpid())]
        for pid, _ in left:
            process.kill_own(pid)
        for lock in self.port_locks:
            lock.close()
        shutil.rmtree(self.folder)
        return left


def port_is_free(port):
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
