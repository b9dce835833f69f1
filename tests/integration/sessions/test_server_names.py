"""Blocks for server names: certificate, upstream and limits by the name that a client asks for."""

import imaplib
import itertools
import ssl

import pytest

from clients import dialects, tls
from clients.observer import Metrics
from clients.plain import PlainClient
from harness.binary import own_binary
from harness.config import route, server_name
from harness.messages import message
from harness.modes import HOSTNAME, MODES
from harness.wait import wait_until
from servers.common import PASSWORD
from servers.dovecot import Dovecot
from servers.recording import Recording
from servers.toy import echo, one_line

ALL_MODES = ("implicit", *MODES)
A, B, OTHER = "a.names.test", "one.b.names.test", "mail.example.test"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def certificates(pki):
    """Blocks: the default's, and one for each name."""
    issue = pki.intermediate.issue
    return pki.mail.block() + issue("names-a", (A,)).block() + \
        issue("names-b", ("*.b.names.test",)).block()


def secure(d, client, settings, sni):
    """Upgrade; behind it only ManageSieve greets again."""
    d.ask(client, d.upgrade, d.ready)
    made = client.secure(settings, sni=sni)
    if d.protocol == "sieve":
        made.read_until(d.upstream_greeting)
    return made


def probe(d, client):
    client.send(d.probe)
    client.read_until(d.HEARD)
    if d.protocol != "ldap":
        client.read_until(b"\n")


class Stage:
    """One port for each mode, and behind it three upstreams: for A, for names of B, for others."""

    def __init__(self, fronts, run, pki, certificates, d, modes=ALL_MODES, **options):
        self.pki, self.d = pki, d
        self.default, self.a, self.b = (Recording(d.protocol) for _ in range(3))
        self.ports = {mode: run.port() for mode in modes}
        self.front = fronts.start(certificates, *(
            route(mode, port, self.default.port, protocol=d.protocol, tls=mode, hostname=HOSTNAME,
                  names=(server_name(A, self.a.port, certificate="names-a"),
                         server_name("*.b.names.test", self.b.port, certificate="names-b")),
                  **options)
            for mode, port in self.ports.items()))

    def connect(self, mode, sni, say_in_clear=False):
        """Inside TLS; the certificate has to be one for that name."""
        settings = tls.context(self.pki)
        if mode == "implicit":
            client = tls.TlsClient(self.ports[mode], settings, sni=sni)
            self.d.greet(client, "optional")
            return client
        client = PlainClient(self.ports[mode])
        self.d.greet(client, mode)
        if say_in_clear:
            probe(self.d, client)
        return secure(self.d, client, settings, sni)

    def heard(self, count):
        """What each of so many connections has said; the last may not have been taken yet."""
        all_of_them = (self.default, self.a, self.b)
        wait_until(lambda: sum(len(one.heard) for one in all_of_them) >= count, "the connections")
        for one in all_of_them:
            one.wait_empty()
        return [one.heard for one in all_of_them]

    def close(self):
        for one in (self.default, self.a, self.b):
            one.close()
        self.front.terminate()


@pytest.fixture(params=dialects.ALL, ids=lambda one: one.protocol)
def stage(request, fronts, run, pki, certificates):
    made = Stage(fronts, run, pki, certificates, request.param)
    yield made
    made.close()


# ---- where one is sent --------------------------------------------------------------------------

def test_the_name_leads_to_its_server_in_all_modes(stage):
    d = stage.d
    clear = {"implicit": [], "required": [], "optional": [b""]}
    for mode in ALL_MODES:
        for sni, place in ((A, 1), (B, 2), ("A.Names.TEST", 1), (OTHER, 0)):
            for one in (stage.default, stage.a, stage.b):
                one.forget()
            with stage.connect(mode, sni) as client:
                probe(d, client)
            expected = [list(clear[mode]), [], []]
            expected[place].append(d.probe)
            assert stage.heard(sum(map(len, expected))) == expected, (mode, sni)


def test_what_is_said_in_clear_goes_to_the_default(stage):
    """No name is known before TLS; and nothing said then outlives the upgrade."""
    with stage.connect("optional", A, say_in_clear=True) as client:
        probe(stage.d, client)
    assert stage.heard(2) == [[stage.d.probe], [stage.d.probe], []]


def test_the_log_tells_the_block_beside_the_name(stage):
    for mode, event in (("implicit", "open"), ("required", "open"), ("optional", "upgraded")):
        with stage.connect(mode, B) as client:
            probe(stage.d, client)
        line = stage.front.wait_for_log(event, route=mode, sni=B)
        assert line["server-name"] == "*.b.names.test"
        assert line["upstream"] == f"127.0.0.1:{stage.b.port}"
        end = stage.front.wait_for_log("end", route=mode, sni=B)
        assert end["server-name"] == "*.b.names.test"
    with stage.connect("implicit", OTHER) as client:
        probe(stage.d, client)
    assert "server-name" not in stage.front.wait_for_log("open", sni=OTHER)


# ---- real servers -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def second_dovecot(run):
    return Dovecot(run, "dovecot-names")


class Imap(imaplib.IMAP4):
    """On TLS from the beginning or behind STARTTLS, by a name of our choice."""

    def __init__(self, port, settings, sni, implicit):
        self.settings, self.sni, self.implicit = settings, sni, implicit
        super().__init__("127.0.0.1", port)
        if not implicit:
            assert self._simple_command("STARTTLS")[0] == "OK"
            self._wrap()
            self._tls_established = True
            self._get_capabilities()

    def _wrap(self):
        self.sock = self.settings.wrap_socket(self.sock, server_hostname=self.sni)
        self.file = self.sock.makefile("rb")

    def open(self, host="", port=143, timeout=None):
        super().open(host, port, timeout)
        if self.implicit:
            self.file.close()
            self._wrap()


@pytest.mark.parametrize("mode", ALL_MODES)
def test_two_dovecots_behind_one_port(fronts, run, pki, certificates, dovecot, second_dovecot, mode):
    """The same user has another mailbox under each name."""
    user, ports = dovecot.new_mailbox(), {name: run.port() for name in ("imap", "pop3")}
    dovecot.deliver(user, message("of the first"))
    second_dovecot.deliver(user, message("of the second"))
    front = fronts.start(certificates, *(
        route(name, port, getattr(dovecot, name), protocol=name, tls=mode,
              names=(server_name(A, getattr(second_dovecot, name), certificate="names-a"),))
        for name, port in ports.items()))
    for sni, subject in ((OTHER, b"of the first"), (A, b"of the second")):
        settings = tls.context(pki)
        with Imap(ports["imap"], settings, sni, mode == "implicit") as client:
            client.login(user, PASSWORD)
            client.select("INBOX")
            text = client.fetch("1", "(BODY.PEEK[])")[1][0][1]
            assert subject in text
        if mode == "implicit":
            with tls.TlsClient(ports["pop3"], settings, sni=sni) as client:
                client.read_until(b"\r\n")
                assert pop3_subject(client, user, subject)
        else:
            with PlainClient(ports["pop3"]) as client:
                client.read_until(b"\r\n")
                client.command(b"STLS")
                with client.secure(settings, sni=sni) as inside:
                    assert pop3_subject(inside, user, subject)
    front.terminate()


def pop3_subject(client, user, subject):
    assert client.command(b"USER " + user.encode()).startswith(b"+OK")
    assert client.command(b"PASS " + PASSWORD.encode()).startswith(b"+OK")
    text = client.command(b"TOP 1 0", b"\r\n.\r\n")
    client.command(b"QUIT")
    return subject in text


def test_postfix_for_one_name_and_another_server_for_the_rest(fronts, run, pki, certificates,
                                                              postfix):
    port, rest = run.port(), Recording("smtp")
    front = fronts.start(certificates, route(
        "mx", port, rest.port, protocol="smtp", tls="optional",
        names=(server_name(A, postfix.xclient, certificate="names-a", xclient="on"),)))
    with PlainClient(port) as client:
        client.read_until(b"220 upstream.test ESMTP\r\n")
        client.command(b"EHLO client.test", b"250 STARTTLS\r\n")
        client.command(b"STARTTLS")
        with client.secure(tls.context(pki), sni=A) as inside:
            inside.command(b"EHLO client.test", b"250 CHUNKING\r\n")
            assert inside.command(b"QUIT").startswith(b"221")
    wait_until(lambda: "connect from " in postfix.log.read_text(), "postfix's log")
    rest.close()
    front.terminate()


# ---- certificates -------------------------------------------------------------------------------

def subject_of(port, settings, sni):
    with tls.TlsClient(port, settings, sni=sni) as client:
        return {name for _, name in client.tls.getpeercert()["subjectAltName"]}


def test_a_block_without_a_certificate_has_the_routes(fronts, run, pki, certificates, toys):
    port, first, second = run.port(), toys(echo), toys(one_line)
    front = fronts.start(certificates, route(
        "r", port, first.port, certificate=("mail", "names-a"),
        names=(server_name(A, second.port), server_name("news.example.test", max_connections=9))))
    assert [one["certificates"] for one in names_of(front).values()] == [[], []]
    settings = tls.context(pki, hostname=False)
    assert subject_of(port, settings, A) == {A}  # the route's list knows it
    assert A not in subject_of(port, settings, "news.example.test")
    with tls.TlsClient(port, settings, sni=A) as client:
        client.send(b"line\n")
        assert client.read_all() == b"line\n"  # the second ends behind it
    front.terminate()


def test_strict_sni_goes_by_the_names_of_blocks_too(fronts, run, pki, certificates, toys):
    port = run.port()
    front = fronts.start(certificates, route(
        "r", port, toys(echo).port, strict_sni="on",
        names=(server_name("uncovered.names.test"), server_name("*.b.names.test",
                                                                 certificate="names-b"))))
    settings = tls.context(pki, hostname=False)
    for sni in ("uncovered.names.test", B, OTHER, "UNCOVERED.names.test"):
        with tls.TlsClient(port, settings, sni=sni) as client:
            assert tls.says(client)
    for sni in ("unknown.names.test", "two.one.b.names.test"):
        with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
            tls.TlsClient(port, settings, sni=sni)
    front.terminate()


def test_a_session_is_resumed_to_its_own_server(fronts, run, pki, certificates, toys, version):
    port, first, second = run.port(), toys(echo), toys(echo)
    front = fronts.start(certificates, route(
        "r", port, first.port, names=(server_name(A, second.port, certificate="names-a"),)))
    settings = tls.context(pki, version)
    with tls.TlsClient(port, settings, sni=A) as client:
        assert tls.says(client)
        session = client.tls.session
    with tls.TlsClient(port, settings, sni=A, session=session) as client:
        assert tls.says(client)
        assert client.tls.session_reused
    assert (first.accepted, second.accepted) == (0, 2)
    front.terminate()


# ---- limits, counters ---------------------------------------------------------------------------

def names_of(front, name="r"):
    return {one["name"]: one for one in front.route_status(name)["server_names"]}


def test_a_limit_of_a_name_is_that_names_alone(fronts, run, pki, certificates, toys):
    port, at = run.port(), run.port()
    front = fronts.start(certificates, route(
        "r", port, toys(echo).port,
        names=(server_name(A, certificate="names-a", max_connections=1),)),
        observe=[f"127.0.0.1:{at}"])
    settings = tls.context(pki)
    with tls.TlsClient(port, settings, sni=A) as first:
        assert tls.says(first)
        with tls.TlsClient(port, settings, sni=A) as second:
            assert second.read_all() == b""
        with tls.TlsClient(port, settings) as other:
            assert tls.says(other)
        end = front.wait_for_log("end", sni=A)
        assert (end["server-name"], end["end"]) == (A, "refused: too many connections")
        assert names_of(front)[A]["connections"] == {"active": 1, "accepted": 2, "refused": 1}
    wait_until(lambda: front.active("r") == 0, "the sessions to end")
    with tls.TlsClient(port, settings, sni=A) as again:
        assert tls.says(again)
    one = Metrics(at)
    labels = {"route": "r", "server_name": A}
    assert one.get("tlsfront_server_name_connections_total", **labels) == 3
    assert one.get("tlsfront_server_name_connections_refused_total", **labels) == 1
    assert one.get("tlsfront_server_name_received_bytes_total", **labels) > 0
    assert one.get("tlsfront_server_name_sent_bytes_total", **labels) > 0
    front.terminate()


def test_a_server_that_is_down_is_so_for_its_name(fronts, run, pki, certificates):
    d, gone, at = dialects.IMAP, run.port(), run.port()
    port, served = run.port(), Recording("imap")
    front = fronts.start(certificates, route(
        "r", port, served.port, protocol="imap",
        names=(server_name(A, gone, certificate="names-a"),)), observe=[f"127.0.0.1:{at}"])
    with tls.TlsClient(port, tls.context(pki), sni=A) as client:
        assert client.read_all().startswith(d.unavailable)
    line = front.wait_for_log("upstream-failed")
    assert (line["server-name"], line["upstream"]) == (A, f"127.0.0.1:{gone}")
    with tls.TlsClient(port, tls.context(pki)) as client:
        d.greet(client, "optional")
    one = Metrics(at)
    down = {"route": "r", "server_name": A, "upstream": f"127.0.0.1:{gone}"}
    assert one.get("tlsfront_upstream_up", **down) == 0
    assert one.get("tlsfront_upstream_failures_total", **down, reason="refused") == 1
    assert one.get("tlsfront_upstream_up", route="r", upstream=f"127.0.0.1:{served.port}") == 1
    assert names_of(front)[A]["upstream_failures"] == 1
    text = front.command("status", "-c", front.file).stdout
    assert any(line.split()[:3] == ["r", A, "0"] for line in text.splitlines()), text
    served.close()
    front.terminate()


# ---- reload, upgrade ----------------------------------------------------------------------------

def test_a_reload_keeps_sessions_and_counters_and_moves_newcomers(fronts, run, pki, certificates,
                                                                  toys):
    port, first, second = run.port(), toys(echo), toys(echo)

    def blocks(upstream, *more):
        return certificates, route("r", port, first.port, names=(
            server_name(A, upstream, certificate="names-a"), *more))

    front = fronts.start(*blocks(first.port))
    with tls.TlsClient(port, tls.context(pki), sni=A) as before:
        assert tls.says(before)
        front.write(*blocks(second.port, server_name("*.b.names.test", certificate="names-b")))
        done = front.reload()
        assert done.returncode == 0, done.stderr
        assert f"server-name {A}: new upstream 127.0.0.1:{second.port}" in done.stdout
        assert "server-name *.b.names.test: new" in done.stdout
        assert tls.says(before)
        with tls.TlsClient(port, tls.context(pki), sni=A) as after:
            assert tls.says(after)
            assert second.accepted == 1
        assert names_of(front)[A]["connections"]["accepted"] == 2
        front.write(certificates, route("r", port, first.port))
        assert f"server-name {A}: removed" in front.reload().stdout
        assert tls.says(before)
    front.terminate()


def test_a_session_of_a_name_that_is_gone_takes_nothing_from_another(fronts, run, pki, certificates,
                                                                     toys):
    """As many names as there may be are replaced by others, which count where those did."""
    port, upstream = run.port(), toys(echo).port

    def blocks(letter, count):
        return certificates, route("r", port, upstream, certificate=("names-b",), names=[
            server_name(f"{letter}{i}.b.names.test", max_connections=1) for i in range(count)])

    front = fronts.start(*blocks("x", 4096))
    settings = tls.context(pki)
    with tls.TlsClient(port, settings, sni="x0.b.names.test") as before:
        assert tls.says(before)
        front.write(*blocks("y", 4096))
        done = front.reload()
        assert done.returncode == 1
        assert "too many names since the start" in done.stderr
        front.write(*blocks("y", 4095))
        done = front.reload()
        assert done.returncode == 0, done.stderr
        assert tls.says(before)
    wait_until(lambda: front.active("r") == 0, "the session to end")
    for number in range(2):
        with tls.TlsClient(port, settings, sni="y0.b.names.test") as client:
            assert tls.says(client), number
        wait_until(lambda: front.active("r") == 0, "the session to end")
    front.terminate()


def test_counters_of_names_outlive_an_upgrade(run, binary, pki, certificates, toys):
    mine, fronts = own_binary(run, binary, f"names-upgrade-{next(NUMBERS)}")
    port, second = run.port(), toys(echo)
    front = fronts.start(certificates, route(
        "r", port, toys(echo).port, names=(server_name(A, second.port, certificate="names-a"),)))
    with tls.TlsClient(port, tls.context(pki), sni=A) as before:
        assert tls.says(before)
        done = mine.upgrade(front)
        assert done.returncode == 0, done.stderr
        assert tls.says(before)
        assert names_of(front)[A]["connections"]["accepted"] == 1
        with tls.TlsClient(port, tls.context(pki), sni=A) as after:
            assert tls.says(after)
    assert second.accepted == 2
    assert names_of(front)[A]["connections"]["accepted"] == 2
    fronts.finish()


# ---- what the server learns ---------------------------------------------------------------------

def headers_of(toys):
    """A server that notes a PROXY header of version 2, and echoes."""
    seen = []

    def serve(connection):
        head = connection.recv(16, 0x100)  # MSG_WAITALL
        seen.append(connection.recv(int.from_bytes(head[14:16], "big"), 0x100))
        echo(connection)

    return toys(serve), seen


def authority(body):
    """The TLV PP2_TYPE_AUTHORITY behind two IPv4 addresses and ports."""
    rest = body[12:]
    while rest:
        size = int.from_bytes(rest[1:3], "big")
        if rest[0] == 2:
            return rest[3:3 + size]
        rest = rest[3 + size:]
    return None


def test_the_proxy_header_has_the_name_as_the_client_said_it(fronts, run, pki, certificates, toys):
    port, (server, seen) = run.port(), headers_of(toys)
    plain = toys(echo)
    front = fronts.start(certificates, route(
        "r", port, plain.port,
        names=(server_name("*.b.names.test", server.port, certificate="names-b", send_proxy="v2"),)))
    with tls.TlsClient(port, tls.context(pki), sni="One.B.names.test") as client:
        assert tls.says(client)
    assert [authority(one) for one in seen] == [b"One.B.names.test"]
    with tls.TlsClient(port, tls.context(pki)) as client:  # the route sends none
        assert tls.says(client)
    front.terminate()


# ---- check --------------------------------------------------------------------------------------

def test_check_shows_the_names_and_finds_what_is_wrong_with_them(fronts, run, certificates):
    port = run.port()
    front = fronts.new(certificates, route(
        "r", port, 1, protocol="pop3",
        names=(server_name(A, 2, certificate="names-a"), server_name("*.b.names.test", 3),
               server_name("c.names.test", certificate="names-a"))))
    done = front.check()
    assert done.returncode == 0, done.stderr
    rows = [line.split("  ") for line in done.stdout.splitlines()]
    assert any(A in row[1] and "127.0.0.1:2" in row[-1] for row in rows if len(row) > 1), done.stdout
    assert "(the route's)" in done.stdout
    assert "server-name *.b.names.test: none of the route's certificates covers that name" in done.stderr
    assert "server-name c.names.test: none of its certificates covers that name" in done.stderr
    assert f"server-name {A}" not in done.stderr


def test_check_looks_up_the_servers_of_names(fronts, run, certificates):
    front = fronts.new(certificates, route("r", run.port(), 1, protocol="pop3", names=(
        server_name(A, "no-such.invalid:110", certificate="names-a"),)))
    assert f'route r: server-name {A}: upstream "no-such.invalid:110" has no address: ' in \
        front.check().stderr


def test_hundreds_of_names_are_served(fronts, run, pki, toys):
    """One certificate with a wildcard, and a server for each of many names."""
    many, port = 600, run.port()
    servers = [toys(echo) for _ in range(3)]
    wild = pki.intermediate.issue("names-many", ("*.many.test",)).block()
    front = fronts.start(pki.mail.block(), wild, route(
        "r", port, servers[0].port, names=[
            server_name(f"n{n}.many.test", servers[1 + n % 2].port, certificate="names-many")
            for n in range(many)]))
    for n in (0, 1, 299, 598, 599):
        with tls.TlsClient(port, tls.context(pki), sni=f"n{n}.many.test") as client:
            assert tls.says(client)
        assert names_of(front)[f"n{n}.many.test"]["connections"]["accepted"] == 1
    with tls.TlsClient(port, tls.context(pki, hostname=False), sni="n600.many.test") as client:
        assert tls.says(client)
    assert [one.accepted for one in servers] == [1, 2, 3]
    front.terminate()
