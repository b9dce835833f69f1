"""X25519MLKEM768 with a client that is not ours: who gets it, what the operator sees of it, and its
long ClientHello in two segments in every protocol."""

import pytest

from clients import dialects, gnutls, nss, openssl
from clients.hybrid import HYBRID, HybridClient, program
from harness.config import route
from harness.modes import MODES
from harness.scene import Stage
from servers import toy

NAMES = {"X25519": "x25519", "P-256": "secp256r1"}  # the client's, and IANA's
SETTINGS = {
    "usual": {},
    "isolated": {"certificate": ("mail-rsa",)},
    "classical": {"groups": ("x25519", "secp256r1")},
    "only": {"groups": (HYBRID,), "min_version": "1.3"},
    "last": {"groups": ("x25519", HYBRID)},
    "mutual": {"client_certificate": "optional"},
}


class Ports:
    """A route's port by the route's name."""


@pytest.fixture(scope="module", autouse=True)
def client():
    """Without one, and so without the back ends, there is nothing here to look at."""
    return program()


@pytest.fixture(scope="module")
def ports(fronts, run, pki, module_toys):
    upstream = module_toys(toy.one_line).port
    made, blocks = Ports(), []
    for name, options in SETTINGS.items():
        setattr(made, name, run.port())
        if "client_certificate" in options:
            options = options | {"client_ca": pki.people.certificate}
        blocks.append(route(name, getattr(made, name), upstream, **options))
    made.front = fronts.start(pki.mail.block(), pki.mail_rsa.block(), *blocks)
    return made


def agreed(ports, pki, name, groups, **options):
    """The group on which that client and route agree, by both ends; data passes."""
    with HybridClient(pki, getattr(ports, name), groups=groups, **options) as client:
        client.send(b"hello\n")
        assert client.read_until(b"\n") == b"hello\n"
        client.finish()
        ports.front.wait_for_log("end", route=name, fault="none", tls="TLSv1.3",
                                 group=NAMES.get(client.group, client.group))
        return client.group


@pytest.mark.parametrize("name, groups, wanted", [
    ("usual", "X25519MLKEM768:X25519", HYBRID),
    ("usual", "X25519MLKEM768", HYBRID),
    ("usual", "X25519:X25519MLKEM768", HYBRID),  # it sends both: ours decides
    ("usual", "P-256:X25519", "P-256"),
    ("isolated", "X25519MLKEM768:X25519", HYBRID),
    ("mutual", "X25519MLKEM768:X25519", HYBRID),
    ("last", "X25519MLKEM768:X25519", "X25519"),
    ("last", "X25519MLKEM768:P-256", HYBRID),
    ("classical", "X25519MLKEM768:X25519", "X25519"),
    ("classical", "X25519MLKEM768:P-384:P-256", "P-256"),  # asked again: its shares do not fit
    ("only", "X25519:P-256:X25519MLKEM768", HYBRID),
    ("only", "P-384:X25519:X25519MLKEM768", HYBRID),
])
def test_what_a_client_and_a_route_agree_on(ports, pki, name, groups, wanted):
    assert agreed(ports, pki, name, groups) == wanted


@pytest.mark.parametrize("name", ["usual", "classical"])
def test_clients_without_it_are_served_as_before(ports, pki, version, name):
    assert openssl.handshake(pki, getattr(ports, name), version=version).succeeded
    ports.front.wait_for_log("end", route=name, tls=f"TLSv{version}", group="x25519", fault="none")
    with gnutls.quiet_session(pki, getattr(ports, name), version=version) as session:
        session.send(b"hello\n")
        assert session.read_until(b"hello\n")


@pytest.fixture(scope="module")
def nss_trust(run, pki):
    return nss.database(run, pki)


def nss_agrees(ports, trust, name, *extra):
    """By the log: tstclnt says nothing of it. Data passes."""
    with nss.session(trust, getattr(ports, name), *extra) as session:
        session.send(b"hello\n")
        assert session.read_until(b"hello\n")
        return ports.front.wait_for_log("open", route=name)["group"]


@pytest.mark.parametrize("name", ["usual", "mutual", "classical"])
def test_nss_as_it_is_is_served(ports, nss_trust, name):
    """With a share of x25519 first in all that Debian has; some later one may begin with the hybrid."""
    agreed_on = nss_agrees(ports, nss_trust, name)
    assert agreed_on == "x25519" or (agreed_on == HYBRID and name != "classical")


@pytest.mark.parametrize("name", ["usual", "only"])
def test_nss_that_has_it_gets_it(ports, nss_trust, name):
    if nss.HYBRID not in nss.groups():
        pytest.skip(f"this NSS has no {nss.HYBRID}; Debian 13's has")
    assert nss_agrees(ports, nss_trust, name, "-I", f"{nss.HYBRID},x25519") == HYBRID


@pytest.mark.parametrize("name", ["usual", "classical"])
def test_nss_with_another_group_is_served_with_that(ports, nss_trust, name):
    assert nss_agrees(ports, nss_trust, name, "-I", "P256") == "secp256r1"


@pytest.mark.parametrize("version, priority, wanted", [
    ("1.3", "+GROUP-X25519:+GROUP-SECP256R1", "x25519"), ("1.3", "+GROUP-SECP384R1", "secp384r1"),
    ("1.3", "+GROUP-SECP521R1:+GROUP-SECP384R1", "secp384r1"), ("1.2", "+GROUP-X25519:+GROUP-SECP256R1", "x25519")])
def test_gnutls_agrees_on_a_group(ports, pki, version, priority, wanted):
    """Also where its first share is of none of ours, so that it is asked for another."""
    with gnutls.quiet_session(pki, ports.usual, version=version, groups=priority) as session:
        session.send(b"hello\n")
        assert session.read_until(b"hello\n")
        opened = ports.front.wait_for_log("open", route="usual")
    assert (opened["tls"], opened["group"]) == (f"TLSv{version}", wanted)


def test_a_client_without_it_is_refused_where_there_is_nothing_else(ports, pki):
    shake = openssl.handshake(pki, ports.only, version="1.3")
    assert not shake.succeeded
    assert shake.alert == 40  # handshake_failure
    ended = ports.front.wait_for_log("end", route="only", fault="client")
    assert "in common" in ended["end"]


@pytest.mark.parametrize("name", ["usual", "isolated", "last"])
def test_a_session_is_resumed_with_it(ports, pki, run, name):
    kept = run.folder / f"hybrid-{name}.session"
    for again in (False, True, True):
        with HybridClient(pki, getattr(ports, name), session=kept) as client:
            client.send(b"hello\n")
            client.read_until(b"\n")
            client.finish()
            assert client.resumed == again
            assert client.group == ("X25519" if name == "last" else HYBRID)


# ---- what the operator sees ----------------------------------------------------------------------

def test_status_counts_handshakes_by_group(fronts, run, pki, module_toys):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("counted", port, module_toys(toy.one_line).port))
    for groups in ("X25519MLKEM768:X25519", "X25519MLKEM768", "P-256"):
        with HybridClient(pki, port, groups=groups) as client:
            client.send(b"hello\n")
            client.read_until(b"\n")
    openssl.handshake(pki, port, version="1.2")
    front.wait_for_log("end", route="counted", tls="TLSv1.2")
    counted = front.status()["routes"][0]["handshakes"]
    assert counted["completed"] == 4
    assert counted["groups"] == {HYBRID: 2, "x25519": 1, "secp256r1": 1, "secp384r1": 0,
                                 "secp521r1": 0}
    text = front.command("status", "-c", front.file).stdout
    line, = (one for one in text.splitlines() if one.startswith("counted"))
    assert line.split()[4:8] == ["4", "0", "2", "0"]  # handshakes, resumed, hybrid, failed


# ---- the ClientHello in two segments -------------------------------------------------------------

CUTS = (1, 4, 5, 6, 43, 200, 517, 1024, 1216, 1448, -1)


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, dialects.ALL)
    yield made
    made.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dialect", dialects.ALL, ids=lambda one: one.protocol)
def test_starttls_takes_the_hello_in_two_segments(stage, pki, dialect, mode):
    scene = stage.scene(dialect, mode)
    for cut in CUTS:
        with scene.connect() as client:
            scene.ask(client, dialect.upgrade, dialect.ready)
            with HybridClient(pki, client.socket, cut=cut) as secure:
                assert secure.group == HYBRID
                assert len(secure.hello) > 1216
                if dialect.protocol == "sieve":
                    secure.read_until(dialect.upstream_greeting)
                scene.probe(secure)


def test_implicit_tls_takes_the_hello_in_two_segments(ports, pki):
    for cut in CUTS:
        assert agreed(ports, pki, "usual", "X25519MLKEM768:X25519", cut=cut) == HYBRID


def test_the_upgrade_and_the_hello_in_one_segment_are_an_injection_all_the_same(stage, pki):
    """However long the hello: what comes behind the command before the answer ends the session."""
    scene = stage.scene(dialects.SMTP, "required")
    with scene.connect() as client:
        client.send(dialects.SMTP.upgrade + b"\x16\x03\x01" + bytes(1400))
        client.read_all()
        assert client.ended
