"""A reader of what the observer shows, and of Prometheus' text format, strictly."""

import http.client
import re
import socket

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+|[+-]Inf|NaN)")
ENDINGS = {"histogram": ("_bucket", "_sum", "_count")}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def fetch(where, path="/metrics", method="GET", **headers):
    """(status, headers, text). `where`: a port of 127.0.0.1, or the path of a Unix socket."""
    connection = UnixConnection(where) if not isinstance(where, int) else \
        http.client.HTTPConnection("127.0.0.1", where, timeout=30)
    try:
        connection.request(method, path,
                           headers={key.replace("_", "-"): text for key, text in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def _labels(text):
    return frozenset(tuple(pair) for pair in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text or ""))


def parse(text):
    """{(name, labels): value}. Every line must be what the format says, each family in one piece,
    described before its samples, and each series there once."""
    types, helps, found, family = {}, set(), {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            assert family not in helps, f"twice: {family}"
            assert line.split(" ", 3)[3].strip() != ""
            helps.add(family)
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and name not in types, line
            assert kind in ("counter", "gauge", "histogram"), line
            assert name.endswith("_total") == (kind == "counter"), line
            types[name] = kind
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"no sample: {line!r}"
        name, labels, value = match[1], _labels(match[2]), float(match[3])
        names = [family + ending for ending in ENDINGS.get(types[family], ("",))]
        assert name in names, f"{name} stands under {family}"
        assert (name, labels) not in found, f"twice: {line}"
        found[name, labels] = value
    return found


class Metrics:
    """One scrape."""

    def __init__(self, where):
        status, self.headers, self.text = fetch(where)
        assert status == 200, self.text
        self.samples = parse(self.text)

    def get(self, name, **labels):
        """The sum over all series that have these labels; None: there is none."""
        wanted = set(labels.items())
        values = [value for (found, having), value in self.samples.items()
                  if found == name and wanted <= having]
        return sum(values) if values else None

    def labels(self, name):
        return [dict(having) for found, having in self.samples if found == name]

    def counters(self):
        return {key: value for key, value in self.samples.items()
                if key[0].endswith(("_total", "_bucket", "_count"))}
