"""Messages to send and to compare byte for byte."""

import random

LARGE = 2_000_000


def body(size, seed=1):
    """Lines of text with CRLF; some begin with dots, some are empty."""
    dice = random.Random(seed)
    letters = bytes(range(0x20, 0x7f))
    out, total = [], 0
    while total < size:
        length = dice.choice((0, 1, 40, 72, 72, 72, 76))
        line = bytes(dice.choices(letters, k=length)).rstrip()
        line = dice.choice((b"", b"", b"", b".", b"..")) + line + b"\r\n"
        out.append(line)
        total += len(line)
    return b"".join(out)


LARGE_BODY = body(LARGE)


def message(subject, text=LARGE_BODY, extra=b""):
    return (b"From: Alice <alice@example.test>\r\nTo: Bob <bob@example.test>\r\n"
            b"Subject: %s\r\n%s\r\n%s" % (subject.encode(), extra, text))


def lines(text):
    """The lines of a message, without their ends."""
    assert text.endswith(b"\r\n")
    return text[:-2].split(b"\r\n")


def stuffed(text):
    """As it goes over the wire in SMTP, POP3 and NNTP (RFC 5321, 4.5.2), with the final dot."""
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n"
                    for line in lines(text)) + b".\r\n"
