"""NNTP, in clear or on TLS, with nntplib's interface, which Python 3.13 no longer has."""

import re
import socket


class NntpError(Exception):
    pass


class Nntp:
    def __init__(self, host, port, settings=None, timeout=30):
        self.host = host
        self.connection = socket.create_connection((host, port), timeout)
        if settings is not None:
            self._secure(settings)
        self.file = self.connection.makefile("rwb")
        self.welcome = self._reply()

    def _secure(self, settings):
        self.connection = settings.wrap_socket(self.connection, server_hostname=self.host)

    def starttls(self, settings):
        self._command("STARTTLS")
        self.file.close()
        self._secure(settings)
        self.file = self.connection.makefile("rwb")

    def _reply(self):
        line = self.file.readline()
        if not re.match(rb"[123]\d\d ", line):
            raise NntpError(line)
        return line.rstrip(b"\r\n").decode()

    def _command(self, line):
        self.file.write(line.encode() + b"\r\n")
        self.file.flush()
        return self._reply()

    def _lines(self):
        lines = []
        while (line := self.file.readline().rstrip(b"\r\n")) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines

    def getwelcome(self):
        return self.welcome

    def getcapabilities(self):
        self._command("CAPABILITIES")
        return {line.split()[0]: line.split()[1:] for line in
                (one.decode() for one in self._lines())}

    def login(self, user, password):
        if self._command(f"AUTHINFO USER {user}").startswith("381"):
            self._command(f"AUTHINFO PASS {password}")

    def group(self, name):
        reply = self._command(f"GROUP {name}")
        _, count, first, last, found = reply.split()
        return reply, int(count), int(first), int(last), found

    def post(self, data):
        reply = self._command("POST")
        for line in data.splitlines():
            self.file.write((b"." if line.startswith(b".") else b"") + line + b"\r\n")
        self.file.write(b".\r\n")
        self.file.flush()
        return self._reply() if reply.startswith("340") else reply

    def article(self, message_id):
        return self._command(f"ARTICLE {message_id}"), self._lines()

    def quit(self):
        reply = self._command("QUIT")
        self.file.close()
        self.connection.close()
        return reply
