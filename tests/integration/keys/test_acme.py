"""Routes with protocol = acme: certificates from a real authority, and what others hear there."""

import os
import selectors
import signal
import socket
import ssl
import threading

import pytest

from clients import acme, tls
from harness import pki as make
from harness.config import acme as acme_route
from harness.config import route
from harness.daemon import STATUS_CONFIG_WRONG
from harness.wait import wait_until
from servers.pebble import Pebble

NAME = acme.NAME
PATH = b"/.well-known/acme-challenge/"
TOKEN = b"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
ANSWER = TOKEN + b".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

SECRET = "do not tell"


class Challenges:
    """The folders, the daemon that answers from them, and its ports."""

    def __init__(self, run, fronts, name, *blocks, **options):
        self.folder = run.make_folder(f"challenges-{name}")
        self.webroot = self.folder / "webroot"
        self.tokens = self.webroot / ".well-known" / "acme-challenge"
        self.certificates = self.folder / "certificates"
        self.tokens.mkdir(parents=True)
        self.certificates.mkdir()
        self.http, self.tls = run.port(), run.port()
        self.routes = (acme_route("http", self.http, self.tokens, **options),
                       acme_route("tls", self.tls, self.certificates, tls="implicit", **options))
        self.front = fronts.start(*self.routes, *blocks)

    def put(self, name=TOKEN, answer=ANSWER):
        (self.tokens / name.decode()).write_bytes(answer)

    def ask(self, request, half_close=False):
        """All that is answered to these bytes."""
        with socket.create_connection(("127.0.0.1", self.http), 30) as client:
            client.sendall(request)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            return read_all(client)


def read_all(client):
    client.settimeout(30)
    got = b""
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return got
        if not piece:
            return got
        got += piece


def status(answer):
    head, _, _ = answer.partition(b"\r\n\r\n")
    assert b"\r\nConnection: close" in head, answer
    return int(head.split(b" ")[1])


@pytest.fixture(scope="module")
def open_(run, fronts):
    these = Challenges(run, fronts, "open")
    these.put()
    secret = these.folder / "secret"
    secret.write_text(SECRET)
    these.put(f"{NAME}.key.pem".encode(), SECRET.encode())
    (these.tokens / "link").symlink_to(secret)
    os.mkfifo(these.tokens / "fifo")
    return these


# ---- certificates from an authority -----------------------------------------------------------


@pytest.fixture(scope="module")
def echo(module_toys):
    def talk(connection):
        while data := connection.recv(4096):
            connection.sendall(data)
    return module_toys(talk)


class Host:
    """A mail host that has a certificate of its own making, an authority, and an ACME client."""

    def __init__(self, run, fronts, pki, echo, client, purpose):
        self.folder = run.make_folder(f"host-{purpose}-{client}")
        self.port = run.port()
        self.challenges = Challenges(run, fronts, f"{purpose}-{client}")
        self.front = self.challenges.front
        self.serve_mail(echo.port)
        self.authority = Pebble(run, pki, self.challenges.http, self.challenges.tls)
        self.client = acme.ALL[client](run.make_folder(f"client-{purpose}-{client}"), self.authority,
                                       self.challenges.webroot, self.challenges.certificates,
                                       self.deploy_script())

    def serve_mail(self, upstream):
        self.key("self-signed", "mail", "--host", NAME)
        self.front.write(*self.challenges.routes, "certificate mail { }\n",
                         route("mail", self.port, upstream))
        done = self.front.reload()
        assert done.returncode == 0, done.stdout + done.stderr

    def deploy_script(self):
        """Called with chain and key."""
        script, roots = self.folder / "deploy", self.folder / "roots.pem"
        roots.write_text(self.authority.root())
        script.write_text(f'#!/bin/sh\nexec {self.front.binary} key import mail "$2" "$1" '
                          f'--commit --ca {roots} -c {self.front.file}\n')
        script.chmod(0o755)
        return script

    def key(self, *arguments):
        done = self.front.command("key", *arguments, "-c", self.front.file)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def trusting(self):
        """A client's settings that trust the authority's certificates and no other."""
        settings = ssl.create_default_context(cadata=self.authority.root())
        settings.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        return settings

    def serial(self):
        """Of what verifying clients of the mail route see now."""
        with tls.TlsClient(self.port, self.trusting(), sni=NAME) as client:
            client.send(b"ping")
            assert client.read_exactly(4) == b"ping"
            return client.tls.getpeercert()["serialNumber"]


@pytest.mark.parametrize("client", acme.ALL)
def test_a_client_gets_a_certificate_and_renews_it(run, fronts, pki, echo, client):
    host = Host(run, fronts, pki, echo, client, "renewal")
    host.client.issue()
    first = host.serial()
    with tls.TlsClient(host.port, host.trusting(), sni=NAME) as session:
        host.client.renew()
        assert host.serial() != first
        session.send(b"still here")
        assert session.read_exactly(10) == b"still here"
    kind = "tls-alpn-01" if client.endswith("alpn") else "http-01"
    answered = host.front.log("challenge", type=kind, outcome="answered")
    # Whether the renewal's order is asked to prove the name again is the authority's affair.
    assert answered
    assert len({line["name"] for line in answered}) == 1 or kind == "http-01"
    left = [*host.challenges.tokens.iterdir(), *host.challenges.certificates.iterdir()]
    assert left == [], "the client takes its answers away"


@pytest.mark.parametrize("client", acme.ALL)
def test_a_client_has_the_key_managers_request_signed(run, fronts, pki, echo, client):
    host = Host(run, fronts, pki, echo, client, "request")
    before = host.key("show", "mail", "--json")
    request = host.folder / "mail.csr"
    request.write_text(host.key("renew", "mail"))
    answer = host.client.sign(request)
    host.key("install", "mail", answer, "--ca", host.folder / "roots.pem", "--commit")
    assert host.serial() not in before


# ---- http-01 ----------------------------------------------------------------------------------


def get(target, version=b"1.1", fields=b"Host: mail.example.test\r\n"):
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + fields + b"\r\n"


@pytest.mark.parametrize("request_", [
    get(PATH + TOKEN), get(PATH + TOKEN, b"1.0", b""),
    get(b"http://mail.example.test" + PATH + TOKEN),
    get(PATH + TOKEN) + get(PATH + TOKEN), get(PATH + TOKEN) + b"\0" * 1000],
    ids=["1.1", "1.0", "absolute", "pipelined", "garbage-behind"])
def test_a_token_is_answered_once_and_the_connection_closed(open_, request_):
    for half_close in (False, True):
        answer = open_.ask(request_, half_close)
        assert status(answer) == 200
        head, _, body = answer.partition(b"\r\n\r\n")
        assert body == ANSWER
        assert b"\r\nContent-Type: application/octet-stream\r\n" in head
        assert f"\r\nContent-Length: {len(ANSWER)}\r\n".encode() in head + b"\r\n"


def test_head_has_no_body(open_):
    answer = open_.ask(get(PATH + TOKEN).replace(b"GET", b"HEAD"))
    assert status(answer) == 200 and answer.endswith(b"\r\n\r\n")


def test_one_byte_at_a_time_is_the_same(open_):
    with socket.create_connection(("127.0.0.1", open_.http), 30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get(PATH + TOKEN):
            client.sendall(bytes([byte]))
        assert read_all(client).endswith(b"\r\n\r\n" + ANSWER)


HOSTILE = {
    "root": (get(b"/"), 404),
    "other": (get(PATH + b"nothing"), 404),
    "the-folder": (get(PATH), 404),
    "dots": (get(PATH + b"../../../secret"), 404),
    "encoded-slash": (get(PATH + b"..%2f..%2fsecret"), 404),
    "encoded-token": (get(PATH + b"%65" + TOKEN[1:]), 404),
    "double-slash": (get(b"/" + PATH + TOKEN), 404),
    "backslash": (get(PATH + b"..\\secret"), 404),
    "query": (get(PATH + TOKEN + b"?x=y"), 404),
    "key-of-a-challenge": (get(PATH + NAME.encode() + b".key.pem"), 404),
    "link": (get(PATH + b"link"), 404),
    "fifo": (get(PATH + b"fifo"), 404),
    "long-token": (get(PATH + b"a" * 129), 404),
    "post": (b"POST " + PATH + TOKEN + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 405),
    "lower-case-method": (b"get " + PATH + TOKEN + b" HTTP/1.0\r\n\r\n", 405),
    "connect": (b"CONNECT 127.0.0.1:25 HTTP/1.0\r\n\r\n", 405),
    "nul": (get(PATH + TOKEN + b"\0"), 400),
    "nul-in-a-field": (get(PATH + TOKEN, fields=b"Host: \0\r\n"), 400),
    "bare-lf": (get(PATH + TOKEN).replace(b"\r\n", b"\n"), 400),
    "no-host": (get(PATH + TOKEN, fields=b""), 400),
    "two-hosts": (get(PATH + TOKEN, fields=b"Host: a\r\nHost: b\r\n"), 400),
    "folded": (get(PATH + TOKEN, fields=b"Host: a\r\n b\r\n"), 400),
    "http-0.9": (b"GET " + PATH + TOKEN + b"\r\n", 400),
    "tls": (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 400),
    "smtp": (b"EHLO client.example.test\r\n", 400),
    "http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "large": (get(PATH + TOKEN, fields=b"Host: x\r\nX: " + b"x" * 8192 + b"\r\n"), 431),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_whatever_else_is_asked_has_its_answer(open_, case):
    request, expected = HOSTILE[case]
    answer = open_.ask(request)
    assert status(answer) == expected
    assert SECRET.encode() not in answer


def test_a_head_of_a_mebibyte_is_cut_off(open_):
    with socket.create_connection(("127.0.0.1", open_.http), 30) as client:
        try:
            client.sendall(b"GET / HTTP/1.0\r\nX: " + b"x" * (1 << 20))
        except OSError:
            pass  # nobody reads all of that
        assert status(read_all(client)) == 431


def test_who_is_too_slow_is_told(run, fronts):
    slow = Challenges(run, fronts, "slow", handshake_timeout="1s")
    assert status(slow.ask(b"GET / HTTP/1.0\r\n")) == 408
    assert status(slow.ask(b"")) == 408


def test_many_at_once_are_all_answered(open_):
    clients = [socket.create_connection(("127.0.0.1", open_.http), 30) for _ in range(200)]
    for client in clients:
        client.sendall(get(PATH + TOKEN))
    for client in clients:
        assert read_all(client).endswith(ANSWER)
        client.close()


class Inventor:
    """Asks for names that nobody has ordered, from an address for each, until it is told to end."""

    def __init__(self, port, crowd):
        self.port, self.crowd = port, crowd
        self.asked, self.answers, self.ending = 0, set(), False
        self.failed = None
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.asked > self.crowd, "a flood")
        return self

    def __exit__(self, *_):
        self.ending = True
        self.thread.join()
        assert self.failed is None, self.failed

    def run(self):
        try:
            with selectors.DefaultSelector() as selector:
                self.flood(selector)
        except Exception as e:  # noqa: BLE001 - whatever it is, the test that reads this wants it
            self.failed = e

    def flood(self, selector):
        while not self.ending or selector.get_map():
            while not self.ending and len(selector.get_map()) < self.crowd:
                selector.register(self.ask(), selectors.EVENT_READ)
            for key, _ in selector.select(1):
                selector.unregister(key.fileobj)
                with key.fileobj:
                    self.answers.add(status(read_all(key.fileobj)))

    def ask(self):
        self.asked += 1
        client = socket.socket()
        client.bind((f"127.1.{self.asked // 250 % 250}.{self.asked % 250 + 1}", 0))
        client.connect(("127.0.0.1", self.port))
        client.sendall(get(PATH + b"invented-%d" % self.asked))
        return client


def test_a_flood_of_invented_names_delays_neither_what_was_there_nor_what_comes(run, fronts):
    these = Challenges(run, fronts, "flood")
    these.put()
    with Inventor(these.http, 400) as inventor:
        for i in range(20):
            assert these.ask(get(PATH + TOKEN)).endswith(ANSWER)
            token = b"fresh-%d" % i
            these.put(token, ANSWER)
            assert these.ask(get(PATH + token)).endswith(ANSWER)
    assert inventor.answers <= {404, 503}


def test_one_too_many_is_refused(run, fronts):
    few = Challenges(run, fronts, "few", max_connections=1)
    few.put()
    with socket.create_connection(("127.0.0.1", few.http), 30) as first:
        first.sendall(b"GET ")
        wait_until(lambda: few.front.active("http") == 1, "the first connection to count")
        assert status(few.ask(get(PATH + TOKEN))) == 503
        first.sendall(get(PATH + TOKEN)[4:])
        assert status(read_all(first)) == 200


def test_a_draining_daemon_refuses(run, fronts):
    these = Challenges(run, fronts, "drain")
    these.put()
    with socket.create_connection(("127.0.0.1", these.http), 30) as first:
        first.sendall(b"GET ")
        wait_until(lambda: these.front.active("http") == 1, "the first connection to count")
        these.front.send(signal.SIGTERM)
        these.front.wait_for_log("draining")
        wait_until(lambda: status(these.ask(get(PATH + TOKEN))) == 503, "a refusal")
        first.sendall(get(PATH + TOKEN)[4:])
        assert status(read_all(first)) == 200
    these.front.verify_end(these.front.process.wait(30))


def test_the_log_tells_what_was_asked_and_what_came_of_it(run, fronts):
    these = Challenges(run, fronts, "log", accept_proxy_from="127.0.0.0/8")
    these.put()
    proxy = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n"
    assert status(these.ask(proxy + get(PATH + TOKEN))) == 200
    line = these.front.wait_for_log("challenge", name=TOKEN.decode())
    assert (line["route"], line["client"], line["type"], line["outcome"]) == (
        "http", "192.0.2.7:4711", "http-01", "answered")
    end = these.front.wait_for_log("end", id=line["id"])
    assert (end["protocol"], end["fault"], end["end"]) == (
        "acme", "none", "the challenge was answered")
    assert status(these.ask(proxy + get(PATH + b"other"))) == 404
    assert these.front.wait_for_log("challenge", name="other")["outcome"] == "not found"
    (these.tokens / TOKEN.decode()).unlink()
    these.tokens.rmdir()
    assert status(these.ask(proxy + get(PATH + b"third"))) == 404
    assert these.front.wait_for_log("challenge", name="third")["outcome"] == \
        "the directory is not there, or no longer the one that was configured"
    shown = these.front.route_status("http")
    assert (shown["protocol"], shown["tls"], shown["upstream"], shown["certificates"]) == (
        "acme", "off", [], [])


def test_a_reload_may_move_the_folder(run, fronts):
    these = Challenges(run, fronts, "moved")
    other = these.folder / "other"
    other.mkdir()
    (other / "there").write_text("from there")
    these.front.write(acme_route("http", these.http, other))
    done = these.front.reload()
    assert done.returncode == 0, done.stdout + done.stderr
    assert these.ask(get(PATH + b"there")).endswith(b"from there")
    these.front.write(acme_route("http", these.http, these.folder / "nowhere"))
    done = these.front.reload()
    assert done.returncode == STATUS_CONFIG_WRONG and "nowhere" in done.stdout + done.stderr
    assert "mkdir -p" in done.stdout + done.stderr
    assert these.ask(get(PATH + b"there")).endswith(b"from there")


NOBODY = 65534


@pytest.fixture
def taken_over(run, fronts, request):
    """A route whose folder is, as the one above it, an unprivileged user's."""
    these = Challenges(run, fronts, request.node.name)
    for folder in (these.webroot, these.tokens.parent, these.tokens, these.certificates):
        os.chown(folder, NOBODY, NOBODY)
    assert these.front.reload().returncode == 0
    these.put()
    secret = these.folder / "root"
    secret.mkdir()
    (secret / "secret").write_text(SECRET)
    (secret / "secret").chmod(0o600)
    return these


def test_a_folder_that_is_replaced_by_a_link_is_not_followed(taken_over):
    these = taken_over
    assert status(these.ask(get(PATH + TOKEN))) == 200
    these.tokens.rename(these.tokens.parent / "old")
    these.tokens.symlink_to(these.folder / "root")
    assert SECRET.encode() not in these.ask(get(PATH + b"secret"))
    assert these.front.wait_for_log("challenge", name="secret")["outcome"] == "not found"
    # Nor at the next reload: now the folder is root's, and the way to it is not.
    done = these.front.reload()
    assert done.returncode == STATUS_CONFIG_WRONG
    assert f'user {NOBODY}, whose "{these.tokens.parent}" is' in done.stderr
    assert SECRET.encode() not in these.ask(get(PATH + b"secret"))


def test_files_of_others_are_not_told(taken_over):
    these = taken_over
    these.put(b"private", SECRET.encode())
    (these.tokens / "private").chmod(0o600)
    assert status(these.ask(get(PATH + b"private"))) == 404
    for end in ("crt", "key"):
        (these.certificates / f"{NAME}.{end}.pem").write_text("x")  # root's, in nobody's folder
    with pytest.raises(ssl.SSLError, match="unrecognized[ _]name"):
        offer(these.tls, ["acme-tls/1"])
    these.front.wait_for_log("challenge", type="tls-alpn-01",
                             outcome="the file does not belong to the directory's owner")


def test_a_folder_below_one_of_somebody_else_is_refused(run, fronts):
    these = Challenges(run, fronts, "below")
    os.chown(these.webroot, NOBODY, NOBODY)
    done = these.front.check()
    assert done.returncode == STATUS_CONFIG_WRONG
    assert f'user {NOBODY}, whose "{these.webroot}" is' in done.stderr and "cure:" in done.stderr
    os.chown(these.webroot, 0, 0)
    these.webroot.chmod(0o777)
    done = these.front.check()
    assert done.returncode == STATUS_CONFIG_WRONG
    assert f'anybody may write to "{these.webroot}"' in done.stderr
    these.webroot.chmod(0o1777)  # in such a folder nobody renames what is another's
    assert these.front.check().returncode == 0


# ---- tls-alpn-01 ------------------------------------------------------------------------------


# What an authority asks for that is to vouch for an address (RFC 8738, 6).
IPV4 = "7.2.0.192.in-addr.arpa"
IPV6 = "7" + 23 * ".0" + ".8.b.d.0.1.0.0.2.ip6.arpa"


@pytest.fixture(scope="module")
def challenged(open_):
    """A challenge certificate as ACME clients make them (RFC 8737, 3)."""
    for kind, name, of in (("ec", NAME, f"DNS:{NAME}"), ("rsa", "rsa.example.test", "DNS:rsa.example.test"),
                           ("ec", IPV4, "IP:192.0.2.7"), ("ec", IPV6, "IP:2001:db8::7")):
        key, crt = (open_.certificates / f"{name}.{end}.pem" for end in ("key", "crt"))
        make.make_key(key, kind)
        make.openssl("req", "-x509", "-key", key, "-out", crt, "-subj", "/CN=challenge",
                     "-addext", f"subjectAltName={of}", "-addext",
                     "1.3.6.1.5.5.7.1.31=critical,DER:0420" + "ab" * 32)
    return open_


def offer(port, alpn, name=NAME, version=None):
    settings = ssl.create_default_context()
    settings.check_hostname, settings.verify_mode = False, ssl.CERT_NONE
    if alpn:
        settings.set_alpn_protocols(alpn)
    if version:
        settings.minimum_version = settings.maximum_version = tls.VERSIONS[version]
    return tls.TlsClient(port, settings, sni=name)


@pytest.mark.parametrize("name", [NAME, "MAIL.Example.test", "rsa.example.test", IPV4, IPV6])
def test_an_authority_sees_the_challenge_certificate(challenged, version, name):
    with offer(challenged.tls, ["acme-tls/1"], name, version) as client:
        assert client.tls.selected_alpn_protocol() == "acme-tls/1"
        shown = ssl.DER_cert_to_PEM_cert(client.tls.getpeercert(binary_form=True))
        stored = (challenged.certificates / f"{name.lower()}.crt.pem").read_text()
        assert shown.strip() == stored.strip()
        assert client.read_all() == b""
        assert client.ended == tls.CLOSE_NOTIFY


@pytest.mark.parametrize("alpn,name,alert", [
    (["http/1.1"], NAME, "no application protocol"),
    ([], NAME, "no application protocol"),
    (["acme-tls/1", "http/1.1"], NAME, "no application protocol"),
    (["acme-tls/1"], "other.example.test", "unrecognized name"),
    (["acme-tls/1"], None, "unrecognized name")])
def test_others_get_the_alert_for_it(challenged, version, alpn, name, alert):
    with pytest.raises(ssl.SSLError, match=alert.replace(" ", "[ _]")):
        offer(challenged.tls, alpn, name, version)


def test_a_certificate_that_is_no_challenge_is_not_shown(challenged, pki):
    for name in ("plain.example.test", "wrong.example.test"):
        source = pki.mail.chain if name.startswith("plain") else \
            challenged.certificates / f"{NAME}.crt.pem"
        key = pki.mail.key if name.startswith("plain") else \
            challenged.certificates / f"{NAME}.key.pem"
        (challenged.certificates / f"{name}.crt.pem").write_bytes(source.read_bytes())
        (challenged.certificates / f"{name}.key.pem").write_bytes(key.read_bytes())
        with pytest.raises(ssl.SSLError, match="unrecognized[ _]name"):
            offer(challenged.tls, ["acme-tls/1"], name)
        assert challenged.front.wait_for_log("end", sni=name)["fault"] == "tlsfront"
    outcomes = [line["outcome"] for line in challenged.front.log("challenge", type="tls-alpn-01")]
    assert any("acmeIdentifier" in words for words in outcomes)
    assert any("is not for wrong.example.test" in words for words in outcomes)


def test_http_on_the_port_of_tls_is_turned_away(challenged):
    with socket.create_connection(("127.0.0.1", challenged.tls), 30) as client:
        client.sendall(get(PATH + TOKEN))
        assert read_all(client)[:1] == b"\x15"  # an alert
