#!/usr/bin/python3
"""honest.py - clients that want nothing but to be served, while others flood the proxy.

    honest.py roundtrips|handshakes PORT CERTIFICATE COUNT

roundtrips: 64 bytes to the backend and back, on COUNT sessions that stay open, in turn. handshakes:
connection, full TLS 1.3 handshake, one byte to the backend and back. One at a time, with a pause in
between. Prepares, prints "ready", works from the first line of input to the second, and prints how many
were served, how many not, and how long they took, as JSON.
"""

import json
import select
import socket
import ssl
import sys
import time

MESSAGE = b"e" + bytes(63)  # the backend echoes what begins so
PATIENCE = 5  # seconds; whoever waits longer has not been served
PAUSE = {"roundtrips": 0.002, "handshakes": 0.02}


def settings(certificate):
    made = ssl.create_default_context(cafile=certificate)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = False
    return made


def session(port, tls):
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return tls.wrap_socket(connection)
    except BaseException:
        connection.close()
        raise


def echo(connection, message):
    connection.sendall(message)
    answer = b""
    while len(answer) < len(message):
        part = connection.recv(len(message) - len(answer))
        if not part:
            raise ConnectionError("ended by the proxy")
        answer += part
    if answer != message:
        raise ConnectionError("something else came back")


class Roundtrips:
    def __init__(self, port, tls, count):
        self.sessions = [session(port, tls) for _ in range(count)]
        self.serve()

    def serve(self):
        """The session that waited longest; one that was not served is not tried again."""
        chosen = self.sessions.pop(0)
        echo(chosen, MESSAGE)
        self.sessions.append(chosen)


class Handshakes:
    def __init__(self, port, tls, _):
        self.port, self.tls = port, tls
        self.serve()

    def serve(self):
        with session(self.port, self.tls) as connection:
            echo(connection, MESSAGE[:1])


WORK = {"roundtrips": Roundtrips, "handshakes": Handshakes}


def told():
    return bool(select.select([sys.stdin], [], [], 0)[0])


def work(client, pause):
    """Microseconds of each that was served, and how many were not."""
    times, failed = [], 0
    while not told():
        began = time.monotonic_ns()
        try:
            client.serve()
            times.append((time.monotonic_ns() - began) / 1000)
        except (OSError, IndexError):
            failed += 1
        time.sleep(pause)
    return sorted(times), failed


def main(kind, port, certificate, count):
    client = WORK[kind](int(port), settings(certificate), int(count))
    print("ready", flush=True)
    sys.stdin.readline()
    times, failed = work(client, PAUSE[kind])
    at = {f"p{part}_us": times[len(times) * part // 100] if times else None for part in (50, 99)}
    print(json.dumps({"served": len(times), "failed": failed, **at}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
