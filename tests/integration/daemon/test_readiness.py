"""`tlsfront drain` and `status --ready`; drain-delay and drain-newcomers: what balancers go by."""

import json
import os
import signal
import ssl
import time

import pytest

from clients import tls
from harness.config import route
from harness.wait import wait_until

NO_DAEMON = 69


def ready(front):
    return front.command("status", "-c", front.file, "--ready")


def drain(front, *words):
    done = front.command("drain", *words, "-c", front.file)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_served(port, pki):
    with tls.TlsClient(port, tls.context(pki)) as client:
        return tls.says(client)


def is_refused(port, pki):
    """What the route's protocol has no words for is closed once TLS is there, or before."""
    try:
        return not is_served(port, pki)
    except (OSError, ssl.SSLError, AssertionError):
        return True


# ---- tlsfront drain ------------------------------------------------------------------------------

def test_a_running_daemon_is_ready(served):
    front, _ = served()
    done = ready(front)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")
    assert front.status()["ready"] is True


def test_a_daemon_that_is_stuck_is_not_ready_within_seconds(served):
    front, _ = served()
    began = time.monotonic()
    os.kill(front.pid, signal.SIGSTOP)
    try:
        done = ready(front)
    finally:
        os.kill(front.pid, signal.SIGCONT)
    assert done.returncode == NO_DAEMON
    assert 4 < time.monotonic() - began < 15
    assert "5 seconds" in done.stderr and "if it is stuck, restart it" in done.stderr


def test_a_drain_takes_readiness_away_and_nothing_else(served, pki):
    front, port = served()
    assert "not ready" in drain(front)
    done = ready(front)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("not ready: ") and "tlsfront drain" in done.stderr
    status = front.status()
    assert (status["state"], status["ready"]) == ("running", False)
    assert ", running, not ready," in front.command("status", "-c", front.file).stdout
    assert is_served(port, pki)
    assert front.log("not-ready")


def test_a_second_drain_takes_it_back(served, pki):
    front, port = served()
    drain(front)
    assert drain(front) == "ready again\n"
    assert ready(front).returncode == 0
    assert front.status()["ready"] is True
    assert is_served(port, pki)
    assert front.log("ready")


def test_a_drain_by_its_word_may_be_said_again(served, pki):
    """As a script does that was not sure of the answer."""
    front, port = served()
    assert "not ready any more" in drain(front, "on")
    assert drain(front, "on") == "not ready, as it was: drain off takes it back\n"
    assert ready(front).returncode == 1
    assert is_served(port, pki)
    assert drain(front, "off") == "ready again\n"
    assert drain(front, "off") == "ready, as it was\n"
    assert ready(front).returncode == 0
    assert len(front.log("not-ready")) == len(front.log("ready")) == 1


def test_a_drain_without_a_word_and_one_with_it_mean_the_same_state(served):
    front, _ = served()
    drain(front)
    assert "as it was" in drain(front, "on")
    assert drain(front) == "ready again\n"
    assert "as it was" in drain(front, "off")


@pytest.mark.parametrize("words, said", [
    (("onn",), "did you mean on?"),
    (("on", "off"), "\"off\" is one argument too many"),
    (("again",), "drain knows no \"again\""),
])
def test_a_drain_with_another_word_is_wrong_usage(served, words, said):
    front, _ = served()
    done = front.command("drain", *words, "-c", front.file)
    assert done.returncode == 2 and said in done.stderr
    assert "usage: tlsfront drain [on | off] [-c FILE]" in done.stderr
    assert ready(front).returncode == 0


def test_readiness_stays_away_over_a_reload(served):
    front, _ = served()
    drain(front)
    assert front.reload().returncode == 0
    assert ready(front).returncode == 1


def test_without_a_daemon_readiness_has_a_status_of_its_own(fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("x", run.port(), run.port()))
    done = ready(front)
    assert done.returncode == NO_DAEMON
    assert "no daemon answers" in done.stderr and "cure:" in done.stderr


def test_a_drain_without_a_daemon_fails(fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("x", run.port(), run.port()))
    done = front.command("drain", "-c", front.file)
    assert done.returncode == 1
    assert "no daemon answers" in done.stderr


# ---- on the way to the end -----------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_newcomers_are_served_while_the_delay_lasts(served, pki, number):
    front, port = served(drain_delay="1h")
    front.send(number)
    front.wait_for_log("drain-delay")
    assert ready(front).returncode == 1
    assert "going down" in front.command("drain", "-c", front.file).stderr
    assert drain(front, "on") == "not ready, as it was: the daemon is going down\n"
    assert "going down" in front.command("drain", "off", "-c", front.file).stderr
    status = front.status()
    assert (status["state"], status["ready"]) == ("draining", False)
    assert is_served(port, pki)
    assert front.log("draining") == []
    done = front.reload()
    assert done.returncode == 1 and "going down" in done.stderr
    front.send(signal.SIGTERM)
    front.verify_end(front.process.wait(30))


def test_a_worker_that_dies_while_the_delay_lasts_is_replaced(served, pki):
    front, port = served(drain_delay="1h", workers=1)
    front.send(signal.SIGTERM)
    front.wait_for_log("drain-delay")
    victim, = front.workers()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: front.workers() not in ([], [victim]), "another worker")
    assert is_served(port, pki)
    front.send(signal.SIGTERM)
    front.verify_end(front.process.wait(30))


def test_after_the_delay_newcomers_are_refused_and_sessions_go_on(served, pki):
    front, port = served(drain_delay="1s", drain_timeout="1h")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        front.wait_for_log("draining")
        assert is_refused(port, pki)
        assert tls.says(client)
    front.verify_end(front.process.wait(30))
    assert front.log("end", end="refused: shutting down")


def test_a_daemon_without_sessions_stays_for_the_delay(served):
    front, _ = served(drain_delay="1s")
    front.send(signal.SIGTERM)
    front.wait_for_log("drain-delay")
    front.verify_end(front.process.wait(30))
    assert [line["event"] for line in front.log()][-3:] == ["drain-delay", "draining", "stopped"]


def test_newcomers_that_are_to_be_reset_find_nobody_who_listens(served, pki):
    front, port = served(drain_newcomers="reset", drain_timeout="1h")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        front.wait_for_log("draining")
        wait_until(lambda: not tls.listens(port), "all workers to close their sockets")
        assert front.status()["state"] == "draining"
        assert tls.says(client)
    front.verify_end(front.process.wait(30))
    assert front.log("end", end="refused: shutting down") == []


def test_resets_come_after_the_delay(served, pki):
    front, port = served(drain_newcomers="reset", drain_delay="1h", drain_timeout="1h")
    front.send(signal.SIGTERM)
    front.wait_for_log("drain-delay")
    assert is_served(port, pki)
    front.send(signal.SIGTERM)
    front.verify_end(front.process.wait(30))


def test_with_resets_a_drain_ends_with_its_timeout_too(served, pki):
    front, port = served(drain_newcomers="reset", drain_timeout="1s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        front.send(signal.SIGTERM)
        assert client.read_all() == b""
    front.verify_end(front.process.wait(30))
    assert front.log("drain-ends")


def test_the_delay_of_the_configuration_in_service_counts(served, run):
    front, _ = served(drain_delay="1h")
    front.file.write_text(front.file.read_text().replace('drain-delay = "1h"\n', ""))
    assert front.reload().returncode == 0
    front.send(signal.SIGTERM)
    front.verify_end(front.process.wait(30))
    assert front.log("drain-delay") == []


def test_readiness_in_json_is_a_truth_value(served):
    front, _ = served()
    done = front.command("status", "-c", front.file, "--json")
    assert json.loads(done.stdout)["ready"] is True
