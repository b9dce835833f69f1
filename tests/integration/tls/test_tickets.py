"""Session tickets: resumed in both versions, by every worker, across reloads, and nowhere else."""

import contextlib
import itertools
import os
import socket
import threading

import pytest

from clients import openssl, tls
from harness.config import route
from harness.wait import wait_until
from servers import toy


@pytest.fixture(scope="module")
def tickets(fronts, run, pki, module_toys):
    upstream = module_toys(toy.one_line).port
    ports = [run.port() for _ in range(3)]
    blocks = [pki.mail.block(), pki.news.block(),
              route("one", ports[0], upstream, certificate=("mail", "news")),
              route("two", ports[1], upstream),
              route("closed", ports[2], upstream, client_certificate="required",
                    client_ca=pki.people.certificate)]
    front = fronts.start(*blocks, workers=3)
    return front, ports


def visit(port, settings, session=None, sni="mail.example.test"):
    """One short session. Returns whether it was resumed, and its ticket."""
    with tls.TlsClient(port, settings, session=session, sni=sni) as client:
        client.send(b"hello\n")
        assert client.read_until(b"\n") == b"hello\n"
        return client.tls.session_reused, client.tls.session


def test_openssl_resumes(tickets, run, pki, version):
    front, (port, *_) = tickets
    ticket = run.folder / f"ticket-{version}.pem"
    first = openssl.handshake(pki, port, "-sess_out", ticket, version=version)
    assert not first.resumed
    second = openssl.handshake(pki, port, "-sess_in", ticket, version=version)
    assert second.resumed
    assert second.version == f"TLSv{version}"
    front.wait_for_log("end", route="one", tls=f"TLSv{version}", resumed="yes", fault="none")


def test_every_worker_takes_the_tickets_of_the_others(tickets, pki, version):
    front, (port, *_) = tickets
    settings = tls.context(pki, version)
    _, session = visit(port, settings)
    assert all(visit(port, settings, session)[0] for _ in range(20))
    served_by = {line["from"] for line in front.log("end", route="one", resumed="yes")}
    assert len(served_by) > 1, f"only {served_by} served; the test shows nothing"


def test_tickets_outlive_a_reload(tickets, pki, version):
    front, (port, *_) = tickets
    settings = tls.context(pki, version)
    _, session = visit(port, settings)
    for _ in range(3):
        assert front.reload().returncode == 0
    assert all(visit(port, settings, session)[0] for _ in range(10))


def test_a_resumed_session_hands_on_the_next_ticket(tickets, pki, version):
    _, (port, *_) = tickets
    settings = tls.context(pki, version)
    resumed, session = visit(port, settings)
    assert not resumed
    for _ in range(5):
        resumed, session = visit(port, settings, session)
        assert resumed


def test_a_ticket_of_one_route_does_not_open_another(tickets, pki, version):
    _, (one, two, closed) = tickets
    settings = tls.context(pki, version)
    _, session = visit(one, settings)
    resumed, _ = visit(two, settings, session)
    assert not resumed
    with pytest.raises(tls.ssl.SSLError, match="ALERT"):
        visit(closed, settings, session)


def test_a_ticket_of_one_name_does_not_open_another(tickets, pki, version):
    _, (one, *_) = tickets
    settings = tls.context(pki, version)
    _, session = visit(one, settings)
    resumed, _ = visit(one, settings, session, sni="news.example.test")
    assert not resumed


def test_where_clients_show_certificates_each_visit_is_verified(tickets, pki, version):
    """A ticket would outlive the revocation of the certificate that it was given for."""
    front, (_, _, closed) = tickets
    settings = tls.context(pki, version, client=pki.alice)
    _, session = visit(closed, settings)
    resumed, _ = visit(closed, settings, session)
    assert not resumed
    ended = front.wait_for_log("end", route="closed", tls=f"TLSv{version}", fault="none")
    assert "alice" in ended["client-certificate"]


def test_a_damaged_ticket_leads_to_a_full_handshake(tickets, run, pki):
    """What comes out of the file is changed inside, so that its authentication must fail."""
    _, (port, *_) = tickets
    ticket = run.folder / "ticket-damaged.pem"
    openssl.handshake(pki, port, "-sess_out", ticket, version="1.2")
    der = run.folder / "ticket-damaged.der"
    openssl.subprocess.run(["openssl", "sess_id", "-in", ticket, "-outform", "DER", "-out", der],
                           check=True, capture_output=True)
    raw = bytearray(der.read_bytes())
    raw[-20] ^= 1
    der.write_bytes(raw)
    openssl.subprocess.run(["openssl", "sess_id", "-inform", "DER", "-in", der, "-out", ticket],
                           check=True, capture_output=True)
    shake = openssl.handshake(pki, port, "-sess_in", ticket, version="1.2")
    assert shake.succeeded
    assert not shake.resumed


# ---- shared by machines and over restarts ------------------------------------------------------

@pytest.fixture
def key_file(run):
    file = run.folder / "ticket-key"
    file.write_bytes(os.urandom(48))
    file.chmod(0o600)
    return file


def balancer(ports):
    """A layer-4 balancer: one connection to each in turn."""
    turns = itertools.cycle(ports)

    def handler(client):
        with socket.create_connection(("127.0.0.1", next(turns))) as front:
            back = threading.Thread(target=pump, args=(front, client), daemon=True)
            back.start()
            pump(client, front)
            back.join()
    return handler


def pump(source, target):
    with contextlib.suppress(OSError):  # either end may be gone already
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_two_machines_behind_a_balancer_take_each_others_tickets(fronts, run, pki, toys, version,
                                                                 key_file):
    upstream, ports = toys(toy.one_line).port, [run.port(), run.port()]
    machines = [fronts.start(pki.mail.block(), route("one", port, upstream), ticket_key=key_file)
                for port in ports]
    port = toys(balancer(ports)).port
    settings = tls.context(pki, version)
    resumed, session = visit(port, settings)
    assert not resumed
    for _ in range(6):
        resumed, session = visit(port, settings, session)
        assert resumed
    wait_until(lambda: [len(machine.log("end", resumed="yes")) for machine in machines] == [3, 3],
               "both machines to have resumed three sessions")


def test_with_a_key_file_tickets_outlive_a_restart(fronts, run, pki, toys, version, key_file):
    upstream, port = toys(toy.one_line).port, run.port()
    blocks = pki.mail.block(), route("one", port, upstream)
    settings = tls.context(pki, version)
    first = fronts.start(*blocks, ticket_key=key_file)
    _, session = visit(port, settings)
    first.terminate()
    fronts.start(*blocks, ticket_key=key_file)
    assert visit(port, settings, session)[0]


def test_another_key_file_takes_effect_with_a_reload(fronts, run, pki, toys, version, key_file):
    upstream, port = toys(toy.one_line).port, run.port()
    settings = tls.context(pki, version)
    front = fronts.start(pki.mail.block(), route("one", port, upstream), ticket_key=key_file)
    _, session = visit(port, settings)
    key_file.write_bytes(os.urandom(48))
    assert front.reload().returncode == 0
    assert not visit(port, settings, session)[0]


@pytest.mark.parametrize("content", [None, b"", b"x" * 31], ids=["missing", "empty", "short"])
def test_a_useless_key_file_is_refused_with_the_cure(fronts, run, pki, key_file, content):
    if content is None:
        key_file.unlink()
    else:
        key_file.write_bytes(content)
    front = fronts.new(pki.mail.block(), route("one", run.port(), 1), ticket_key=key_file)
    done = front.check()
    assert done.returncode == 78
    assert str(key_file) in done.stdout + done.stderr
    assert "openssl rand" in done.stdout + done.stderr


def test_a_key_file_that_all_may_read_is_warned_about(fronts, run, pki, key_file):
    key_file.chmod(0o644)
    front = fronts.new(pki.mail.block(), route("one", run.port(), 1), ticket_key=key_file)
    done = front.check()
    assert done.returncode == 0
    assert "ticket-key: everyone on this machine can read the secret" in done.stdout + done.stderr
