"""The key manager: from nothing to a certificate that every client trusts, and its renewal."""

import contextlib
import os
import pwd
import re
import socket
import stat
import subprocess
import threading

import pytest

from clients import dialects, tls
from clients.plain import PlainClient
from harness.config import route, server_name
from harness.keys import NAMES, KeyManager, der, p7b, serial
from harness.load import Load
from harness.pki import openssl
from servers import toy
from servers.recording import Recording

BLOCK = "certificate mail { }\n"
OWN_NAME = "mail.example.test"  # what the routes call themselves
DIALECTS = (dialects.POP3, dialects.NNTP, dialects.LDAP, dialects.SMTP, dialects.IMAP)


@pytest.fixture
def manager(fronts, run, pki):
    return KeyManager(fronts.new(BLOCK, route("echo", run.port(), run.port(), hostname=OWN_NAME)),
                      pki)


@pytest.fixture
def echo_front(fronts, run, pki, module_toys):
    """A daemon that serves a first certificate, its key manager, and its port."""
    port = run.port()
    front = fronts.new(BLOCK, route("echo", port, module_toys(toy.echo).port))
    manager = KeyManager(front, pki)
    manager.issue()
    return front.start(), manager, port


def served_serial(port, pki):
    with tls.TlsClient(port, tls.context(pki)) as client:
        certificate = client.tls.getpeercert(binary_form=True)
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial"],
                          input=certificate, capture_output=True, check=True)
    return done.stdout.decode().strip().split("=")[1]


# ---- the article ------------------------------------------------------------------------------


def make_routes(run, upstreams):
    """Each protocol with TLS from the start, and with its own upgrade."""
    ports = {(one.protocol, mode): run.port() for one in DIALECTS
             for mode in ("implicit", "required")}
    return ports, [route(f"{protocol}-{mode}", port, upstreams[protocol].port, protocol=protocol,
                         tls=mode, hostname=OWN_NAME)
                   for (protocol, mode), port in ports.items()]


def speak(dialect, mode, port, pki):
    """A client that verifies the certificate and its name, and gets an answer through TLS."""
    settings = tls.context(pki)
    if mode == "implicit":
        client = tls.TlsClient(port, settings, sni=OWN_NAME)
        if dialect.upstream_greeting:
            client.read_until(dialect.upstream_greeting)
    else:
        clear = PlainClient(port)
        if dialect.own_greeting:
            clear.read_until(b"\n" if dialect.protocol != "imap" else b"ready\r\n")
        dialect.ask(clear, dialect.upgrade, dialect.ready)
        client = clear.secure(settings, sni=OWN_NAME)
    client.send(dialect.probe)
    client.read_until(dialect.HEARD)
    client.close()


def test_the_whole_way_from_nothing_to_clients_that_trust(fronts, run, pki):
    upstreams = {one.protocol: Recording(one.protocol) for one in DIALECTS}
    ports, routes = make_routes(run, upstreams)
    front = fronts.new(BLOCK, *routes)
    manager = KeyManager(front, pki)

    refused = front.check()  # nothing is there yet, and it says what to do
    assert refused.returncode == 78
    assert "tlsfront key new mail" in refused.stderr

    made = manager.done("new", "mail", "--route", "pop3-implicit")
    assert str(manager.state / "mail" / "request.csr") in made.stdout
    assert "-----BEGIN CERTIFICATE REQUEST-----" in made.stdout
    assert "tlsfront key install mail" in front.check().stderr

    leaf = manager.sign("mail", (OWN_NAME,))
    answer = p7b(manager.answers / "answer.p7b", pki.root.certificate, leaf,
                 pki.intermediate.certificate)
    manager.done("install", "mail", answer)

    front.start()
    for dialect in DIALECTS:
        for mode in ("implicit", "required"):
            speak(dialect, mode, ports[dialect.protocol, mode], pki)

    shown = manager.told("show", "mail")
    assert shown["serving"] == "this"
    assert {one["name"] for one in shown["routes"]} == \
        {f"{protocol}-{mode}" for protocol, mode in ports}
    assert all(one["default"] for one in shown["routes"])
    listened = {address for one in shown["routes"] for address in one["listen"]}
    assert listened == {f"127.0.0.1:{port}" for port in ports.values()}
    for upstream in upstreams.values():
        upstream.close()


def answers_in(form, leaf, pki, folder):
    """The same answer as authorities send it."""
    middle, root = pki.intermediate.certificate, pki.root.certificate
    if form == "pem files":
        return [root, middle, leaf]
    if form == "one pem file":
        path = folder / "all.pem"
        path.write_text("".join(one.read_text() for one in (middle, root, leaf)))
        return [path]
    if form == "der files":
        return [der(one) for one in (middle, leaf)]
    if form == "der p7b":
        return [p7b(folder / "answer.p7b", middle, root, leaf)]
    if form == "pem p7b":
        return [p7b(folder / "answer.p7b", root, leaf, middle, form="PEM")]
    if form == "p7b as windows labels it":
        path = p7b(folder / "answer.cer", middle, leaf, form="PEM")
        path.write_text(path.read_text().replace("PKCS7", "CERTIFICATE"))
        return [path]
    path = p7b(folder / "issuers.p7b", root, middle)
    return [path, der(leaf), leaf]


@pytest.mark.parametrize("form", ["pem files", "one pem file", "der files", "der p7b", "pem p7b",
                                  "p7b as windows labels it", "mixed, with a double"])
def test_the_answer_may_come_in_any_form_and_order(manager, pki, form):
    manager.request()
    leaf = manager.sign()
    folder = manager.answers / "sent"
    folder.mkdir()
    manager.done("install", "mail", *answers_in(form, leaf, pki, folder))
    chain = (manager.state / "mail" / "chain.pem").read_text()
    assert chain.count("-----BEGIN CERTIFICATE-----") == 2
    assert manager.serial_in_place() == serial(leaf)
    openssl("verify", "-CAfile", pki.root.certificate, "-untrusted",
            manager.state / "mail" / "chain.pem", manager.state / "mail" / "chain.pem")
    assert manager.front.check().returncode == 0


def test_an_authority_with_critical_name_constraints_is_the_clients_business(manager):
    """RFC 5280, 4.2.1.10 has them critical; the TLS library does not know them."""
    root, key = manager.answers / "constrained.pem", manager.answers / "constrained.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", root, "-subj", "/CN=Constrained", "-days", "30",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "nameConstraints=critical,permitted;DNS:example.test")
    manager.done("new", "mail", "--host", OWN_NAME)
    leaf = manager.answers / "leaf.pem"
    openssl("x509", "-req", "-in", manager.state / "mail" / "request.csr", "-CA", root,
            "-CAkey", key, "-CAcreateserial", "-copy_extensions", "copy", "-days", "20",
            "-out", leaf)
    manager.done("install", "mail", leaf, root, "--keep-root")
    assert manager.front.check().returncode == 0


# ---- keys and requests ------------------------------------------------------------------------


@pytest.mark.parametrize("kind, words", [
    (None, "P-256"), ("ec-p384", "P-384"), ("rsa-2048", "2048 bit"), ("rsa-3072", "3072 bit")])
def test_a_request_has_the_names_the_subject_and_the_kind_of_key_asked_for(manager, kind, words):
    manager.done("new", "mail", "--host", "mail.example.test", "--host", "*.wild.example.test",
                 "--host", "192.0.2.1", "--host", "2001:db8::1", "--subject",
                 "CN=mail.example.test, O=Example, C=DE", *(("--type", kind) if kind else ()))
    text = openssl("req", "-in", manager.state / "mail" / "request.csr", "-noout", "-text",
                   "-verify").replace(" = ", "=")  # releases of OpenSSL differ
    assert "DNS:mail.example.test, DNS:*.wild.example.test, IP Address:192.0.2.1, " \
        "IP Address:2001:DB8:0:0:0:0:0:1" in text
    assert "CN=mail.example.test, O=Example, C=DE" in text
    assert words in text


SUBJECT = "DC=test, DC=example, OU=Mail, OU=IT, O=Example\\, Inc., CN=mail.example.test"


def subject_of(command, path):
    """As openssl has it, from the first attribute to the last."""
    text = openssl(command, "-in", path, "-noout", "-subject", "-nameopt",
                   "sep_comma_plus_space,esc_2253")
    return text.strip().removeprefix("subject=").replace(" = ", "=")


def test_a_certificate_for_server_names_asks_for_these(fronts, run, pki):
    """And its answer has to cover them, whatever the route calls itself."""
    front = fronts.new(pki.mail.block(), "certificate shop { }\n", route(
        "echo", run.port(), 1, hostname=OWN_NAME,
        names=(server_name("a.shop.test", certificate="shop"),
               server_name("*.b.shop.test", 2, certificate="shop"))))
    manager = KeyManager(front, pki)
    assert manager.told("new", "shop")["names"] == ["a.shop.test", "*.b.shop.test"]
    refused = manager.key("install", "shop", manager.sign("shop", ("a.shop.test", OWN_NAME)),
                          pki.intermediate.certificate)
    assert refused.returncode == 1
    assert 'does not cover "*.b.shop.test", which is a server-name of route echo' in refused.stderr
    manager.done("install", "shop", manager.sign("shop", ("a.shop.test", "*.b.shop.test")),
                 pki.intermediate.certificate)
    assert front.check().returncode == 0
    assert [one["name"] for one in manager.told("show", "shop")["routes"]] == ["echo"]


def test_a_subject_is_asked_for_and_renewed_with_all_its_attributes(manager, pki):
    manager.done("new", "mail", "--host", NAMES[0], "--subject", SUBJECT)
    request = manager.state / "mail" / "request.csr"
    assert subject_of("req", request) == SUBJECT
    manager.done("self-signed", "mail", "--host", NAMES[0], "--subject", SUBJECT)
    assert subject_of("x509", manager.state / "mail" / "chain.pem") == SUBJECT
    manager.done("renew", "mail", "--replace")
    assert subject_of("req", request) == SUBJECT


def test_a_renewal_says_what_it_does_not_ask_for(manager, pki, run):
    made = pki.intermediate.issue("with-mail", ("mail.example.test", "email:post@example.test"))
    manager.done("import", "mail", made.key, made.chain)
    ran = manager.done("renew", "mail")
    assert "of its subjectAltName 1 entry is no host name" in ran.stderr


def test_keys_are_private_and_secret(manager):
    os.umask(0)
    made = manager.done("new", "mail", "--host", "mail.example.test")
    os.umask(0o022)
    for path in (manager.state, manager.state / "mail"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (manager.state / "mail").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = (manager.state / "mail" / "key.pem").read_text().splitlines()[1]
    assert secret not in made.stdout + made.stderr


@pytest.mark.parametrize("mask", ["0177", "0377", "0777"])
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_umask_that_takes_rights_from_the_owner_takes_none(manager, run, user, mask):
    folder = run.make_folder(f"umask-{user}-{manager.front.folder.name}")
    os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    file = folder / "front.conf"
    file.write_text(f"state = {folder}/state\n")
    script = (f"umask {mask} && $0 key new mail --host a.example -c {file} && "
              f"$0 key self-signed mail --host a.example -c {file} && "
              f"$0 key ticket-new {folder}/ticket")
    subprocess.run(["setpriv", f"--reuid={user}", "--clear-groups", "sh", "-c", script,
                    manager.front.binary], check=True, stdout=subprocess.DEVNULL)
    for path in (folder / "state", *(folder / "state").rglob("*"), folder / "ticket"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_second_request_is_staged_beside_and_either_answer_fits(manager, pki):
    key = manager.state / "mail" / "key.pem"
    manager.issue()
    before = key.read_bytes()
    manager.done("new", "mail", "--host", OWN_NAME, "--host", "pop.example.test")
    assert key.read_bytes() == before
    assert (manager.state / "mail" / "next-key.pem").exists()
    leaf = manager.sign("mail", (OWN_NAME, "pop.example.test"))
    manager.done("install", "mail", leaf, pki.intermediate.certificate)
    assert key.read_bytes() != before
    assert sorted(path.name for path in (manager.state / "mail").iterdir()) == \
        ["chain.pem", "key.pem"]


def test_before_the_first_answer_a_second_request_keeps_the_first_key(manager, pki):
    first = manager.request()
    leaf = manager.sign()
    key = manager.state / "mail" / "key.pem"
    before = key.read_bytes()
    manager.request()
    assert key.read_bytes() == before
    assert first.exists()
    manager.done("install", "mail", leaf, pki.intermediate.certificate)  # the first one's answer
    assert key.read_bytes() == before
    assert (manager.state / "mail" / "next-key.pem").exists()  # the second still waits
    second = manager.sign()
    manager.done("install", "mail", second, pki.intermediate.certificate)
    assert manager.serial_in_place() == serial(second)


def test_a_key_that_waits_is_thrown_away_only_when_told(manager):
    manager.issue()
    manager.request()
    before = manager.content()
    refused = manager.key("new", "mail", "--host", OWN_NAME)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    assert manager.content() == before
    manager.done("new", "mail", "--host", OWN_NAME, "--replace")
    after = manager.content()
    assert after["mail/next-key.pem"] != before["mail/next-key.pem"]
    assert after["mail/key.pem"] == before["mail/key.pem"]
    manager.done("remove", "mail", "--request")
    assert sorted(manager.content()) == [".lock", "mail/chain.pem", "mail/key.pem"]


# ---- renewal ----------------------------------------------------------------------------------


@pytest.mark.parametrize("same_key", [False, True])
def test_a_renewal_asks_for_the_same_names_and_changes_nothing_until_the_answer(manager, same_key):
    manager.issue()
    before = manager.content()
    told = manager.told("renew", "mail", *(["--same-key"] if same_key else []))
    assert sorted(told["names"]) == sorted(NAMES)
    after = manager.content()
    assert {name: after[name] for name in before} == before
    assert ("mail/next-key.pem" in after) == (not same_key)
    leaf = manager.sign()
    manager.done("install", "mail", leaf, manager.pki.intermediate.certificate)
    assert (manager.content()["mail/key.pem"] == before["mail/key.pem"]) == same_key
    assert manager.serial_in_place() == serial(leaf)


def test_the_daemon_serves_the_old_certificate_until_the_commit(echo_front, pki):
    front, manager, port = echo_front
    old = served_serial(port, pki)
    manager.done("renew", "mail")
    leaf = manager.sign()
    installed = manager.done("install", "mail", leaf, pki.intermediate.certificate)
    assert "tlsfront reload" in installed.stderr
    assert served_serial(port, pki) == old
    assert manager.told("show", "mail")["serving"] == "another"
    assert front.reload().returncode == 0
    assert served_serial(port, pki) == serial(leaf)
    assert manager.told("show", "mail")["serving"] == "this"
    manager.done("rollback", "mail", "--commit")
    assert served_serial(port, pki) == old
    manager.done("install", "mail", "--rollback", "--commit")  # and forth again
    assert served_serial(port, pki) == serial(leaf)


def test_a_renewal_under_load_loses_no_connection(echo_front, pki):
    _, manager, port = echo_front
    with tls.TlsClient(port, tls.context(pki)) as established:
        load = Load(port, tls.context(pki))
        for _ in range(5):
            manager.done("renew", "mail")
            leaf = manager.sign()
            manager.done("install", "mail", leaf, pki.intermediate.certificate, "--commit")
            assert served_serial(port, pki) == serial(leaf)
        load.stop()
        established.send(b"still here\n")
        assert established.read_until(b"\n") == b"still here\n"
    assert load.failures == []
    assert all(made > 0 for made in load.made)


def test_a_commit_that_the_daemon_refuses_says_so(echo_front, pki):
    front, manager, port = echo_front
    old = served_serial(port, pki)
    manager.done("renew", "mail")
    front.file.write_text(front.file.read_text() + "nonsense\n")
    refused = manager.key("install", "mail", manager.sign(), pki.intermediate.certificate,
                          "--commit")
    assert refused.returncode in (1, 78)
    assert served_serial(port, pki) == old


def test_without_a_daemon_a_commit_says_so_and_the_pair_is_in_place(manager, pki):
    manager.request()
    leaf = manager.sign()
    refused = manager.key("install", "mail", leaf, pki.intermediate.certificate, "--commit")
    assert refused.returncode == 1
    assert "no daemon answers" in refused.stderr
    assert manager.serial_in_place() == serial(leaf)


@contextlib.contextmanager
def daemon_that_says(path, answer):
    """Whatever it is asked, one caller."""
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(path))
        daemon.listen()

        def serve():
            caller, _ = daemon.accept()
            with caller:
                caller.recv(100)
                caller.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(30)
    path.unlink()


def test_what_is_served_is_known_among_thousands(manager):
    """A line for each certificate of the daemon."""
    control = manager.front.folder / "control.sock"
    manager.issue()
    fingerprint = manager.told("show", "mail")["fingerprint"]
    others = "".join(f"{number} {'0' * 64} {'1' * 64}\n" for number in range(9000))
    with daemon_that_says(control, f"0\n{others}mail {fingerprint} {'2' * 64}\n".encode()):
        assert manager.told("show", "mail")["serving"] == "this"


def test_why_nobody_knows_what_is_served_is_told(manager):
    control = manager.front.folder / "control.sock"
    manager.issue()
    assert "unknown: no daemon answers" in manager.done("show", "mail").stdout
    with daemon_that_says(control, b"0 99\nmail "):
        assert "unknown: the daemon broke off the answer" in manager.done("show", "mail").stdout
    with daemon_that_says(control, b"1\nthe answer is too long\n"):
        assert "unknown: the daemon says: the answer is too long" in \
            manager.done("show", "mail").stdout
    with daemon_that_says(control, b"0 99\nmail "):
        assert manager.told("show", "mail")["serving"] == "no daemon"


# ---- the rest ---------------------------------------------------------------------------------


def test_a_self_signed_one_serves_until_the_authority_has_answered(fronts, run, pki, module_toys):
    port = run.port()
    front = fronts.new(BLOCK, route("echo", port, module_toys(toy.echo).port))
    manager = KeyManager(front, pki)
    manager.request()
    hosts = [word for one in NAMES for word in ("--host", one)]
    manager.done("self-signed", "mail", *hosts, "--days", "7")
    shown = manager.told("show", "mail")
    assert shown["self_signed"] and shown["request_waits"] and shown["days_left"] in (6, 7)
    front.start()
    trusting = tls.ssl.create_default_context(cafile=manager.state / "mail" / "chain.pem")
    tls.TlsClient(port, trusting, sni=OWN_NAME).close()
    leaf = manager.sign()
    manager.done("install", "mail", leaf, pki.intermediate.certificate, "--commit")
    assert served_serial(port, pki) == serial(leaf)
    refused = manager.key("self-signed", "mail", *hosts)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr


@pytest.mark.parametrize("command, size, words", [
    ("self-signed", 161, "is the most that can be sent"),
    ("self-signed", 180, "the names alone take 18000 bytes"),
    ("new", 180, "the names alone take 18000 bytes"),
    ("new", 252, "the names alone take 25200 bytes"),
])
def test_names_that_no_certificate_can_carry_to_a_client_are_refused(manager, command, size, words):
    ends = [f"{i:02d}" + "." + ".".join(["x" * 49] * 6)[:size - 3] for i in range(100)]
    ran = manager.key(command, "mail", *(word for one in ends for word in ("--host", one)))
    assert ran.returncode == 1 and words in ran.stderr and "cure:" in ran.stderr, ran.stderr
    assert not (manager.state / "mail").exists()


def test_list_tells_state_names_expiry_and_routes(manager, pki):
    manager.front.write(BLOCK, pki.news.block(), pki.expired.block(),
                        route("echo", 1, 2, certificate=("mail", "news", "expired")))
    manager.request()
    manager.request("spare")
    told = {one["name"]: one for one in manager.told("list")["certificates"]}
    assert list(told) == ["mail", "news", "expired", "spare"]
    assert told["mail"]["state"] == "request waits"
    assert told["news"]["names"] == ["news.example.test"]
    assert [one["name"] for one in told["news"]["routes"]] == ["echo"]
    assert told["spare"]["routes"] == []
    assert told["expired"]["days_left"] < 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["expired"]["not_after"])
    text = manager.done("list").stdout
    assert "EXPIRED" in text and "request waits" in text and "news.example.test" in text


def test_remove_is_refused_while_the_configuration_names_it(manager):
    manager.issue()
    refused = manager.key("remove", "mail")
    assert refused.returncode == 1
    assert f"{manager.front.file} line" in refused.stderr
    assert (manager.state / "mail" / "key.pem").exists()
    manager.request("spare")
    manager.done("remove", "spare")
    assert not (manager.state / "spare").exists()


def test_commands_at_the_same_time_wait_for_each_other(manager):
    names = [f"one-{number}" for number in range(6)]
    threads = [threading.Thread(target=manager.request, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one["name"] for one in manager.told("list")["certificates"]] == ["mail", *names]
