"""PROXY protocol headers, as a balancer in front of tlsfront sends them."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(client, local="127.0.0.1", ports=(4321, 25)):
    family = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {family} {client} {local} {ports[0]} {ports[1]}\r\n".encode()


def v2(client, local="127.0.0.1", ports=(4321, 25), extra=b"", command=1):
    addresses = [ipaddress.ip_address(one) for one in (client, local)]
    family = 0x21 if addresses[0].version == 6 else 0x11
    body = b"".join(one.packed for one in addresses) + struct.pack("!HH", *ports) + extra
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", len(body)) + body
