"""TLS to the upstream (upstream-tls): who it has to be, what it is shown, how it ends."""

import base64
import re
import time

import pytest

from clients import tls
from clients.observer import Metrics
from harness.config import route, server_name
from harness.daemon import STATUS_CONFIG_WRONG
from harness.pki import Authority, openssl
from harness.wait import wait_until
from servers import secure, toy

POP3 = toy.greeter(b"+OK ready\r\n")


@pytest.fixture
def secured(toys):
    """A POP3 server inside TLS; returns it with what it saw of each connection."""
    def make(certificate, version=None, handler=POP3, *, clients=None, notify=True):
        seen = []
        settings = secure.context(certificate, version, clients=clients)
        server = toys(secure.secured(settings, handler, notify=notify, seen=seen))
        server.seen = seen
        return server
    return make


@pytest.fixture
def serve(fronts, run, pki):
    """Starts a daemon before those upstreams; returns it, with its port."""
    def start(*upstreams, blocks=(), protocol="pop3", workers=2, **options):
        port = run.port()
        front = fronts.start(pki.mail.block(), *blocks,
                             route("secured", port, list(upstreams), protocol=protocol, **options),
                             workers=workers)
        front.port = port
        return front
    return start


def verify(pki, **more):
    return {"upstream_tls": "verify", "upstream_ca": pki.trust} | more


def session(front, pki):
    """The greeting and the answer to QUIT."""
    with tls.TlsClient(front.port, tls.context(pki)) as client:
        greeting = client.read_until(b"\r\n")
        if greeting.startswith(b"+OK"):
            client.send(b"QUIT\r\n")
            client.read_until(b"\r\n")
        return greeting


def why(front):
    return front.wait_for_log("upstream-failed")["why"]


# ---- who it is ---------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["mail", "mail_rsa"])
def test_a_verified_upstream_serves(serve, secured, pki, version, kind):
    upstream = secured(getattr(pki, kind), version)
    front = serve(upstream.port, **verify(pki))
    assert session(front, pki) == b"+OK ready\r\n"
    ended = front.wait_for_log("end")
    assert ended["upstream-tls"] == f"TLSv{version}" == upstream.seen[0]["version"]
    assert ended["upstream-resumed"] == "no"
    assert ended["fault"] == "none"


@pytest.mark.parametrize("kind,reason", [
    ("expired", "upstream certificate has expired"),
    ("future", "upstream certificate is not yet valid"),
    ("news", "upstream certificate is for another name than 127.0.0.1"),
])
def test_a_certificate_that_will_not_do_is_refused_with_the_reason(serve, secured, pki, version,
                                                                   kind, reason):
    upstream = secured(getattr(pki, kind), version)
    front = serve(upstream.port, **verify(pki))
    assert session(front, pki).startswith(b"-ERR [SYS/TEMP]")
    assert why(front) == reason
    assert front.wait_for_log("end")["end"] == "refused: no upstream available"


def test_another_authority_does_not_vouch(serve, secured, pki, version):
    upstream = secured(pki.mail, version)
    front = serve(upstream.port, **verify(pki, upstream_ca=pki.people.certificate))
    assert session(front, pki).startswith(b"-ERR")
    assert why(front) == "upstream certificate is not signed by the upstream-ca"


def test_a_chain_may_be_in_disorder_and_not_beyond_measure(serve, secured, pki, version, tmp_path):
    """The first is served by whoever speaks TLS; a message has its bounds here."""
    upper = Authority(tmp_path, "upper", pki.root)
    lower = Authority(tmp_path, "lower", upper)
    leaf = lower.issue("leaf", pki.NAMES)
    disorder = "".join(one.read_text() for one in (leaf.leaf, upper.certificate, lower.certificate))
    for text, words in ((disorder, None), (disorder * 16, "more than 16 KiB")):
        leaf.chain.write_text(text)
        front = serve(secured(leaf, version).port, **verify(pki))
        if words is None:
            assert session(front, pki) == b"+OK ready\r\n"
        else:
            assert session(front, pki).startswith(b"-ERR")
            assert why(front) == f"upstream sent a handshake message of {words}"


def test_the_name_may_be_said(serve, secured, pki):
    upstream = secured(pki.news)
    front = serve(upstream.port, **verify(pki, upstream_name="news.example.test"))
    assert session(front, pki) == b"+OK ready\r\n"
    wrong = serve(upstream.port, **verify(pki, upstream_name="mail.example.test"))
    assert session(wrong, pki).startswith(b"-ERR")
    assert why(wrong) == "upstream certificate is for another name than mail.example.test"


def test_a_server_s_name_is_the_one_it_was_reached_by(serve, secured, pki):
    upstream = secured(pki.mail)
    front = serve(f"localhost:{upstream.port}", **verify(pki))
    wait_until(lambda: session(front, pki) == b"+OK ready\r\n" or time.sleep(0.1),
               "the upstream's name to be resolved")


@pytest.mark.parametrize("form", [
    lambda pin: pin,
    lambda pin: ":".join(pin[i:i + 2] for i in range(0, 64, 2)).upper(),
    lambda pin: "sha256/" + base64.b64encode(bytes.fromhex(pin)).decode(),
    lambda pin: "sha256//" + base64.b64encode(bytes.fromhex(pin)).decode()])
def test_a_pinned_key_is_enough(serve, secured, pki, form):
    upstream = secured(pki.expired)
    pins = ["0" * 64, form(secure.pin(pki.expired))]
    front = serve(upstream.port, upstream_tls="pinned", upstream_pins=pins)
    assert session(front, pki) == b"+OK ready\r\n"


def test_another_key_is_not(serve, secured, pki, version):
    upstream = secured(pki.mail, version)
    front = serve(upstream.port, upstream_tls="pinned", upstream_pins=[secure.pin(pki.news)])
    assert session(front, pki).startswith(b"-ERR")
    assert why(front) == "upstream certificate's key is none of the upstream-pins"


def test_one_that_will_not_do_is_passed_over(serve, secured, pki, toys):
    plain, expired, good = toys(POP3), secured(pki.expired), secured(pki.mail)
    front = serve(plain.port, expired.port, good.port, **verify(pki))
    assert session(front, pki) == b"+OK ready\r\n"
    assert [line["why"] for line in front.log("upstream-failed")] == [
        "upstream does not speak TLS on this port, or only after STARTTLS",
        "upstream certificate has expired"]
    assert front.wait_for_log("end")["upstream"] == f"127.0.0.1:{good.port}"


def test_one_that_says_nothing_has_the_time_for_connecting(serve, secured, pki, toys):
    silent, good = toys(toy.silent), secured(pki.mail)
    front = serve(silent.port, good.port, connect_timeout="3s", **verify(pki))
    assert session(front, pki) == b"+OK ready\r\n"
    assert why(front) == "connect timeout, in its TLS handshake"


def test_one_that_leaves_in_the_handshake_is_passed_over(serve, secured, pki, toys):
    gone, good = toys(lambda connection: connection.recv(10)), secured(pki.mail)
    front = serve(gone.port, good.port, **verify(pki))
    assert session(front, pki) == b"+OK ready\r\n"
    assert why(front) in (
        "upstream closed the connection without sending a byte",
        "connection reset by peer, in its TLS handshake")


def test_a_visit_only_connects(serve, secured, pki):
    upstream = secured(pki.mail)
    front = serve(upstream.port, health_check="500ms", **verify(pki))
    wait_until(lambda: upstream.accepted > 3, "visits")
    assert session(front, pki) == b"+OK ready\r\n"
    assert front.log("upstream-down") == []


def test_without_it_nothing_is_encrypted(serve, pki, toys):
    front = serve(toys(POP3).port)
    assert session(front, pki) == b"+OK ready\r\n"
    assert "upstream-tls" not in front.wait_for_log("end")


# ---- sessions ----------------------------------------------------------------------------------

def test_its_sessions_are_resumed(serve, secured, pki, version):
    upstream = secured(pki.mail, version)
    front = serve(upstream.port, workers=1, **verify(pki))
    for _ in range(3):
        assert session(front, pki) == b"+OK ready\r\n"
    assert [one["resumed"] for one in upstream.seen] == [False, True, True]
    wait_until(lambda: len(front.log("end", upstream_resumed="yes")) == 2, "two resumed sessions")


@pytest.fixture
def reloaded(serve, secured, pki, run):
    """A daemon before one upstream, and a function that has it reload with another upstream-ca."""
    upstream = secured(pki.mail)
    front = serve(upstream.port, workers=1, **verify(pki))

    def again(**options):
        front.write(pki.mail.block(), route("secured", front.port, upstream.port, protocol="pop3",
                                            **verify(pki, **options)))
        assert front.reload().returncode == 0
        session(front, pki)
        return upstream.seen[-1]["resumed"]

    session(front, pki)
    return again


def test_a_reload_keeps_the_sessions_of_a_policy_that_stays(reloaded):
    assert reloaded(idle_timeout="7m") is True


def test_a_reload_with_another_authority_does_not(reloaded, pki, run):
    both = run.folder / "both-ca.pem"
    both.write_text(pki.trust.read_text() + pki.people.certificate.read_text())
    assert reloaded(upstream_ca=both) is False
    assert reloaded(upstream_ca=both) is True
    assert reloaded(upstream_ca=both, upstream_name="mail.example.test") is False


# ---- who we are --------------------------------------------------------------------------------

@pytest.mark.parametrize("isolation", ["on", "off"])
def test_a_certificate_is_shown_to_one_that_asks(fronts, run, secured, pki, isolation):
    upstream, port = secured(pki.mail, clients=pki.people.certificate), run.port()
    fronts.start(pki.mail.block(), pki.alice.block(),
                 route("secured", port, upstream.port, protocol="pop3",
                       **verify(pki, upstream_certificate="alice")), key_isolation=isolation)
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert client.read_until(b"\r\n") == b"+OK ready\r\n"
    assert ("commonName", "alice.example.test") in upstream.seen[0]["certificate"]["subject"][0]


def test_a_certificate_that_is_not_for_clients_is_warned_of(fronts, run, pki):
    def said(certificate):
        front = fronts.new(pki.mail.block(), *([] if certificate is pki.mail else [certificate.block()]),
                           route("secured", run.port(), run.port(), protocol="pop3",
                                 **verify(pki, upstream_certificate=certificate.name)))
        done = front.check()
        assert done.returncode == 0
        return done.stderr
    assert "extendedKeyUsage does not allow clientAuth" in said(pki.mail)
    assert "clientAuth" not in said(pki.alice)


def test_one_that_wants_a_certificate_says_so(serve, secured, pki):
    upstream = secured(pki.mail, "1.3", clients=pki.people.certificate)
    front = serve(upstream.port, **verify(pki))
    assert session(front, pki).startswith(b"-ERR")
    assert why(front) == "upstream sent alert certificate_required (116)"


def test_with_a_certificate_tls12_is_not_offered(serve, secured, pki):
    upstream = secured(pki.mail, "1.2", clients=pki.people.certificate)
    front = serve(upstream.port, blocks=(pki.alice.block(),),
                  **verify(pki, upstream_certificate="alice"))
    assert session(front, pki).startswith(b"-ERR")
    assert why(front) == "upstream sent alert protocol_version (70)"


# ---- what goes through it ----------------------------------------------------------------------

LARGE = bytes(range(256)) * 20000


def test_much_goes_both_ways(serve, secured, pki, version):
    front = serve(secured(pki.mail, version, toy.slow_reader).port, protocol="tcp", **verify(pki))
    with tls.TlsClient(front.port, tls.context(pki)) as client:
        client.send(LARGE)
        client.close_notify()
        assert client.read_all() == str(len(LARGE)).encode()
    ended = front.wait_for_log("end")
    assert ended["fault"] == "none", ended
    assert int(ended["bytes-in"]) == len(LARGE)


def test_much_comes_back(serve, secured, pki, version):
    def generous(connection):
        connection.recv(1)
        connection.sendall(LARGE)

    front = serve(secured(pki.mail, version, generous).port, protocol="tcp", **verify(pki))
    with tls.TlsClient(front.port, tls.context(pki)) as client:
        client.send(b"x")
        assert client.read_all() == LARGE
        assert client.ended == tls.CLOSE_NOTIFY


def test_a_stream_that_is_cut_off_is_no_end(serve, secured, pki, version):
    def sudden(connection):
        connection.sendall(b"half of i")

    front = serve(secured(pki.mail, version, sudden, notify=False).port, protocol="tcp",
                  **verify(pki))
    with tls.TlsClient(front.port, tls.context(pki)) as client:
        assert client.read_all() == b"half of i"
        assert client.ended != tls.CLOSE_NOTIFY
    ended = front.wait_for_log("end")
    assert ended["end"] == "upstream closed the connection without close_notify"
    assert ended["fault"] == "upstream"


def test_the_proxy_header_goes_before_tls(serve, toys, pki):
    heard = []

    def proxied(connection):
        line = b""
        while not line.endswith(b"\n"):
            line += connection.recv(1)
        heard.append(line)
        secure.secured(secure.context(pki.mail), POP3)(connection)

    front = serve(toys(proxied).port, send_proxy="v1", **verify(pki))
    assert session(front, pki) == b"+OK ready\r\n"
    assert heard[0].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")


def test_a_unix_socket_s_server_has_the_name_that_is_said(serve, toys, pki, run):
    path = run.make_folder("secured-socket", 0o755) / "s"
    toys(secure.secured(secure.context(pki.mail), POP3), path)
    front = serve(f"unix:{path}", **verify(pki, upstream_name="mail.example.test"))
    assert session(front, pki) == b"+OK ready\r\n"


# ---- what is told ------------------------------------------------------------------------------

def test_status_and_metrics_tell(fronts, run, secured, pki):
    upstream, port = secured(pki.expired), run.port()
    observer = run.port()
    front = fronts.start(pki.mail.block(),
                         route("secured", port, upstream.port, protocol="pop3", **verify(pki)),
                         observe=f"127.0.0.1:{observer}")
    front.port = port
    session(front, pki)
    status = front.route_status("secured")
    assert status["upstream_tls"] == "verify"
    assert [one["subject"] for one in status["upstream_ca"]] == ["CN=root"]
    text = front.command("status", "-c", front.file).stdout
    assert "secured" in text
    assert Metrics(observer).get("tlsfront_upstream_failures_total", route="secured",
                                 reason="certificate") == 1


def test_authorities_that_can_vouch_for_nobody_are_an_error(fronts, run, pki, tmp_path):
    """The commonest: the server's own certificate, which an authority has issued."""
    weak = tmp_path / "weak.pem"
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", tmp_path / "weak.key",
            "-subj", "/CN=weak", "-out", weak)
    both = tmp_path / "both.pem"
    both.write_text(pki.mail.leaf.read_text() + pki.trust.read_text())
    for file, words in ((pki.mail.leaf, "is no authority's"), (weak, "less than 2048 bits"),
                        (both, None)):
        checked = fronts.new(pki.mail.block(), route(
            "secured", run.port(), run.port(), protocol="pop3",
            **verify(pki, upstream_ca=file))).check()
        if words is None:
            assert checked.returncode == 0 and checked.stderr == ""
        else:
            assert checked.returncode == STATUS_CONFIG_WRONG
            assert "no certificate in it that can vouch for a server" in checked.stderr
            assert words in checked.stderr


@pytest.mark.parametrize("left", [True, False])
def test_an_authority_that_has_expired_is_an_alarm_where_none_is_left(fronts, run, toys, pki, tmp_path, left):
    """A file of public authorities always has some that have."""
    gone, soon = (Authority(tmp_path, name, end=end) for name, end in (("gone", -5), ("soon", 5)))
    authorities, observer = tmp_path / "authorities.pem", run.port()
    found = [gone.certificate, soon.certificate, *([pki.trust] if left else [])]
    authorities.write_text("".join(one.read_text() for one in found))
    front = fronts.start(pki.mail.block(),
                         route("secured", run.port(), toys(POP3).port, protocol="pop3",
                               **verify(pki, upstream_ca=authorities)),
                         observe=f"127.0.0.1:{observer}")
    ends = [one for one in Metrics(observer).labels("tlsfront_certificate_not_after_timestamp_seconds")
            if one["kind"] == "upstream_ca"]
    assert len(ends) == 1
    last = "CN=root" if left else "CN=soon"
    assert [one["subject"] for one in front.route_status("secured")["upstream_ca"]] == [last]
    text = front.command("status", "-c", front.file).stdout
    assert f"route secured: 1 of {len(found)} authorities in {authorities} have expired" in text
    warned = [] if left else ["CN=soon"]
    assert [line["subject"] for line in front.log("upstream-ca-expires")] == warned
    checked = front.check()
    assert checked.returncode == 0
    assert checked.stderr.count("warning: route secured") == len(warned), checked.stderr


def test_a_certificate_that_is_shown_is_told_of_as_one_that_is_served(fronts, run, toys, pki):
    """Where it is bound, and when it ends; also that of a server name's own servers, and its authority."""
    shown = pki.people.issue("soon", ("soon.example.test",), client=True, start=-80, end=5)
    other = pki.people.issue("named", ("named.example.test",), client=True)
    named = server_name("mail.example.test", toys(POP3).port, upstream_ca=pki.people.certificate,
                        upstream_certificate="named")
    port, observer = run.port(), run.port()
    front = fronts.start(pki.mail.block(), shown.block(), other.block(),
                         route("secured", port, toys(POP3).port, protocol="pop3",
                               names=(named,), **verify(pki, upstream_certificate="soon")),
                         observe=f"127.0.0.1:{observer}")
    line = front.wait_for_log("certificate-expires")
    assert (line["name"], line["routes"]) == ("soon", "secured")
    told = {one["name"]: one for one in front.status()["certificates"]}
    assert [told[name]["upstreams_of"] for name in ("mail", "soon", "named")] == [[], ["secured"], ["secured"]]
    assert [told[name]["routes"] for name in ("mail", "soon", "named")] == [["secured"], [], []]
    assert len(front.route_status("secured")["upstream_ca"]) == 2
    text = front.command("status", "-c", front.file).stdout
    assert re.search(r"^certificate soon: .* - renew it, shown to the upstreams of secured$", text, re.M)
    ends = Metrics(observer).labels("tlsfront_certificate_not_after_timestamp_seconds")
    assert {str(pki.trust), str(pki.people.certificate)} <= {one["certificate"] for one in ends if one["kind"] == "upstream_ca"}
    shows = front.command("key", "show", "named", "-c", front.file)
    assert "shown to     the upstreams of secured" in shows.stdout, shows.stderr
    lists = front.command("key", "list", "-c", front.file).stdout
    assert re.search(r"^soon .* upstreams of secured$", lists, re.M)
