"""haproxy: the balancer in front of tlsfront, in TCP mode."""

import csv
import os
import socket

from harness.wait import wait_until
from servers import common

HEAD = """
global
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    timeout check 10s
"""


class Haproxy:
    """With these sections behind the usual ones."""

    def __init__(self, run, name, sections, *, wrapper=()):
        self.folder = run.make_folder(name)
        self.file = self.folder / "haproxy.cfg"
        self.file.write_text(HEAD.format(folder=self.folder) + sections)
        self.process = run.start(name, [
            *wrapper, common.program("haproxy", "haproxy"), "-db", "-f", self.file])
        wait_until(self.answers, "haproxy to answer", 30)

    def answers(self):
        assert self.process.running(), f"haproxy ended:\n{self.process.text()}"
        return os.path.exists(self.folder / "admin.sock") and self.ask("show info") != ""

    def ask(self, command):
        """What it says to a command on its own socket; "" while it is not there yet."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(30)
            try:
                asking.connect(str(self.folder / "admin.sock"))
            except (ConnectionRefusedError, FileNotFoundError):
                return ""
            asking.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: asking.recv(65536), b"")).decode()

    def server(self, backend, name):
        """The fields of `show stat` of a server."""
        lines = self.ask("show stat").lstrip("# ").strip().splitlines()
        return next(one for one in csv.DictReader(lines)
                    if (one["pxname"], one["svname"]) == (backend, name))

    def wait_for(self, backend, name, *status):
        """Until the server has one of these; with checks under way it may be "UP 1/2"."""
        return wait_until(lambda: self.server(backend, name)["status"].split()[0] in status,
                          f"haproxy to see {backend}/{name} {' or '.join(status)}", 30)

    def looks_well(self, backend, name):
        """Until it has looked `rise` times in a row, and likes what it sees."""
        self.ask(f"set server {backend}/{name} health down")
        self.wait_for(backend, name, "UP")

    def stop(self):
        self.process.stop()
