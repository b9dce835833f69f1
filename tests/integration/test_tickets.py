"""Session tickets: resumed in both versions, by every worker, across reloads, and nowhere else."""

import pytest

from clients import openssl, tls
from harness.config import route
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
