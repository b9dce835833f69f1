"""What Prometheus reads: that it is right, and stays right over reloads and deaths."""

import json
import os
import signal

import pytest

from clients import plain, raw_hello, tls
from clients.observer import Metrics, fetch
from harness.config import route
from harness.process import running
from harness.wait import wait_until
from servers import toy


@pytest.fixture
def echo(toys):
    return toys(toy.echo).port


@pytest.fixture
def observed(fronts, run, pki, echo):
    """(front, its port, the observer's port)"""
    port, at = run.port(), run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo, protocol="tcp"),
                         observe=[f"127.0.0.1:{at}"])
    return front, port, at


def serve(port, pki, version=None, session=None):
    with tls.TlsClient(port, tls.context(pki, version), session=session) as client:
        assert tls.says(client)


def test_a_handshake_is_counted_by_version_cipher_group_and_resumption(observed, pki):
    _, port, at = observed
    serve(port, pki, "1.2")
    settings = tls.context(pki, "1.3")
    with tls.TlsClient(port, settings) as client:
        assert tls.says(client)
        session = client.tls.session
    with tls.TlsClient(port, settings, session=session) as client:
        assert tls.says(client)
    seen = Metrics(at)
    name = "tlsfront_handshakes_total"
    assert seen.get(name, route="echo") == 3
    assert seen.get(name, version="TLSv1.2", resumed="no") == 1
    assert seen.get(name, version="TLSv1.3", resumed="no") == 1
    assert seen.get(name, version="TLSv1.3", resumed="yes") == 1
    ciphers = {one["cipher"] for one in seen.labels(name)}
    assert all(cipher.startswith("TLS_") for cipher in ciphers), ciphers
    groups = {one["group"] for one in seen.labels(name) if one["resumed"] == "no"}
    assert groups and "none" not in groups
    assert seen.get("tlsfront_handshake_seconds_count") == 3
    assert seen.get("tlsfront_handshake_seconds_bucket", le="+Inf") == 3


def test_bytes_stages_and_ends_are_counted(observed, pki):
    _, port, at = observed
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        seen = Metrics(at)
        assert seen.get("tlsfront_connections", route="echo", stage="relay") == 1
        assert seen.get("tlsfront_connections_total", route="echo") == 1
        size = seen.get("tlsfront_received_bytes_total", route="echo", side="client")
        assert size > 0
        assert seen.get("tlsfront_sent_bytes_total", route="echo", side="upstream") == size
        assert seen.get("tlsfront_sent_bytes_total", route="echo", side="client") == size
    wait_until(lambda: Metrics(at).get("tlsfront_connections", route="echo") == 0,
               "the session to be gone")
    assert Metrics(at).get("tlsfront_connection_ends_total", stage="relay") == 1


def test_failures_have_reasons(observed, pki):
    _, port, at = observed
    name = "tlsfront_handshake_failures_total"

    def counted(reason):
        return lambda: Metrics(at).get(name, route="echo", reason=reason) == 1

    with plain.PlainClient(port) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        client.read_all()
    wait_until(counted("protocol"), "one that speaks no TLS to be counted")
    stranger = tls.ssl.create_default_context()  # which does not know our authority
    with pytest.raises(tls.ssl.SSLError):
        tls.TlsClient(port, stranger)
    wait_until(lambda: Metrics(at).get(name, route="echo", reason="certificate_rejected") == 1 or
               Metrics(at).get(name, route="echo", reason="client_left") == 1,
               "one that does not trust us to be counted")
    with plain.PlainClient(port) as client:
        client.send(b"\x16\x03\x01")
    wait_until(lambda: Metrics(at).get(name, route="echo") == 3, "one that left to be counted")
    for reason, ciphers in (("parameters", [0xc02b]),
                            ("version", [0xc02b, raw_hello.FALLBACK_SCSV])):
        with plain.PlainClient(port) as client:
            client.send(raw_hello.tls12_hello(None, ciphers=ciphers))
            client.read_all()
        wait_until(counted(reason), f"a hello that fails for its {reason} to be counted")


def test_an_upstream_goes_down_and_comes_back(fronts, run, pki, toys):
    port, at, behind = run.port(), run.port(), run.port()
    where = f"127.0.0.1:{behind}"
    fronts.start(pki.mail.block(), route("pop", port, behind, protocol="tcp"),
                 observe=[f"127.0.0.1:{at}"])

    def up():
        return Metrics(at).get("tlsfront_upstream_up", route="pop", upstream=where)

    assert up() is None  # nobody has tried
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.read_all()
    assert up() == 0
    assert Metrics(at).get("tlsfront_upstream_failures_total", upstream=where,
                           reason="refused") == 1
    assert Metrics(at).get("tlsfront_connections_refused_total", reason="upstream_down") == 1
    toys(toy.echo, ("127.0.0.1", behind))
    wait_until(lambda: tried_again(port, pki) and up() == 1, "the upstream to be up")


def tried_again(port, pki):
    try:
        serve(port, pki)
    except (AssertionError, OSError):
        pass  # an address that failed a moment ago may not be tried yet
    return True


def test_counters_only_grow_over_reloads_and_deaths_of_workers(observed, pki):
    front, port, at = observed
    for _ in range(4):
        serve(port, pki)
    before = Metrics(at).counters()
    assert front.reload().returncode == 0
    victim = front.workers()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not running(victim) and len(front.workers()) == 2, "a new worker")
    wait_until(lambda: Metrics(at).get("tlsfront_worker_restarts_total") == 1,
               "the death to be counted")
    serve(port, pki)
    after = Metrics(at)
    for key, value in before.items():
        assert key[0] == "process_cpu_seconds_total" or after.counters()[key] >= value, key
    assert after.get("tlsfront_connections_total", route="echo") == 5
    assert after.get("tlsfront_config_generation") == 2


def test_a_reload_and_its_refusal_are_told(observed, pki):
    front, port, at = observed
    first = Metrics(at)
    assert first.get("tlsfront_config_last_reload_successful") == 1
    hashes = first.labels("tlsfront_config_info")
    assert len(hashes) == 1 and len(hashes[0]["hash"]) == 64
    good = front.file.read_text()
    front.file.write_text(good + "nonsense = 1\n")
    assert front.reload().returncode != 0
    refused = Metrics(at)
    assert refused.get("tlsfront_config_last_reload_successful") == 0
    assert refused.labels("tlsfront_config_info") == hashes
    assert refused.get("tlsfront_config_generation") == 1
    front.file.write_text(good + "# other words\n")
    assert front.reload().returncode == 0
    taken = Metrics(at)
    assert taken.get("tlsfront_config_last_reload_successful") == 1
    assert taken.labels("tlsfront_config_info") != hashes
    assert taken.get("tlsfront_config_last_reload_success_timestamp_seconds") >= \
        first.get("tlsfront_config_last_reload_success_timestamp_seconds")


def test_when_certificates_expire(observed, pki):
    front, _, at = observed
    name = "tlsfront_certificate_not_after_timestamp_seconds"
    told = Metrics(at).labels(name)
    assert {one["kind"] for one in told} >= {"leaf"}
    [leaf] = [one for one in told if one["kind"] == "leaf"]
    [status] = front.status()["certificates"]
    assert leaf["serial"] == status["serial"]
    assert leaf["certificate"] == status["name"]


def test_starttls_is_counted(fronts, run, pki, dovecot):
    port, at = run.port(), run.port()
    fronts.start(pki.mail.block(),
                 route("imap", port, dovecot.imap, protocol="imap", tls="required"),
                 observe=[f"127.0.0.1:{at}"])
    with plain.PlainClient(port) as client:
        client.read_until(b"\r\n")
        assert client.command(b"a1 LOGIN alice secret").startswith(b"a1 ")
    with plain.PlainClient(port) as client:
        client.read_until(b"\r\n")
        assert client.command(b"a1 STARTTLS").startswith(b"a1 OK")
        with client.secure(tls.context(pki)):
            pass
    wait_until(lambda: Metrics(at).get("tlsfront_starttls_total", outcome="unused") == 1 and
               Metrics(at).get("tlsfront_starttls_total", outcome="done") == 1,
               "the first session to end, and the other to begin TLS")
    seen = Metrics(at)
    assert seen.get("tlsfront_starttls_total", route="imap", outcome="done") == 1
    assert seen.get("tlsfront_plaintext_logins_refused_total", route="imap") == 1
    assert seen.get("tlsfront_plaintext_sessions_total", route="imap") == 0


def test_processes_are_measured(observed):
    front, _, at = observed
    seen = Metrics(at)
    kinds = {one["process"] for one in seen.labels("process_resident_memory_bytes")}
    assert kinds == {"supervisor", "worker", "signer", "observer"}
    assert seen.get("process_resident_memory_bytes", process="worker", index="0") > 1 << 20
    assert seen.get("process_open_fds", process="supervisor") > 3
    assert seen.get("tlsfront_start_time_seconds") > 0
    [build] = seen.labels("tlsfront_build_info")
    assert build["version"] == front.status()["version"]


def test_openmetrics_for_those_who_ask_for_it(observed):
    _, _, at = observed
    status, headers, text = fetch(at, Accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert status == 200
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("\n# EOF\n")
    status, headers, text = fetch(at)
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# EOF" not in text


def test_the_status_is_that_of_the_command(observed):
    """One after the other, so what is just ending may be seen by one of them only."""
    front, _, at = observed

    def without_time(document):
        return {key: value for key, value in document.items() if key != "uptime"}

    def same():
        status, headers, text = fetch(at, "/status.json")
        assert status == 200 and headers["Content-Type"] == "application/json"
        return without_time(json.loads(text)) == without_time(front.status())

    wait_until(same, "both to say the same")


def test_head_is_get_without_the_text(observed):
    _, _, at = observed
    status, headers, text = fetch(at, "/-/ready", "HEAD")
    assert (status, text) == (200, "")
    assert headers["Content-Length"] == str(len("ready\n"))
