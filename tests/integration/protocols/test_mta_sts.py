"""A policy of MTA-STS over HTTPS (RFC 8461): fetched with curl as a sender does, kept right by `check`, changed by a reload."""

import itertools
import subprocess

import pytest

from clients import tls
from harness.config import route, settings
from harness.wait import wait_until
from servers import toy

HOST = "mta-sts.example.test"
PATH = "/.well-known/mta-sts.txt"
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.test\r\nmax_age: 604800\r\n"
OTHER = POLICY.replace("enforce", "testing")


class Site:
    def __init__(self, fronts, run, pki, name, **options):
        self.pki, self.port = pki, run.port()
        self.file = run.make_folder(f"policy-{name}") / "mta-sts.txt"
        self.file.write_bytes(POLICY.encode())
        self.file.chmod(0o644)
        self.certificate = pki.intermediate.issue(f"sts-{name}", (HOST,))
        self.options = options
        self.front = fronts.new(*self.blocks())

    def blocks(self, **options):
        body = {"listen": f"127.0.0.1:{self.port}", "protocol": "mta-sts", "policy": self.file,
                "certificate": [self.certificate.name]} | self.options | options
        return self.certificate.block(), f"route sts {{\n{settings(body, '    ')}}}\n"

    def curl(self, *extra, path=PATH):
        """(status, headers, body); the certificate has to be right."""
        done = subprocess.run(
            ["curl", "-sS", "-i", "--cacert", str(self.pki.trust), "--max-time", "30", "--connect-to",
             f"{HOST}:443:127.0.0.1:{self.port}", f"https://{HOST}{path}", *extra],
            capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), headers, body.decode("utf-8", "surrogateescape")


NUMBERS = itertools.count(1)


@pytest.fixture
def site(fronts, run, pki):
    return lambda **options: Site(fronts, run, pki, str(next(NUMBERS)), **options)


def test_senders_get_the_policy(site):
    sts = site()
    assert sts.front.check().stderr == ""
    sts.front.start()
    status, headers, body = sts.curl()
    assert (status, body) == (200, sts.file.read_bytes().decode())
    assert headers["content-type"] == "text/plain"
    assert headers["content-length"] == str(len(body))
    ended = sts.front.wait_for_log("end", route="sts")
    assert (ended["fault"], ended["end"], ended["stage"]) == ("none", "the policy was served", "request")
    assert ended["alpn"] == "http/1.1"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_head_has_no_body_in_both_versions_of_tls(site, version):
    sts = site()
    sts.front.start()
    status, headers, body = sts.curl("--head", "--tls-max", version, f"--tlsv{version}")
    assert (status, body, headers["content-length"]) == (200, "", str(len(POLICY)))


@pytest.mark.parametrize("path", ["/", "/mta-sts.txt", "/.well-known/", PATH + "/", PATH + "?x=1",
                                  "/.well-known/acme-challenge/x"])
def test_nothing_else_is_there(site, path):
    sts = site()
    sts.front.start()
    status, _, body = sts.curl("--path-as-is", path=path)
    assert (status, body) == (404, "Only /.well-known/mta-sts.txt is here.\n")
    assert sts.front.wait_for_log("end", route="sts")["fault"] == "client"


def test_other_methods_and_nonsense_are_refused(site, pki):
    sts = site()
    sts.front.start()
    status, headers, _ = sts.curl("-X", "POST", "-d", "x=1")
    assert (status, headers["allow"]) == (405, "get, head")
    with tls.TlsClient(sts.port, tls.context(pki), sni=HOST) as client:
        client.send(b"EHLO me\r\n")
        assert client.read_all().startswith(b"HTTP/1.1 400 ")
        assert client.ended == tls.CLOSE_NOTIFY


def test_a_request_may_come_in_pieces_or_with_the_handshakes_end(site, pki):
    sts = site()
    sts.front.start()
    request = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    for pieces in ([request], [bytes([byte]) for byte in request]):
        with tls.TlsClient(sts.port, tls.context(pki, "1.3"), sni=HOST) as client:
            for piece in pieces:
                client.send(piece)
            assert client.read_all().endswith(POLICY.encode())


def test_a_client_that_stays_silent_is_told_that_time_is_up(site, pki):
    sts = site(handshake_timeout="6s")
    sts.front.start()
    with tls.TlsClient(sts.port, tls.context(pki), sni=HOST) as client:
        assert client.read_all().startswith(b"HTTP/1.1 408 ")
    with tls.TlsClient(sts.port, tls.context(pki), sni=HOST) as client:
        client.close_notify()
    assert sts.front.wait_for_log("end", end="the client left in the middle of its request")


def test_another_policy_is_served_after_a_reload(site):
    sts = site()
    sts.front.start()
    assert sts.curl()[2] == POLICY
    sts.file.write_bytes(OTHER.encode())
    done = sts.front.reload()
    assert done.returncode == 0 and "another policy; its TXT record wants another id" in done.stdout
    assert sts.curl()[2] == OTHER
    sts.file.write_text("mode: enforce\n")
    refused = sts.front.reload()
    assert refused.returncode == 78 and "there is no version" in refused.stdout + refused.stderr
    assert sts.curl()[2] == OTHER


def test_a_policy_that_changes_on_disk_is_taken_up_by_itself(site):
    sts = site()
    sts.front.write(*sts.blocks(), watch="on")
    sts.front.start()
    sts.file.write_bytes(OTHER.encode())
    wait_until(lambda: sts.curl()[2] == OTHER, "the other policy", 30)


@pytest.mark.parametrize("options, words, code", [
    ({"deny": ["127.0.0.0/8"]}, "There is no service for your address.", 403),
    ({"connection_rate_per_ip": "1/1h"}, "Try again later.", 503)])
def test_a_route_with_a_policy_has_guards_too(site, options, words, code):
    sts = site(**options)
    sts.front.start()
    answers = [sts.curl() for _ in range(2)]
    assert answers[-1][0] == code and words in answers[-1][2]


def test_draining_it_says_so(site, pki, fronts, run, toys):
    sts, port = site(), run.port()
    sts.front.write(*sts.blocks(), pki.mail.block(),
                    route("keep", port, toys(toy.greeter(b"+OK\r\n")).port), drain_timeout="60s")
    sts.front.start()
    with tls.TlsClient(port, tls.context(pki)) as inside:
        inside.read_until(b"+OK\r\n")
        sts.front.workers()
        sts.front.send(15)
        sts.front.wait_for_log("draining")
        assert sts.curl()[0] == 503
    sts.front.verify_end(sts.front.process.wait(30))


# ---- check ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy, severity, words", [
    ("version: STSv1\nmode: enforce\nmax_age: 604800\n", "error", "there is no mx"),
    ("version: STSv1\nmode: on\nmx: a.example\nmax_age: 1\n", "error", "line 2: that is no mode"),
    (POLICY + "mx: 192.0.2.1\n", "error", "line 5: that is no name of a mail server"),
    ("", "error", "there is no version"),
    (POLICY + "#" * 70000, "error", "larger than the 64 KiB"),
    (POLICY.replace("604800", "60"), "warning", "line 4: senders forget the policy")],
    ids=["no mx", "mode", "mx", "empty", "large", "short"])
def test_check_judges_the_policy(site, policy, severity, words):
    sts = site()
    sts.file.write_text(policy)
    done = sts.front.check()
    assert done.returncode == (78 if severity == "error" else 0)
    finding = next(line for line in done.stderr.splitlines() if words in line)
    assert f": {severity}: route sts: {sts.file}" in finding and finding.startswith(f"{sts.front.file}:")


@pytest.mark.parametrize("options, words", [
    ({"policy": None}, "there is no policy"),
    ({"policy": "/nowhere/mta-sts.txt"}, "No such file"),
    ({"certificate": None}, "there is no certificate"),
    ({"upstream": "127.0.0.1:80"}, "upstream has no place on an mta-sts route"),
    ({"challenges": "/tmp"}, "challenges has a place on acme routes only"),
    ({"tls": "off"}, "tls is off"),
    ({"tls": "required"}, "knows no STARTTLS")])
def test_check_finds_what_such_a_route_lacks_or_has_too_much(site, options, words):
    sts = site()
    sts.front.write(*sts.blocks(**options))
    done = sts.front.check()
    assert done.returncode == 78 and words in done.stderr


def test_a_certificate_without_the_name_that_senders_ask_for_is_warned_about(site, pki):
    sts = site()
    sts.certificate = pki.mail
    sts.front.write(*sts.blocks())
    done = sts.front.check()
    assert done.returncode == 0 and "mta-sts.DOMAIN" in done.stderr


def test_a_policy_has_no_place_elsewhere(fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("pop3s", run.port(), run.port(), protocol="pop3",
                                               policy="/tmp/mta-sts.txt"))
    done = front.check()
    assert done.returncode == 78 and "policy has a place on mta-sts routes only" in done.stderr
