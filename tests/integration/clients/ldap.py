"""A few LDAP messages (RFC 4511) by hand, over any pipe-like session: send() and read_exactly()."""

BIND, BOUND, UNBIND, SEARCH, ENTRY, DONE, EXTENDED = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x78


def ber(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def unber(data):
    """(tag, content, what follows)"""
    tag, size, at = data[0], data[1], 2
    if size & 0x80:
        at += size & 0x7f
        size = int.from_bytes(data[2:at], "big")
    return tag, data[at:at + size], data[at + size:]


def message(number, operation):
    return ber(0x30, ber(2, bytes([number])), operation)


def bind_request(number=1):
    """Anonymous, simple."""
    return message(number, ber(BIND, ber(2, b"\3"), ber(4), ber(0x80)))


def unbind_request(number):
    return message(number, ber(UNBIND))


def search_request(number, base, attribute, value):
    return message(number, ber(
        SEARCH, ber(4, base.encode()), ber(10, b"\2"), ber(10, b"\0"), ber(2, b"\0"),
        ber(2, b"\0"), ber(1, b"\0"),
        ber(0xa3, ber(4, attribute.encode()), ber(4, value.encode())), ber(0x30)))


def read_message(session):
    """(message number, operation's tag, its content)"""
    head = session.read_exactly(2)
    more = session.read_exactly(head[1] & 0x7f) if head[1] & 0x80 else b""
    size = int.from_bytes(more, "big") if more else head[1]
    _, number, rest = unber(session.read_exactly(size))
    tag, content, _ = unber(rest)
    return int.from_bytes(number, "big"), tag, content


def result_code(content):
    return unber(content)[1][0]


class Ldap:
    def __init__(self, session):
        self.session, self.number = session, 0

    def _send(self, request, *arguments):
        self.number += 1
        self.session.send(request(self.number, *arguments))

    def _read(self):
        number, tag, content = read_message(self.session)
        assert number == self.number
        return tag, content

    def bind(self):
        self._send(bind_request)
        tag, content = self._read()
        assert tag == BOUND and result_code(content) == 0

    def search(self, base, attribute, value):
        """The entries as they came: BER."""
        self._send(search_request, base, attribute, value)
        entries = []
        while True:
            tag, content = self._read()
            if tag == DONE:
                assert result_code(content) == 0
                return entries
            assert tag == ENTRY
            entries.append(content)

    def unbind(self):
        self._send(unbind_request)
