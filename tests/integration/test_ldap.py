"""LDAP over implicit TLS before a real slapd: bind, search, add and compare large entries."""

import base64
import random
import subprocess

import pytest

from clients import ldap, openssl, tls
from clients.ldap import Ldap
from harness.config import route
from servers.slapd import person

PRIORITY = {"1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}

@pytest.fixture(scope="module")
def port(fronts, run, pki, slapd):
    port = run.port()
    fronts.start(pki.mail.block(), route("ldaps", port, slapd.port, protocol="ldap"))
    return port


def openldap(program, pki, port, version, *arguments, text=None):
    done = subprocess.run([program, "-x", "-H", f"ldaps://127.0.0.1:{port}", *arguments],
                          input=text, capture_output=True, text=True, check=False, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "LDAPTLS_CACERT": str(pki.trust),
                               "LDAPTLS_REQCERT": "demand",
                               "LDAPTLS_CIPHER_SUITE": PRIORITY[version]})
    assert done.returncode == 0, f"{program}: {done.returncode}: {done.stderr}"
    return done.stdout


def photo(output):
    text = output.replace("\n ", "")
    line = next(line for line in text.splitlines() if line.startswith("jpegPhoto:: "))
    return base64.b64decode(line.split(" ", 1)[1])


def search(pki, port, version, slapd, expression, *attributes):
    return openldap("ldapsearch", pki, port, version, "-LLL", "-o", "ldif-wrap=no",
                    "-b", slapd.suffix, expression, *attributes)


def test_ldapsearch_finds_and_fetches_a_large_entry(port, pki, slapd, version):
    found = search(pki, port, version, slapd, "(uid=user1*)", "uid")
    assert found.count("dn: ") == 11
    assert search(pki, port, version, slapd, "(uid=no-such-user)", "uid") == ""
    assert photo(search(pki, port, version, slapd, "(uid=large)")) == slapd.photo


def test_ldapadd_sends_a_large_entry(port, pki, slapd, version):
    uid, data = f"added-{version}", random.Random(version).randbytes(2_000_000)
    openldap("ldapadd", pki, port, version, "-D", slapd.admin, "-w", slapd.password,
         text=person(uid, data))
    assert photo(search(pki, port, version, slapd, f"(uid={uid})")) == data


def by_python(pki, port, version):
    return tls.TlsClient(port, tls.context(pki, version))


def by_openssl(pki, port, version):
    return openssl.session(pki, port, version=version)


@pytest.mark.parametrize("connect", [by_python, by_openssl])
def test_raw_clients_bind_and_search(port, pki, slapd, version, connect):
    with connect(pki, port, version) as session:
        client = Ldap(session)
        client.bind()
        entries = client.search(slapd.suffix, "uid", "user7")
        assert len(entries) == 1
        assert b"user7@example.test" in entries[0]
        large, = client.search(slapd.suffix, "uid", "large")
        assert slapd.photo in large
        assert client.search(slapd.suffix, "uid", "no-such-user") == []
        client.unbind()


def test_a_request_in_single_bytes_is_answered(port, pki, version):
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        for byte in ldap.bind_request(1):
            client.send(bytes([byte]))
        number, tag, content = ldap.read_message(client)
        assert (number, tag, ldap.result_code(content)) == (1, ldap.BOUND, 0)
        client.send(ldap.unbind_request(2))
        assert client.read_all() == b""
        assert client.ended == tls.CLOSE_NOTIFY
