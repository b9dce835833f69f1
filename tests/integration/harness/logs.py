"""tlsfront's log lines, as text key=value or as JSON, to dictionaries."""

import json
import re

FIELD = re.compile(r'([a-z0-9_-]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)')
ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)")


def unquote(text):
    if not text.startswith('"'):
        return text
    return ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" and len(m[1]) == 3
                      else m[1], text[1:-1])


def parse_text(line):
    """None when the line is not key=value from its first to its last byte."""
    fields, at = {}, 0
    while at < len(line):
        match = FIELD.match(line, at)
        if match is None or match[1] in fields:
            return None
        fields[match[1]] = unquote(match[2])
        at = match.end()
    return fields


def parse_json(line):
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


PRIORITY = re.compile("^<[0-7]>")  # sd-daemon(3)


def parse(line):
    line = PRIORITY.sub("", line)
    return parse_json(line) if line.startswith("{") else parse_text(line)
