"""TLSA records (DANE) of what is served, staged and waited for, and the warning before a key changes."""

import hashlib
import re
import subprocess

import pytest

from harness.config import route
from harness.keys import CERTIFIED, NAMES, KeyManager
from harness.pki import openssl
from servers import toy

HOST = "mail.example.test"
RECORD = re.compile(r"_(\d+)\._tcp\.(\S+)\. IN TLSA ([23]) 1 1 ([0-9a-f]{64})")


@pytest.fixture
def floor(fronts, run, pki, toys):
    """(front, manager, ports): SMTP by STARTTLS and from the start, not started."""
    ports = [run.port(), run.port()]
    upstream = toys(toy.greeter(b"220 ready\r\n")).port
    front = fronts.new("certificate mail { }\n", *(
        route(f"smtp-{mode}", port, upstream, protocol="smtp", tls=mode, hostname=HOST)
        for mode, port in zip(("implicit", "optional"), ports)))
    return front, KeyManager(front, pki), ports


def digest(pem):
    """Of the public key, as RFC 6698 has it for selector 1 and matching type 1."""
    public = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem.encode(),
                            capture_output=True, check=True).stdout
    return hashlib.sha256(public).hexdigest()


def of_certificate(path):
    return digest(openssl("x509", "-in", path, "-noout", "-pubkey"))


def of_request(path):
    return digest(openssl("req", "-in", path, "-noout", "-pubkey"))


def records(manager):
    """{comment's words: {(port, host, usage, digest)}}"""
    found, words = {}, None
    for line in manager.done("show", "mail", "--tlsa").stdout.splitlines():
        if line.startswith("; "):
            words = line.removeprefix("; mail: ")
            found[words] = set()
            continue
        port, host, usage, data = RECORD.fullmatch(line).groups()
        found[words].add((int(port), host, int(usage), data))
    return found


def states(manager):
    """{state: {digest}} of the JSON."""
    found = {}
    for one in manager.told("show", "mail", "--tlsa")["tlsa"]:
        assert (one["selector"], one["matching_type"]) == (1, 1)
        assert one["usage"] == (2 if one["state"] == "issuer" else 3)
        found.setdefault(one["state"], set()).add(one["data"])
    return found


def test_records_are_for_every_host_and_port_and_their_digests_openssls(floor, pki):
    front, manager, ports = floor
    manager.issue()
    chain = manager.state / "mail" / "chain.pem"
    front.start()
    found = records(manager)
    assert list(found) == ["the key that is served now",
                           "the authority's key, for those who trust it for these names"]
    hosts = [name for name in NAMES if name != "127.0.0.1"]  # an address is no host
    key, issuer = of_certificate(chain), of_certificate(pki.intermediate.certificate)
    assert found["the key that is served now"] == {
        (port, host, 3, key) for port in ports for host in hosts}
    assert found["the authority's key, for those who trust it for these names"] == {
        (port, host, 2, issuer) for port in ports for host in hosts}


def test_danetool_makes_the_same_records(floor):
    front, manager, ports = floor
    manager.issue()
    front.start()
    done = subprocess.run(
        ["danetool", "--tlsa-rr", "--host", HOST, "--port", str(ports[0]), "--load-certificate",
         str(manager.state / "mail" / "chain.pem")], capture_output=True, text=True, check=True,
        timeout=60)
    owner, usage, selector, matching, data = re.search(
        r"(_\S+)\s+IN\s+TLSA\s+\(\s*(\w+)\s+(\w+)\s+(\w+)\s+(\w+)\s*\)", done.stdout).groups()
    assert [int(usage), int(selector), int(matching)] == [3, 1, 1]
    ours = manager.done("show", "mail", "--tlsa").stdout
    assert f"{owner} IN TLSA 3 1 1 {data.lower()}\n" in ours


def test_a_key_is_next_then_staged_then_served(floor, pki):
    front, manager, _ = floor
    request = manager.state / "mail" / "request.csr"
    manager.request()
    first = of_request(request)
    assert states(manager) == {"next": {first}}
    leaf = manager.sign()
    manager.done("install", "mail", leaf, pki.intermediate.certificate)
    issuer = of_certificate(pki.intermediate.certificate)
    assert states(manager) == {"staged": {first}, "issuer": {issuer}}
    front.start()
    assert states(manager) == {"served": {first}, "issuer": {issuer}}
    manager.done("renew", "mail")
    second = of_request(request)
    assert states(manager) == {"served": {first}, "next": {second}, "issuer": {issuer}}
    leaf = manager.sign()
    manager.done("install", "mail", leaf, pki.intermediate.certificate)
    assert states(manager) == {"served": {first}, "staged": {second}, "issuer": {issuer}}
    assert front.reload().returncode == 0
    assert states(manager) == {"served": {second}, "issuer": {issuer}}


def test_before_the_first_answer_both_keys_have_records(floor):
    _, manager, _ = floor
    first = of_request(manager.request())
    second = of_request(manager.request())
    assert states(manager) == {"next": {first, second}}


def test_a_renewal_with_the_same_key_keeps_the_records_and_warns_of_nothing(floor, pki):
    front, manager, _ = floor
    manager.issue()
    front.start()
    before = states(manager)
    renewed = manager.done("renew", "mail", "--same-key")
    assert states(manager) == before
    installed = manager.done("install", "mail", manager.sign(), pki.intermediate.certificate,
                             "--commit")
    assert states(manager) == before
    assert "TLSA" not in renewed.stderr + installed.stderr


def test_a_new_key_is_warned_about_before_and_after_its_answer(floor, pki):
    _, manager, _ = floor
    manager.issue()
    for command in (("renew", "mail"), ("new", "mail", "--host", HOST, "--replace")):
        said = manager.done(*command).stderr
        assert "`tlsfront key show mail --tlsa` now" in said and "--same-key" in said
    leaf = manager.sign("mail", (HOST,))
    told = manager.told("install", "mail", leaf, pki.intermediate.certificate)
    warning, = [one for one in told["findings"] if "the key of mail changes" in one["text"]]
    assert warning["severity"] == "warning"
    assert "key show mail --tlsa" in warning["cure"]
    back = manager.done("rollback", "mail")
    assert "warning: the key of mail changes" in back.stderr
    made = pki.intermediate.issue("elsewhere", CERTIFIED)
    taken = manager.done("import", "mail", made.key, made.chain)
    assert "warning: the key of mail changes" in taken.stderr
    again = manager.done("import", "mail", made.key, made.chain)
    assert "changes" not in again.stderr


def test_a_wildcard_has_the_routes_hostname_for_an_owner(floor, pki):
    _, manager, ports = floor
    manager.done("new", "mail", "--host", "*.example.test")
    manager.done("install", "mail", manager.sign("mail", ("*.example.test",)),
                 pki.intermediate.certificate)
    assert {record[:2] for some in records(manager).values() for record in some} == {
        (port, HOST) for port in ports}


def test_a_pair_in_files_of_its_own_has_records_too(fronts, run, pki, toys):
    port = run.port()
    front = fronts.new(pki.mail.block(), route("pop", port, toys(toy.echo).port))
    manager = KeyManager(front, pki)
    assert {data for some in records(manager).values() for *_, data in some} == {
        of_certificate(pki.mail.chain), of_certificate(pki.intermediate.certificate)}


def test_without_a_port_or_a_key_it_says_so(fronts, run, pki):
    front = fronts.new("certificate mail { }\n", pki.intermediate.issue("other", CERTIFIED).block(),
                       route("pop", run.port(), run.port(), certificate=("other",)))
    manager = KeyManager(front, pki)
    refused = manager.key("show", "mail", "--tlsa")
    assert refused.returncode == 1 and "tlsfront key new mail" in refused.stderr
    request = manager.request()
    shown = manager.done("show", "mail", "--tlsa")
    assert of_request(request) in shown.stdout and "IN TLSA" not in shown.stdout
    assert "begins with the port" in shown.stderr
