"""A name server of our own, and a machine whose names are asked of it alone."""

import os
import socket
import struct
import threading

A, AAAA, SRV, IN, NO_SUCH_NAME = 1, 28, 33, 1, 3
RESPONSE, RECURSION_AVAILABLE = 0x8000, 0x80


def question(packet):
    """(name, type, the bytes of the section)."""
    labels, at = [], 12
    while packet[at] != 0:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack_from("!H", packet, at + 1)[0], packet[12:at + 5]


def wire_name(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def service(priority, weight, port, target, ttl=1):
    """A service's record, among the addresses of struct NameServer."""
    data = struct.pack("!HHH", priority, weight, port) + wire_name(target)
    return SRV, struct.pack("!HHHIH", 0xc00c, SRV, IN, ttl, len(data)) + data


def record(address):
    if isinstance(address, tuple):
        return address
    kind, family = (AAAA, socket.AF_INET6) if ":" in address else (A, socket.AF_INET)
    data = socket.inet_pton(family, address)
    return kind, struct.pack("!HHHIH", 0xc00c, kind, IN, 0, len(data)) + data


class NameServer:
    """`names`: name -> its addresses, as strings, or service()s; SILENT names are never answered."""

    SILENT = object()

    def __init__(self, asked=None):
        """`asked(name, port)` is called while whoever asks waits for the answer."""
        self.names, self.asked = {}, asked
        # One of our own among those of the loopback interface; resolv.conf has no word for a port.
        self.address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 53))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            packet, source = self.socket.recvfrom(4096)
            if not packet:
                return  # from close()
            name, kind, section = question(packet)
            if self.asked is not None:
                self.asked(name, source[1])
            addresses = self.names.get(name, ())
            if addresses is not self.SILENT:
                self.socket.sendto(self._answer(packet, kind, section, addresses), source)

    def _answer(self, packet, kind, section, addresses):
        found = [data for one, data in map(record, addresses) if one == kind]
        flags = struct.unpack_from("!H", packet, 2)[0] | RESPONSE | RECURSION_AVAILABLE
        flags |= 0 if addresses else NO_SUCH_NAME
        return packet[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + section + b"".join(found)

    def close(self):
        self.socket.sendto(b"", (self.address, 53))
        self.thread.join()
        self.socket.close()


OVER = """
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
shift
exec "$@"
"""


def machine(folder, server, hosts="127.0.0.1 localhost\n"):
    """In front of a command: it knows these names by itself, and for others that server."""
    (folder / "hosts").write_text(hosts)
    (folder / "resolv.conf").write_text(f"nameserver {server.address}\noptions timeout:30\n")
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    for name in ("hosts", "resolv.conf", "nsswitch.conf"):
        (folder / name).chmod(0o644)
    return ("unshare", "--mount", "sh", "-ec", OVER, "sh", folder)
