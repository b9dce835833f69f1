"""observe-agent: what haproxy's agent-check is told, and what haproxy makes of it."""

import os
import signal
import socket

import pytest

from clients import tls
from harness.config import route
from harness.wait import wait_until
from servers import toy

BACKEND = """
listen mail
    bind 127.0.0.1:{at}
    server front 127.0.0.1:{port} check inter 100ms agent-check agent-port {agent} agent-inter 100ms {words}
"""


@pytest.fixture
def scene(fronts, run, pki, toys):
    """Starts a daemon that balancers may ask: the front, its port and where they ask."""
    def start(**options):
        port, agent = run.port(), run.port()
        blocks = (pki.mail.block(), route("echo", port, toys(toy.echo).port))
        front = fronts.start(*blocks, **({"observe_agent": [f"127.0.0.1:{agent}"]} | options))
        front.blocks = blocks
        return front, port, agent
    return start


def ask(where, say=b""):
    """All that comes, up to the end. `where`: a port, or the path of a Unix socket."""
    family, address = (socket.AF_INET, ("127.0.0.1", where)) if isinstance(where, int) else \
        (socket.AF_UNIX, str(where))
    with socket.socket(family, socket.SOCK_STREAM) as asking:
        asking.settimeout(30)
        asking.connect(address)
        asking.sendall(say)
        return b"".join(iter(lambda: asking.recv(100), b"")).decode()


def drain(front):
    done = front.command("drain", "-c", front.file)
    assert done.returncode == 0, done.stderr


def test_it_says_that_newcomers_may_come(scene):
    _, _, agent = scene()
    assert ask(agent) == "up ready\n"


def test_it_needs_no_observe_and_speaks_no_http(scene):
    front, _, agent = scene()
    assert ask(agent, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") == "up ready\n"
    assert len(front.processes("observer")) == 1


def test_what_is_asked_makes_no_difference(scene):
    _, _, agent = scene()
    assert ask(agent, b"x" * 100000) == "up ready\n"


def test_a_drain_is_told_and_taken_back(scene):
    front, _, agent = scene()
    drain(front)
    assert ask(agent) == "drain\n"
    drain(front)
    assert ask(agent) == "up ready\n"


def test_a_daemon_on_its_way_down_says_so_to_the_end(scene, pki):
    front, port, agent = scene(drain_delay="1h", drain_timeout="1h")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        front.wait_for_log("drain-delay")
        assert ask(agent) == "drain\n"
        front.send(signal.SIGTERM)
    front.verify_end(front.process.wait(30))


def test_after_the_delay_it_says_so_as_long_as_sessions_last(scene, pki):
    front, port, agent = scene(drain_timeout="1h")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        front.wait_for_log("draining")
        assert ask(agent) == "drain\n"
        assert tls.says(client)
    front.verify_end(front.process.wait(30))


def test_those_who_say_nothing_keep_nobody_waiting(scene):
    _, _, agent = scene()
    silent = [socket.create_connection(("127.0.0.1", agent), 30) for _ in range(40)]
    assert ask(agent) == "up ready\n"
    for one in silent:
        one.close()


def test_a_unix_socket_will_do(scene, run):
    path = run.make_folder("agent-socket") / "agent.sock"
    scene(observe_agent=[f"unix:{path}"])
    assert ask(path) == "up ready\n"


def test_a_reload_moves_it(scene, run):
    front, _, before = scene()
    after = run.port()
    front.write(*front.blocks, observe_agent=[f"127.0.0.1:{after}"])
    assert front.reload().returncode == 0
    assert ask(after) == "up ready\n"
    with pytest.raises(ConnectionRefusedError):
        ask(before)
    front.write(*front.blocks, observe_agent=None)
    assert front.reload().returncode == 0
    wait_until(lambda: front.processes("observer") == [], "the observer to go")


def test_an_address_turns_from_one_kind_into_the_other(scene, run):
    front, _, at = scene()
    front.write(*front.blocks, observe_agent=None, observe=[f"127.0.0.1:{at}"])
    assert front.reload().returncode == 0
    answer = wait_until(lambda: ask(at, b"GET /-/ready HTTP/1.0\r\n\r\n"), "an answer")
    assert answer.startswith("HTTP/1.1 200") or answer.startswith("HTTP/1.0 200")


def test_it_goes_on_after_an_observer_that_dies(scene):
    front, _, agent = scene()
    [victim] = front.processes("observer")
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: front.processes("observer") not in ([], [victim]), "another observer")
    assert ask(agent) == "up ready\n"


def test_it_goes_on_after_an_upgrade(scene):
    front, _, agent = scene()
    done = front.command("upgrade", "-c", front.file, timeout=90)
    assert done.returncode == 0, done.stderr
    assert ask(agent) == "up ready\n"


def test_check_refuses_an_address_that_is_taken(scene, run):
    front, port, agent = scene()
    for options, words in (({"observe_agent": [f"127.0.0.1:{port}"]}, "is where route echo listens"),
                           ({"observe": [f"127.0.0.1:{agent}"], "observe_agent": [f"127.0.0.1:{agent}"]},
                            "is in observe as well")):
        front.write(*front.blocks, **options)
        done = front.check()
        assert done.returncode == 78
        assert words in done.stdout + done.stderr
        front.write(*front.blocks, observe=None)


# ---- haproxy --------------------------------------------------------------------------------------

@pytest.mark.parametrize("words", ["", "agent-send hello\\n"])
def test_haproxy_takes_it_out_and_in_and_sessions_go_on(scene, balancers, run, pki, words):
    front, port, agent = scene()
    at = run.port()
    balancer = balancers(BACKEND.format(at=at, port=port, agent=agent, words=words))
    balancer.wait_for("mail", "front", "UP")
    with tls.TlsClient(at, tls.context(pki)) as client:
        assert tls.says(client)
        drain(front)
        balancer.wait_for("mail", "front", "DRAIN")
        assert tls.says(client)
        drain(front)
        balancer.wait_for("mail", "front", "UP")
        assert tls.says(client)
    balancer.stop()


def test_haproxy_notices_a_stop_before_anybody_is_refused(scene, balancers, run, pki):
    front, port, agent = scene(drain_delay="1h")
    at = run.port()
    balancer = balancers(BACKEND.format(at=at, port=port, agent=agent, words=""))
    balancer.wait_for("mail", "front", "UP")
    front.send(signal.SIGTERM)
    balancer.wait_for("mail", "front", "DRAIN")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
    front.send(signal.SIGTERM)
    front.verify_end(front.process.wait(30))
    balancer.stop()
