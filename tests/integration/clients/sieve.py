"""A small ManageSieve (RFC 5804) client over any pipe-like session: send() and read_until()."""

import base64
import re

END = re.compile(rb'^(OK|NO|BYE)\b.*\r\n$', re.IGNORECASE)


class SieveError(Exception):
    pass


class Sieve:
    def __init__(self, session):
        self.session = session
        self.capabilities = self._response()

    def _response(self):
        """The lines before OK. Literals stand as they are, their size line before them."""
        text = b""
        while True:
            line = self.session.read_until(b"\r\n")
            # gnutls-cli reports its handshake before the server speaks.
            match = END.match(line)
            if match and match[1].upper() == b"OK":
                return text
            if match:
                raise SieveError(line)
            text += line

    def command(self, line):
        self.session.send(line + b"\r\n")
        return self._response()

    def login(self, user, password):
        token = base64.b64encode(f"\0{user}\0{password}".encode())
        self.command(b'AUTHENTICATE "PLAIN" "' + token + b'"')

    def put(self, name, script):
        self.command(b'PUTSCRIPT "%s" {%d+}\r\n%s' % (name.encode(), len(script), script))

    def get(self, name):
        text = self.command(b'GETSCRIPT "%s"' % name.encode())
        match = re.match(rb"\{(\d+)\}\r\n", text)
        size = int(match[1])
        return text[match.end():match.end() + size]

    def names(self):
        return re.findall(rb'^"([^"]*)"', self.command(b"LISTSCRIPTS"), re.MULTILINE)

    def activate(self, name):
        self.command(b'SETACTIVE "%s"' % name.encode())

    def logout(self):
        self.command(b"LOGOUT")
