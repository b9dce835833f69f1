"""The log: two lines per session with one id and all facts, as text and as JSON."""

import re
import socket

import pytest

from clients import tls
from harness.config import route
from harness.wait import wait_until
from servers import toy

ALWAYS = {"time", "level", "from", "event", "id", "route", "protocol", "client"}
AGREED = {"upstream", "tls", "cipher", "group", "sni", "resumed"}
AT_THE_END = {"stage", "bytes-in", "bytes-out", "duration", "fault", "end"}


@pytest.fixture
def served(fronts, run, pki, toys):
    def start(**options):
        port, upstream = run.port(), toys(toy.greeter(b"+OK ready\r\n"))
        front = fronts.start(pki.mail.block(),
                             route("mail", port, upstream.port, protocol="pop3", alpn=("pop3",)),
                             **options)
        return front, port, upstream
    return start


def visit(port, settings):
    with tls.TlsClient(port, settings) as client:
        address = "%s:%d" % client.socket.getsockname()
        client.read_until(b"+OK ready\r\n")
        assert client.command(b"NOOP") == b"+OK NOOP\r\n"
        client.command(b"QUIT")
        client.read_all()
        return address


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_session_has_two_lines_with_one_id_and_all_facts(served, pki, version, form):
    front, port, upstream = served(log_format=form)
    address = visit(port, tls.context(pki, version, alpn=("pop3",)))
    ended = front.wait_for_log("end")
    opened, = front.log("open")
    assert ALWAYS | AGREED <= set(opened)
    assert ALWAYS | AGREED | AT_THE_END <= set(ended)
    for name in ("id", "route", "protocol", "client", *AGREED):
        assert opened[name] == ended[name]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ended["time"])
    assert ended["level"] == "info"
    assert (ended["route"], ended["protocol"]) == ("mail", "pop3")
    assert ended["client"] == address
    assert ended["upstream"] == f"127.0.0.1:{upstream.port}"
    assert ended["tls"] == f"TLSv{version}"
    assert (ended["sni"], ended["alpn"]) == ("mail.example.test", "pop3")
    assert (ended["stage"], ended["fault"]) == ("relay", "none")
    assert ended["resumed"] == ("no" if form == "text" else False)
    assert int(ended["bytes-in"]) == len(b"NOOP\r\nQUIT\r\n")
    assert int(ended["bytes-out"]) == len(b"+OK ready\r\n+OK NOOP\r\n+OK QUIT\r\n")
    assert 0 <= float(ended["duration"]) < 60
    if form == "json":
        assert isinstance(ended["bytes-in"], int)


def test_every_session_has_an_id_of_its_own(served, pki):
    front, port, _ = served(workers=3)
    for _ in range(20):
        visit(port, tls.context(pki))
    wait_until(lambda: len(front.log("end")) == 20, "all end lines")
    opened, ended = front.log("open"), front.log("end")
    assert len({line["id"] for line in opened}) == 20
    assert {line["id"] for line in opened} == {line["id"] for line in ended}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", [
    b'evil".examp', b"back\\slash.", b"new\nline.ex", b"key=value ev", b"\0\x01\x1b[31m...",
    b"\xff\xc3\x28utf.ex", b'}},{"a":1}..'])
def test_a_hostile_server_name_cannot_forge_the_log(fronts, run, pki, toys, name, form):
    """The name in the ClientHello is replaced on its way; every line must still parse."""
    port, honest = run.port(), b"x" * (len(name) - 2) + b".y"
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                         log_format=form)
    client = tls.TlsClient(port, tls.context(pki), sni=honest.decode(), handshake=False)
    with pytest.raises(tls.ssl.SSLWantReadError):
        client.tls.do_handshake()
    hello = client.outgoing.read()
    assert hello.count(honest) == 1
    client.socket.sendall(hello.replace(honest, name))
    assert client.socket.recv(1) != b""
    client.drop()
    ended = front.wait_for_log("end")
    assert ended["fault"] == "client"
    assert len(front.log_file().read_text().splitlines()) == len(front.log())


def test_a_port_probe_is_no_line_at_info_and_one_at_debug(served, pki):
    front, port, _ = served()
    for _ in range(5):
        socket.create_connection(("127.0.0.1", port)).close()
    visit(port, tls.context(pki))
    front.wait_for_log("end")
    wait_until(lambda: front.active("mail") == 0, "the probes to end")
    assert len(front.log("end")) == 1
    front, port, _ = served(log_level="debug")
    socket.create_connection(("127.0.0.1", port)).close()
    assert front.wait_for_log("end")["level"] == "debug"


def test_a_quiet_level_is_quiet(served, pki):
    front, port, _ = served(log_level="warn")
    visit(port, tls.context(pki))
    wait_until(lambda: front.active("mail") == 0, "the session to end")
    assert front.log() == []


def test_failed_handshakes_name_their_cause(served, pki):
    front, port, _ = served()
    settings = tls.ssl.create_default_context(cafile=pki.people.certificate)
    with pytest.raises(tls.ssl.SSLCertVerificationError):
        tls.TlsClient(port, settings)
    ended = front.wait_for_log("end", stage="handshake")
    assert ended["fault"] == "client"
    assert "unknown_ca" in ended["end"]


@pytest.mark.parametrize("says, named", [
    (b"GET / HTTP/1.1\r\n\r\n", "client spoke plaintext on a TLS port: HTTP"),
    (b"a CAPABILITY\r\n", "client spoke plaintext on a TLS port: IMAP"),
    (b"PROXY UNKNOWN\r\n", "accept-proxy-from"),
    (b"\x80\x2e\1\0\2", "SSL 2.0"),
])
def test_a_client_that_does_not_speak_tls_is_named(served, says, named):
    front, port, _ = served()
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(says)
        assert client.recv(100)[:1] == b"\x15", "an alert"
    ended = front.wait_for_log("end")
    assert ended["fault"] == "client"
    assert named in ended["end"]


def test_the_log_level_follows_a_reload(served, pki):
    front, port, _ = served(log_level="warn")
    text = front.file.read_text()
    front.file.write_text(text.replace('log-level = "warn"', 'log-level = "info"'))
    assert front.reload().returncode == 0
    visit(port, tls.context(pki))
    front.wait_for_log("end")


def test_the_log_target_follows_a_reload(served, pki):
    front, port, _ = served()
    visit(port, tls.context(pki))
    front.wait_for_log("end")
    before = len(front.log("end"))
    target = front.folder / "beside-the-control-socket.log"
    front.file.write_text(f'log = "{target}"\n' + front.file.read_text())
    assert front.reload().returncode == 0
    visit(port, tls.context(pki))
    wait_until(lambda: "event=end" in target.read_text(), "the end line in the new file")
    assert len(front.log("end")) == before


def test_no_secret_is_ever_logged(fronts, run, pki, toys):
    """At the most talkative level: neither what the session carried nor any key."""
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                         log_level="debug")
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.send(b"PASS hunter2\r\n")
        client.read_until(b"\r\n")
    front.wait_for_log("end")
    assert front.reload().returncode == 0
    text = front.log_file().read_text()
    assert "hunter2" not in text
    assert "PRIVATE KEY" not in text
