"""LDAP over implicit TLS before a real slapd: bind, search, add and compare large entries."""

import random

import pytest

from clients import ldap, openssl, tls
from clients import openldap as tools
from clients.openldap import photo
from harness.config import route
from harness.sessions import bind_and_search
from harness.wait import wait_until
from servers.slapd import person


@pytest.fixture(scope="module")
def front(fronts, run, pki, slapd):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("ldaps", port, slapd.port, protocol="ldap"))
    front.port = port
    return front


@pytest.fixture
def port(front):
    return front.port


@pytest.fixture
def openldap(front, run, pki, version):
    """Run one of OpenLDAP's tools over the TLS version; returns its output."""
    def tool(program, *arguments, text=None):
        before = len(front.log("end", tls=f"TLSv{version}"))
        output = tools.run(program, pki, run.folder, f"ldaps://127.0.0.1:{front.port}", version,
                           *arguments, text=text)
        wait_until(lambda: len(front.log("end", tls=f"TLSv{version}")) > before,
                   f"a session with TLS {version}")
        return output
    return tool


def search(openldap, slapd, expression, *attributes):
    return openldap("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", slapd.suffix, expression,
                    *attributes)


def test_ldapsearch_finds_and_fetches_a_large_entry(openldap, slapd):
    found = search(openldap, slapd, "(uid=user1*)", "uid")
    assert found.count("dn: ") == 11
    assert search(openldap, slapd, "(uid=no-such-user)", "uid") == ""
    assert photo(search(openldap, slapd, "(uid=large)")) == slapd.photo


def test_ldapadd_sends_a_large_entry(openldap, slapd, version):
    uid, data = f"added-{version}", random.Random(version).randbytes(2_000_000)
    openldap("ldapadd", "-D", slapd.admin, "-w", slapd.password, text=person(uid, data))
    assert photo(search(openldap, slapd, f"(uid={uid})")) == data


def by_python(pki, port, version):
    return tls.TlsClient(port, tls.context(pki, version))


def by_openssl(pki, port, version):
    return openssl.session(pki, port, version=version)


@pytest.mark.parametrize("connect", [by_python, by_openssl])
def test_raw_clients_bind_and_search(port, pki, slapd, version, connect):
    with connect(pki, port, version) as session:
        bind_and_search(session, slapd)


def test_a_request_in_single_bytes_is_answered(port, pki, version):
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        for byte in ldap.bind_request(1):
            client.send(bytes([byte]))
        number, tag, content = ldap.read_message(client)
        assert (number, tag, ldap.result_code(content)) == (1, ldap.BOUND, 0)
        client.send(ldap.unbind_request(2))
        assert client.read_all() == b""
        assert client.ended == tls.CLOSE_NOTIFY
