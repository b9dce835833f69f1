"""Upstreams that misbehave around the upgrade: refusals where no greeting may be, lines without
end, replies that nobody asked for. The client reads its own protocol, and the session ends."""

import pytest

from clients import dialects, ldap, tls
from clients.plain import PlainClient
from harness.config import route
from harness.modes import HOSTNAME, MODES
from harness.scene import Scene, Stage
from servers.recording import Recording
from servers.toy import Toy, silent

# What a server may greet with instead of a welcome.
REFUSALS = {"smtp": (b"421 4.3.2 closing\r\n", b"554 5.7.1 go away\r\n",
                     b"554-5.7.1 go\r\n554 5.7.1 away\r\n"),
            "pop3": (b"-ERR [IN-USE] go away\r\n",),
            "imap": (b"* BYE go away\r\n", b"* PREAUTH welcome\r\n"),
            "nntp": (b"400 later\r\n", b"502 never\r\n"),
            "sieve": (b'BYE "go away"\r\n', b'NO "go away"\r\n')}
CASES = [(d, mode, refusal) for d in dialects.LINES for refusal in REFUSALS[d.protocol]
         for mode in MODES]
ALL_MODES = (*MODES, "implicit")


@pytest.mark.parametrize("d,mode,refusal", CASES,
                         ids=[f"{d.protocol}-{mode}-{r.split()[0].decode()}-{r.split()[1].decode()}"
                              for d, mode, r in CASES])
def test_a_refusal_behind_the_upgrade_is_told_in_the_protocol(fronts, run, pki, d, mode, refusal):
    """There is no greeting behind the upgrade, so it cannot be passed on as one."""
    first = [] if mode == "required" else [None]
    stage = Stage(fronts, run, pki, [d], [mode],
                  make=lambda protocol: Recording(protocol, greetings=(*first, refusal)))
    scene = stage.scene(d, mode)
    with scene.connect() as client:
        d.ask(client, d.upgrade, d.ready)
        with client.secure(tls.context(pki)) as secure:
            answer = secure.read_all()
            assert answer.startswith(d.unavailable) and answer.count(b"\n") == 1, answer
            assert secure.ended == tls.CLOSE_NOTIFY
    stage.close()
    stage.front.terminate()


IN_CLEAR = [(d, refusal) for d in dialects.LINES for refusal in REFUSALS[d.protocol]
            if b"PREAUTH" not in refusal]


@pytest.mark.parametrize("d,refusal", IN_CLEAR, ids=[
    f"{d.protocol}-{r.split()[0].decode()}-{r.split()[1].decode()}" for d, r in IN_CLEAR])
def test_a_refusal_as_greeting_reaches_the_client_as_it_is(fronts, run, pki, d, refusal):
    """In clear and on implicit TLS there is a greeting."""
    stage = Stage(fronts, run, pki, [d], ["optional", "implicit"],
                  make=lambda protocol: Recording(protocol, greetings=(refusal,)))
    with connect_to(stage, d, "optional", pki) as client:
        assert client.read_exactly(len(refusal)) == refusal
    with connect_to(stage, d, "implicit", pki) as client:
        assert client.read_exactly(len(refusal)) == refusal
    stage.close()
    stage.front.terminate()


def connect_to(stage, d, mode, pki):
    port = stage.ports[d.protocol, mode]
    return tls.TlsClient(port, tls.context(pki)) if mode == "implicit" else PlainClient(port)


# ---- toys that say one thing ---------------------------------------------------------------------


class Floor:
    """A daemon before one upstream, in all modes."""

    def __init__(self, fronts, run, pki, d, handler, **options):
        self.pki, self.d, self.toy = pki, d, Toy(handler)
        self.ports = {mode: run.port() for mode in ALL_MODES}
        self.front = fronts.start(pki.mail.block(), *(
            route(f"{d.protocol}-{mode}", port, self.toy.port, protocol=d.protocol, tls=mode,
                  hostname=HOSTNAME, **options) for mode, port in self.ports.items()))

    def connect(self, mode):
        """At the point where the upstream has been dialled and nothing of it was read."""
        if mode == "implicit":
            return tls.TlsClient(self.ports[mode], tls.context(self.pki))
        client = PlainClient(self.ports[mode])
        if mode == "optional":
            return client
        self.d.greet(client, mode)
        self.d.ask(client, self.d.upgrade, self.d.ready)
        return client.secure(tls.context(self.pki))

    def close(self):
        self.toy.wait_empty()  # the daemon has let go of it
        self.toy.close()
        self.front.terminate()


@pytest.fixture(params=dialects.LINES, ids=lambda one: one.protocol)
def d(request):
    return request.param


GREETINGS = {one: Recording.greeting_of(one) for one in ("smtp", "pop3", "imap", "nntp", "sieve")}
STARTS = {"smtp": b"220-", "pop3": b"+OK ", "imap": b"* OK ", "nntp": b"200 ",
          "sieve": b'"SIEVE" "'}


def endless(start):
    """A line without end, as long as somebody reads."""
    def handler(connection):
        connection.sendall(start)
        for _ in range(4096):
            connection.sendall(b"x" * 65536)
        raise AssertionError("256 MiB were read of one line")
    return handler


def test_a_greeting_without_end_is_bounded(fronts, run, pki, d):
    floor = Floor(fronts, run, pki, d, endless(STARTS[d.protocol]))
    for mode in MODES:
        with floor.connect(mode) as client:
            answer = client.read_all()
            assert answer.startswith(d.unavailable) and answer.count(b"\n") == 1, answer[:200]
    floor.close()


# The beginning of a greeting.
HALVES = STARTS | {"smtp": b"220-one moment\r\n220 st"}


def closing(start):
    return lambda connection: connection.sendall(start)


def stalling(start):
    def handler(connection):
        connection.sendall(start)
        silent(connection)
    return handler


@pytest.mark.parametrize("then", [closing, stalling])
def test_one_that_stops_within_its_greeting_is_passed_over(fronts, run, pki, d, then):
    """Nothing of it has reached the client."""
    first, second = Toy(then(HALVES[d.protocol])), Recording(d.protocol)
    ports = {mode: run.port() for mode in ALL_MODES}
    patience = {"greeting_timeout": "3s"} if then is stalling else {}
    front = fronts.start(pki.mail.block(), *(
        route(mode, port, [first.port, second.port], protocol=d.protocol, tls=mode,
              hostname=HOSTNAME, **patience) for mode, port in ports.items()))
    with tls.TlsClient(ports["implicit"], tls.context(pki)) as client:
        d.greet(client, "optional")
    with PlainClient(ports["optional"]) as client:
        d.greet(client, "optional")
    with PlainClient(ports["required"]) as client:
        d.greet(client, "required")
        with d.begin(client, tls.context(pki)) as secure:
            secure.send(d.probe)
            secure.read_until(d.HEARD)
    why = "no greeting in time" if then is stalling else "closed without a greeting"
    assert front.wait_for_log("upstream-failed")["why"] == why
    front.terminate()
    first.close()
    second.close()


CAPABILITIES = {"smtp": (b"EHLO x\r\n", b"250-x\r\n250-"), "pop3": (b"CAPA\r\n", b"+OK\r\n"),
                "imap": (b"a CAPABILITY\r\n", b"* CAPABILITY "),
                "nntp": (b"CAPABILITIES\r\n", b"101 list\r\n"),
                "sieve": (b"CAPABILITY\r\n", b'"SIEVE" "')}


def test_a_capability_without_end_is_bounded(fronts, run, pki, d):
    command, start = CAPABILITIES[d.protocol]

    def handler(connection):
        connection.sendall(GREETINGS[d.protocol])
        connection.recv(1000)
        endless(start)(connection)

    floor = Floor(fronts, run, pki, d, handler)
    with floor.connect("optional") as client:
        d.greet(client, "optional")
        client.send(command)
        answer = client.read_all()
        assert answer.splitlines()[-1].startswith(d.unavailable.rstrip()), answer[-200:]
    floor.close()


def test_inside_tls_one_without_end_passes(fronts, run, pki, d):
    """Nothing grows with it: the front keeps as much as a line may have, and no more."""
    command, start = CAPABILITIES[d.protocol]

    def handler(connection):
        connection.sendall(GREETINGS[d.protocol])
        connection.recv(1000)
        connection.sendall(start + b"x" * (4 << 20))

    floor = Floor(fronts, run, pki, d, handler)
    with floor.connect("implicit") as client:
        d.greet(client, "optional")
        client.send(command)
        answer = client.read_all()
        assert answer.endswith(start + b"x" * (4 << 20)), (len(answer), answer[:200])
    floor.close()


def test_a_list_of_capabilities_without_end_is_passed_or_bounded(fronts, run, pki, d):
    """Nothing grows with it: tlsfront keeps no list."""
    command, start = CAPABILITIES[d.protocol]
    line = {"smtp": b"250-STARTTLS\r\n", "imap": b"* CAPABILITY STARTTLS\r\n",
            "sieve": b'"STARTTLS"\r\n', "pop3": b"STLS\r\n", "nntp": b"STARTTLS\r\n"}[d.protocol]
    total = 4 << 20

    def handler(connection):
        connection.sendall(GREETINGS[d.protocol])
        connection.recv(1000)
        connection.sendall(start if start.endswith(b"\r\n") else b"")
        for _ in range(total // len(line) // 1000):
            connection.sendall(line * 1000)

    floor = Floor(fronts, run, pki, d, handler)
    with floor.connect("optional") as client:
        d.greet(client, "optional")
        client.send(command)
        answer = client.read_all()
        if d.protocol != "imap":  # there each line is a whole list, and ours is in each
            assert answer.count(line.strip()) <= 1
    floor.close()


UNASKED = {"smtp": b"250 STARTTLS\r\n", "pop3": b"+OK STLS\r\n", "nntp": b"101 list\r\n",
           "sieve": b'OK "again"\r\n', "imap": b"a OK [CAPABILITY STARTTLS] welcome\r\n"}


def test_a_reply_pipelined_behind_the_greeting_ends_the_session_in_clear(fronts, run, pki, d):
    """It could be taken for the answer to the next command, STARTTLS perhaps."""
    def handler(connection):
        connection.sendall(GREETINGS[d.protocol] + UNASKED[d.protocol])
        while connection.recv(1000):
            pass

    floor = Floor(fronts, run, pki, d, handler)
    with floor.connect("optional") as client:
        answer = client.read_all()
        assert UNASKED[d.protocol] not in answer
        assert answer.splitlines()[-1].startswith(d.unavailable.rstrip()), answer
    floor.close()


def test_an_upstream_of_another_protocol_is_told_as_unavailable(fronts, run, pki, d):
    floor = Floor(fronts, run, pki, d, lambda connection: connection.sendall(
        b"SSH-2.0-OpenSSH_9.2\r\n") or connection.recv(1000))
    for mode in MODES:
        with floor.connect(mode) as client:
            answer = client.read_all()
            assert answer.startswith(d.unavailable) and answer.count(b"\n") == 1, answer
    floor.close()


def test_an_ldap_upstream_that_speaks_something_else_is_at_fault(fronts, run, pki):
    floor = Floor(fronts, run, pki, dialects.LDAP, lambda connection: connection.sendall(
        b"SSH-2.0-OpenSSH_9.2\r\n") or connection.recv(1000))
    with floor.connect("optional") as client:
        number, operation, content, rest = ldap.take_message(client.read_all())
        assert (number, operation, rest) == (0, ldap.EXTENDED, b"")
        assert ldap.NOTICE in content
    end = floor.front.wait_for_log("upstream-failed", route="ldap-optional")
    assert "not of the protocol: SSH-2.0" in end["why"]
    with floor.connect("implicit") as client: # it is between the two of them
        assert client.read_until(b"\n") == b"SSH-2.0-OpenSSH_9.2\r\n"
    floor.close()


def test_no_upstream_is_told_in_the_protocol(fronts, run, pki, d):
    port, ports = run.port(), {mode: run.port() for mode in MODES}
    front = fronts.start(pki.mail.block(), *(
        route(f"{d.protocol}-{mode}", ports[mode], port, protocol=d.protocol, tls=mode,
              hostname=HOSTNAME) for mode in MODES))
    scene = Scene(front, pki, d, "required", ports["required"], None)
    with scene.connect() as client:
        d.ask(client, d.upgrade, d.ready)
        with client.secure(tls.context(pki)) as secure:
            assert secure.read_all().startswith(d.unavailable)
    with PlainClient(ports["optional"]) as client:
        assert client.read_all().startswith(d.unavailable)
    front.terminate()


def test_the_greeting_in_single_bytes(fronts, run, pki, d):
    """And all the answers."""
    class Slow:
        def __init__(self, connection):
            self.recv, self.inner = connection.recv, connection

        def sendall(self, data):
            for byte in data:
                self.inner.sendall(bytes([byte]))

    class SlowRecording(Recording):
        def _record(self, connection):
            self.dialogue().serve(Slow(connection), self.note(), None)

    stage = Stage(fronts, run, pki, [d], make=SlowRecording)
    for mode in MODES:
        scene = stage.scene(d, mode)
        with scene.connect() as client:
            if mode == "optional":
                scene.probe(client)
            with scene.begin(client) as secure:
                scene.probe(secure)
                scene.ask(secure, d.upgrade, d.again_refused)
    stage.close()
    stage.front.terminate()
