"""A few LDAP messages (RFC 4511) by hand, over any pipe-like session: send() and read_exactly()."""

BIND, BOUND, UNBIND, SEARCH, ENTRY, DONE, EXTENDED = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x78
ADD, ADDED, COMPARE, COMPARED, EXTENDED_REQUEST = 0x68, 0x69, 0x6e, 0x6f, 0x77
STARTTLS, NOTICE = b"1.3.6.1.4.1.1466.20037", b"1.3.6.1.4.1.1466.20036"

# RFC 4511, 4.1.9
SUCCESS, OPERATIONS_ERROR, PROTOCOL_ERROR, ADMIN_LIMIT_EXCEEDED = 0, 1, 2, 11
CONFIDENTIALITY_REQUIRED, UNAVAILABLE = 13, 52


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


def simple_bind_request(number, name, password):
    return message(number, ber(BIND, ber(2, b"\3"), ber(4, name), ber(0x80, password)))


def sasl_bind_request(number, mechanism, credentials):
    return message(number, ber(BIND, ber(2, b"\3"), ber(4),
                               ber(0xa3, ber(4, mechanism), ber(4, credentials))))


def extended_request(number, name, value=None):
    return message(number, ber(EXTENDED_REQUEST, ber(0x80, name),
                               b"" if value is None else ber(0x81, value)))


def starttls_request(number, value=None):
    return extended_request(number, STARTTLS, value)


def compare_request(number, entry=b"cn=probe"):
    return message(number, ber(COMPARE, ber(4, entry), ber(0x30, ber(4, b"cn"), ber(4, b"probe"))))


def root_request(number, *attributes):
    """A search of the rootDSE."""
    return message(number, ber(
        SEARCH, ber(4), ber(10, b"\0"), ber(10, b"\0"), ber(2, b"\0"), ber(2, b"\0"),
        ber(1, b"\0"), ber(0x87, b"objectClass"), ber(0x30, *(ber(4, one) for one in attributes))))


def attribute(name, *values):
    return ber(0x30, ber(4, name), ber(0x31, *(ber(4, value) for value in values)))


def add_request(number, entry, *attributes):
    return message(number, ber(ADD, ber(4, entry), ber(0x30, *attributes)))


def entry_attributes(content):
    """Of a SearchResultEntry: {name: [value, ...]}"""
    found, rest = {}, unber(unber(content)[2])[1]
    while rest:
        _, one, rest = unber(rest)
        _, name, values = unber(one)
        values, found[name] = unber(values)[1], []
        while values:
            _, value, values = unber(values)
            found[name].append(value)
    return found


def take_message(data):
    """(number, operation, its content, what follows), or None when it is not complete."""
    if len(data) < 2:
        return None
    head = 2 + (data[1] & 0x7f if data[1] & 0x80 else 0)
    if len(data) < head:
        return None
    size = int.from_bytes(data[2:head], "big") if head > 2 else data[1]
    if len(data) < head + size:
        return None
    _, number, rest = unber(data[head:head + size])
    tag, content, _ = unber(rest)
    return int.from_bytes(number, "big"), tag, content, data[head + size:]


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

    def starttls(self):
        """The result code. On success TLS begins: give the new session."""
        self._send(starttls_request)
        tag, content = self._read()
        assert tag == EXTENDED
        return result_code(content)

    def root(self, *attributes):
        """The attributes of the rootDSE."""
        self._send(root_request, *attributes)
        tag, content = self._read()
        assert tag == ENTRY
        assert self._read()[0] == DONE
        return entry_attributes(content)

    def unbind(self):
        self._send(unbind_request)
