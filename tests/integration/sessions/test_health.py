"""health-check: servers are visited, and one that is down is nobody's first try."""

import os
import signal
import threading

import pytest

from clients import announce, tls
from clients.observer import Metrics
from clients.plain import PlainClient
from harness.config import route
from harness.wait import wait_until
from servers import toy

OFTEN = "1s"


def own_ends(connection):
    """A header of version 1 that names the connection itself."""
    (host, port), (here, at) = connection.getpeername()[:2], connection.getsockname()[:2]
    return announce.v1(host, here, (port, at))


class Patient:
    """A POP3 server that is well, greets badly, or says nothing, as it is told; refuses() ends it."""

    def __init__(self, name, where=("127.0.0.1", 0)):
        self.name, self.where, self.mood = name, where, "well"
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.heard = []  # what each connection said, as far as it has ended
        self.recovers()

    def recovers(self):
        self.mood = "well"
        self.toy = toy.Toy(self._serve, self.where)
        if self.toy.port is not None:
            self.where = ("127.0.0.1", self.toy.port)

    def refuses(self):
        self.toy.close()
        if not isinstance(self.where, tuple):
            os.unlink(self.where)

    @property
    def upstream(self):
        return f"127.0.0.1:{self.toy.port}" if isinstance(self.where, tuple) else f"unix:{self.where}"

    def _serve(self, connection):
        lines = connection.makefile("rb")
        mood = self.mood
        if mood == "ill for itself":
            # A header of version 1 tells visits from sessions.
            mood = "bad" if lines.readline() == own_ends(connection) else "well"
        if mood == "well":
            connection.sendall(b"+OK " + self.name + b"\r\n")
        elif mood == "bad":
            connection.sendall(b"-ERR [SYS/TEMP] " + self.name + b" is ill\r\n")
        said = b""
        while line := lines.readline():
            said += line
            if mood != "silent":
                connection.sendall(b"+OK " + line)
            if line.strip().upper() == b"QUIT":
                break
        with self.lock:
            self.heard.append(said)

    def close(self):
        self.toy.close()


@pytest.fixture
def patients():
    made = []

    def make(name, *where):
        made.append(Patient(name, *where))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def serve(fronts, run, pki):
    def start(*patients, **options):
        port = run.port()
        options = {"health_check": OFTEN} | options
        front = fronts.start(pki.mail.block(),
                             route("sick", port, [one.upstream for one in patients],
                                   protocol="pop3", **options), workers=2)
        front.port = port
        return front
    return start


def greeting(front, pki):
    with PlainClient(front.port).secure(tls.context(pki)) as client:
        return client.read_until(b"\r\n").split()[1]


def states(front, name="sick"):
    return {one["upstream"]: one["state"] for one in front.route_status(name)["upstreams"]}


def wait_for_state(front, patient, state):
    wait_until(lambda: states(front)[patient.upstream] == state, f"{patient.name} to be {state}")


REASONS = {"bad": "it greets badly: -ERR [SYS/TEMP] first is ill", "silent": "no greeting in time",
           "refuses": "connection refused"}


@pytest.mark.parametrize("trouble", REASONS)
def test_one_that_is_down_is_passed_over_and_back_after_a_visit(serve, pki, patients, trouble):
    first, second = patients(b"first"), patients(b"second")
    front = serve(first, second)
    wait_for_state(front, first, "up")
    assert greeting(front, pki) == b"first"
    if trouble == "refuses":
        first.refuses()
    else:
        first.mood = trouble
    wait_for_state(front, first, "down")
    assert states(front)[second.upstream] == "up"
    down = front.wait_for_log("upstream-down", level="warn")
    assert (down["route"], down["upstream"]) == ("sick", first.upstream)
    assert down["why"] == REASONS[trouble]
    failures = front.route_status("sick")["upstream_failures"]
    assert [greeting(front, pki) for _ in range(6)] == [b"second"] * 6
    assert front.route_status("sick")["upstream_failures"] == failures  # nobody has tried it
    if trouble == "refuses":
        first.recovers()
    else:
        first.mood = "well"
    wait_for_state(front, first, "up")
    assert front.wait_for_log("upstream-up", level="info")["upstream"] == first.upstream
    assert greeting(front, pki) == b"first"
    assert len(front.log("upstream-down")) == 1  # said once


def test_when_all_are_down_all_are_tried(serve, pki, patients):
    first, second = patients(b"first"), patients(b"second")
    first.mood = second.mood = "ill for itself"
    front = serve(first, second, send_proxy="v1")
    wait_for_state(front, first, "down")
    wait_for_state(front, second, "down")
    assert greeting(front, pki) == b"first"


def test_visits_are_polite_and_one_worker_makes_them(serve, pki, patients):
    only = patients(b"only")
    front = serve(only)
    wait_until(lambda: len(only.heard) >= 5, "five visits")
    assert set(only.heard) == {b"QUIT\r\n"}
    os.kill(front.workers()[0], signal.SIGKILL)  # one of them; a successor goes on
    wait_until(lambda: len(front.workers()) == 2, "a successor")
    seen = len(only.heard)
    wait_until(lambda: len(only.heard) >= seen + 3, "more visits")
    front.terminate()
    only.toy.wait_empty()


def test_one_upstream_on_a_unix_socket_is_visited_too(serve, pki, patients, run):
    path = run.make_folder("health-unix") / "socket"
    only, other = patients(b"only", str(path)), patients(b"other")
    front = serve(only, other)
    wait_for_state(front, only, "up")
    only.refuses()
    wait_for_state(front, only, "down")
    assert greeting(front, pki) == b"other"
    only.recovers()
    wait_for_state(front, only, "up")
    assert greeting(front, pki) == b"only"


def test_a_reload_begins_and_ends_visits(serve, pki, patients, run):
    first = patients(b"first")
    front = serve(first, health_check=None)
    assert states(front) == {first.upstream: "untried"}
    block = route("sick", front.port, first.upstream, protocol="pop3", health_check=OFTEN)
    front.write(pki.mail.block(), block)
    assert front.reload().returncode == 0
    wait_for_state(front, first, "up")
    for _ in range(3):
        assert front.reload().returncode == 0
    first.refuses()
    wait_for_state(front, first, "down")
    assert front.reload().returncode == 0
    assert states(front) == {first.upstream: "down"}  # what was found stands
    front.write(pki.mail.block(), block.replace("health-check", "# health-check"))
    assert front.reload().returncode == 0
    wait_for_state(front, first, "untried")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_visit_speaks_for_itself(fronts, run, pki, toys, version, host):
    """Version 1 could say UNKNOWN, which Postfix refuses on purpose, so it names the visit's own
    ends, as haproxy's checks do."""
    heard = []

    def serve(connection):
        header = own_ends(connection) if version == "v1" else announce.SIGNATURE + b"\x20\0\0\0"
        data = b""
        while len(data) < len(header) and (more := connection.recv(len(header) - len(data))):
            data += more
        heard.append((data, header))
        connection.sendall(b"+OK\r\n")
        toy.silent(connection)

    port = toys(serve, (host, 0)).port
    upstream = f"[{host}]:{port}" if ":" in host else port
    fronts.start(pki.mail.block(), route("told", run.port(), upstream, protocol="pop3",
                                         send_proxy=version, health_check=OFTEN))
    wait_until(lambda: len(heard) > 1, "two visits")
    assert all(data == header for data, header in heard)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_postfix_behind_the_proxy_header_is_up(fronts, run, pki, postfix, version):
    front = fronts.start(pki.mail.block(), route("told", run.port(), postfix.haproxy, protocol="smtp",
                                                 send_proxy=version, health_check="10s"))
    wait_until(lambda: front.route_status("told")["upstreams"][0]["state"] != "untried", "a visit")
    assert set(states(front, "told").values()) == {"up"}
    assert front.log("upstream-down") == []


def test_metrics_and_the_page_tell(fronts, run, pki, patients):
    first, second, at = patients(b"first"), patients(b"second"), run.port()
    front = fronts.start(pki.mail.block(),
                         route("sick", run.port(), [first.upstream, second.upstream],
                               protocol="pop3", health_check=OFTEN),
                         observe=[f"127.0.0.1:{at}"])
    second.mood = "bad"
    wait_for_state(front, first, "up")
    wait_for_state(front, second, "down")
    seen = Metrics(at)
    assert seen.get("tlsfront_upstream_up", route="sick", upstream=first.upstream) == 1
    assert seen.get("tlsfront_upstream_up", route="sick", upstream=second.upstream) == 0
    text = front.command("status", "-c", front.file).stdout
    assert f"route sick: upstream {first.upstream}: up\n" in text
    assert f"route sick: upstream {second.upstream}: down, other\n" in text


def test_a_name_is_visited_at_each_of_its_addresses(fronts, run, pki, patients):
    first = patients(b"first")
    name = f"localhost:{first.toy.port}"
    front = fronts.start(pki.mail.block(), route("sick", run.port(), name, protocol="pop3",
                                                 health_check=OFTEN))
    wait_until(lambda: states(front)[name] == "up", "the name to be up")
    first.refuses()
    wait_until(lambda: states(front)[name] == "down", "the name to be down")


def test_real_servers_take_visits_for_what_they_are(fronts, run, pki, dovecot, postfix, slapd, inn):
    """They are up, and complain of nothing. The first visit is enough, and has time to be made."""
    servers = {"imap": dovecot.imap, "pop3": dovecot.pop3, "sieve": dovecot.sieve,
               "smtp": postfix.smtp, "ldap": slapd.port, "nntp": inn.port, "tcp": dovecot.lmtp}
    before = {log: log.stat().st_size for log in (dovecot.log, postfix.log)}
    front = fronts.start(pki.mail.block(), *(
        route(protocol, run.port(), port, protocol=protocol, health_check="10s")
        for protocol, port in servers.items()), route("lmtp", run.port(), dovecot.lmtp, protocol="smtp",
                                                      health_check="10s"))
    for name in (*servers, "lmtp"):
        wait_until(lambda name=name: set(states(front, name).values()) == {"up"}, f"{name} to be up")
    front.terminate()
    assert front.log("upstream-down") == []
    for log, size in before.items():
        said = log.read_bytes()[size:].lower()
        for word in (b"error", b"warning", b"fatal", b"panic", b"improper", b"lost connection"):
            assert word not in said, said.decode()
