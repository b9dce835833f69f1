"""Session tickets: resumed in both versions, by every worker, across reloads, and nowhere else."""

import contextlib
import itertools
import os
import socket
import threading

import pytest

from clients import openssl, tls
from clients.observer import Metrics
from harness.config import route
from harness.wait import wait_until
from servers import toy


@pytest.fixture(scope="module")
def tickets(fronts, run, pki, module_toys):
    upstream = module_toys(toy.one_line).port
    ports = [run.port() for _ in range(4)]
    blocks = [pki.mail.block(), pki.news.block(),
              route("one", ports[0], upstream, certificate=("mail", "news")),
              route("two", ports[1], upstream),
              route("closed", ports[2], upstream, client_certificate="required",
                    client_ca=pki.people.certificate),
              route("pop3", ports[3], upstream, protocol="pop3")]
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


def test_a_ticket_of_one_route_opens_another_of_the_same_protocol_only(tickets, pki, version):
    _, (one, two, closed, pop3) = tickets
    settings = tls.context(pki, version)
    _, session = visit(one, settings)
    assert visit(two, settings, session)[0]
    with tls.TlsClient(pop3, settings, session=session) as client:
        client.send(b"QUIT\r\n")
        assert not client.tls.session_reused
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
    front, (_, _, closed, _) = tickets
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
    assert "tlsfront key ticket-new" in done.stdout + done.stderr


def test_a_key_file_that_all_may_read_is_warned_about(fronts, run, pki, key_file):
    key_file.chmod(0o644)
    front = fronts.new(pki.mail.block(), route("one", run.port(), 1), ticket_key=key_file)
    done = front.check()
    assert done.returncode == 0
    assert "ticket-key: everyone on this machine can read the secret" in done.stdout + done.stderr


SHORTER = ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256",
           "ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"]


@pytest.mark.parametrize("other, back", [
    ({"name": "elsewhere"}, True), ({"strict_sni": "on"}, True), ({"ciphers": SHORTER}, True),
    ({"groups": ["secp384r1", "secp256r1", "x25519"]}, False)],
    ids=["name", "strict-sni", "ciphers", "groups"])
def test_machines_need_not_be_configured_alike(fronts, run, pki, toys, version, key_file, other,
                                               back):
    """What a session was agreed with has to be allowed on the other, no more."""
    upstream, ports = toys(toy.one_line).port, [run.port(), run.port()]
    base = {"name": "one", "groups": ["x25519", "secp256r1"]}
    for port, options in zip(ports, (base, base | other), strict=True):
        options = dict(options)
        fronts.start(pki.mail.block(), route(options.pop("name"), port, upstream, **options),
                     ticket_key=key_file)
    settings = tls.context(pki, version)
    for first, second in (ports, reversed(ports)) if back else (ports,):
        _, session = visit(first, settings)
        assert all(visit(second, settings, session)[0] for _ in range(4))


# ---- from one key to the next ------------------------------------------------------------------

class Machines:
    """Three behind a balancer. On each, ticket.key seals and ticket-2.key opens, too."""

    def __init__(self, fronts, run, pki, toys):
        upstream, self.folders, self.fronts, ports = toys(toy.one_line).port, [], [], []
        for number in range(3):
            folder = run.make_folder(f"machine-{number}-{run.port()}")
            self.folders.append(folder)
            ports.append(run.port())
            for name in ("ticket.key", "ticket-2.key"):
                self.put(folder / name, bytes(name, "ascii") * 4)
            self.fronts.append(fronts.new(
                pki.mail.block(), route("one", ports[-1], upstream),
                ticket_key=[folder / "ticket.key", folder / "ticket-2.key"]))
        for front in self.fronts:
            front.start()
        self.port = toys(balancer(ports)).port

    @staticmethod
    def put(file, content):
        fresh = file.with_suffix(".fresh")
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        os.replace(fresh, file)

    def fingerprints(self):
        return [[key["fingerprint"] for key in front.status()["ticket_keys"]]
                for front in self.fronts]


@pytest.fixture
def machines(fronts, run, pki, toys):
    return Machines(fronts, run, pki, toys)


def test_a_roll_in_two_steps_costs_no_full_handshake(machines, pki, version):
    settings = tls.context(pki, version)
    seals = (machines.folders[0] / "ticket.key").read_bytes()
    sessions = [visit(machines.port, settings)[1] for _ in range(3)]

    def all_resume():
        """Tickets of every machine, and of every moment so far, on every machine."""
        for session in list(sessions):
            for _ in machines.fronts:
                resumed, fresh = visit(machines.port, settings, session)
                assert resumed
            sessions.append(fresh)

    new = os.urandom(48)
    for first, second in ((seals, new), (new, seals)):
        for folder, front in zip(machines.folders, machines.fronts, strict=True):
            machines.put(folder / "ticket-2.key", second)
            machines.put(folder / "ticket.key", first)
            done = front.reload()
            assert done.returncode == 0, done.stderr
            assert "ticket-key: " in done.stdout
            all_resume()
        del sessions[9:]
    one, *others = machines.fingerprints()
    assert others == [one, one]


def test_watched_keys_are_taken_up_without_a_word(fronts, run, pki, toys, version, key_file):
    upstream, port = toys(toy.one_line).port, run.port()
    settings = tls.context(pki, version)
    front = fronts.start(pki.mail.block(), route("one", port, upstream), ticket_key=key_file,
                         watch="on")
    _, session = visit(port, settings)
    Machines.put(key_file, os.urandom(48))
    front.wait_for_log("reloaded")
    assert str(key_file) in front.wait_for_log("files-changed")["msg"]
    assert not visit(port, settings, session)[0]


def test_which_keys_there_are_shows_everywhere(fronts, run, pki, toys, key_file):
    old = key_file.with_name("old-ticket-key")
    Machines.put(old, os.urandom(48))
    os.utime(old, (1_700_000_000, 1_700_000_000))
    observe = run.port()
    front = fronts.start(pki.mail.block(), route("one", run.port(), toys(toy.one_line).port),
                         ticket_key=[key_file, old], observe=f"127.0.0.1:{observe}")
    first, second = front.status()["ticket_keys"]
    assert (first["file"], first["use"]) == (str(key_file), "seals")
    assert (second["file"], second["use"]) == (str(old), "opens")
    assert second["modified"] == "2023-11-14T22:13:20Z"
    assert second["age"] > 0
    told = front.wait_for_log("ticket-keys")["msg"]
    assert told == f"{first['fingerprint']} seals, {second['fingerprint']} opens"
    assert Metrics(observe).get("tlsfront_ticket_key_modified_timestamp_seconds", file=str(old),
                                fingerprint=second["fingerprint"], use="opens") == 1_700_000_000
    plain = front.command("status", "-c", front.file).stdout
    assert f"ticket-key {old}: fingerprint {second['fingerprint']}, opens, of 2023-11-14" in plain
    for file in (key_file, old):
        assert file.read_bytes().hex() not in plain + front.log_file().read_text()


def test_two_keys_go_through_an_upgrade(fronts, run, pki, toys, version, key_file):
    old = key_file.with_name("upgraded-ticket-key")
    Machines.put(old, os.urandom(48))
    upstream, port = toys(toy.one_line).port, run.port()
    settings = tls.context(pki, version)
    blocks = pki.mail.block(), route("one", port, upstream)
    front = fronts.start(*blocks, ticket_key=[old])
    _, of_old = visit(port, settings)
    front.write(*blocks, ticket_key=[key_file, old])
    assert front.reload().returncode == 0
    _, of_new = visit(port, settings)
    before = front.status()["ticket_keys"]
    done = front.command("upgrade", "-c", front.file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [key["fingerprint"] for key in front.status()["ticket_keys"]] == [
        key["fingerprint"] for key in before]
    for session in (of_old, of_new):
        assert all(visit(port, settings, session)[0] for _ in range(4))


# ---- tlsfront key ticket-new -------------------------------------------------------------------

@pytest.fixture
def ticket_new(fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("one", run.port(), 1))
    return lambda *arguments: front.command("key", "ticket-new", *arguments)


def test_a_new_key_is_private_and_is_not_written_over(ticket_new, run):
    file = run.folder / "made-ticket-key"
    done = ticket_new(file)
    assert done.returncode == 0, done.stderr
    made = file.read_bytes()
    assert (len(made), file.stat().st_mode & 0o7777) == (48, 0o600)
    assert made.hex() not in done.stdout + done.stderr
    done = ticket_new(file)
    assert done.returncode == 1
    assert "is there already" in done.stderr and "--keep OTHER" in done.stderr
    assert file.read_bytes() == made
    assert ticket_new(file, "--replace").returncode == 0
    assert file.read_bytes() != made


def test_a_key_that_is_kept_opens_on(ticket_new, run):
    file, kept = run.folder / "rolled-ticket-key", run.folder / "kept-ticket-key"
    assert "could be kept" in ticket_new(file, "--keep", kept).stderr
    assert ticket_new(file).returncode == 0
    os.utime(file, (1_700_000_000, 1_700_000_000))
    first = file.read_bytes()
    done = ticket_new(file, "--keep", kept)
    assert done.returncode == 0, done.stderr
    assert kept.read_bytes() == first != file.read_bytes()
    assert kept.stat().st_mode & 0o7777 == 0o600
    assert kept.stat().st_mtime == 1_700_000_000
    assert file.stat().st_mtime > 1_700_000_000
    assert ticket_new(file, "--keep", file).returncode == 2
    assert ticket_new(file, "--keep", kept, "--replace").returncode == 2
    assert kept.read_bytes() == first


def test_what_is_kept_takes_nothing_else_s_place(ticket_new, run, pki):
    folder = run.make_folder("kept-elsewhere")
    file, precious, device = folder / "key", folder / "precious.pem", folder / "pipe"
    precious.write_bytes(pki.mail.key.read_bytes())
    os.mkfifo(device)
    assert ticket_new(file).returncode == 0
    first = file.read_bytes()
    for other, why in ((precious, "no file of ticket-new's"), (device, "something else than a file")):
        done = ticket_new(file, "--keep", other)
        assert done.returncode == 1
        assert why in done.stderr and "cure: name another path" in done.stderr
    assert file.read_bytes() == first
    assert precious.read_bytes() == pki.mail.key.read_bytes() and device.is_fifo()


def test_where_no_key_can_be_made_nothing_is_left(ticket_new, run):
    folder = run.make_folder("ticket-key-folder")
    assert ticket_new(folder).returncode == 1
    done = ticket_new(folder / "missing" / "key")
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert ticket_new().returncode == 2
    assert list(folder.iterdir()) == []
