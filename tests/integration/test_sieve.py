"""ManageSieve over implicit TLS before a real dovecot: upload, list and read back scripts."""

import pytest

from clients import gnutls, openssl, tls
from clients.sieve import Sieve, SieveError
from harness.config import route
from servers.common import PASSWORD

SCRIPT = b'require "fileinto";\r\nif header :contains "Subject" "list" {\r\n' \
         b'    fileinto "Lists";\r\n}\r\n'
# Comments make it long enough for several records; dovecot takes up to 1 MiB.
LARGE = SCRIPT + b"# 0123456789 0123456789 0123456789 0123456789 0123456789\r\n" * 12000


def by_python(pki, port, version):
    return tls.TlsClient(port, tls.context(pki, version))


def by_openssl(pki, port, version):
    return openssl.session(pki, port, version=version)


def by_gnutls(pki, port, version):
    session = gnutls.session(pki, port, version=version)
    session.read_until(b"- Simple Client Mode:\n\n")
    return session


@pytest.fixture(scope="module")
def port(fronts, run, pki, dovecot):
    port = run.port()
    fronts.start(pki.mail.block(), route("sieve", port, dovecot.sieve, protocol="sieve"))
    return port


@pytest.mark.parametrize("connect", [by_python, by_openssl, by_gnutls])
def test_scripts_are_uploaded_listed_and_read_back(port, pki, dovecot, version, connect):
    with connect(pki, port, version) as session:
        client = Sieve(session)
        assert b'"SIEVE"' in client.capabilities
        client.login(dovecot.new_mailbox(), PASSWORD)
        client.put("small", SCRIPT)
        client.put("large", LARGE)
        client.activate("small")
        assert sorted(client.names()) == [b"large", b"small"]
        assert client.get("small") == SCRIPT
        assert client.get("large") == LARGE
        client.logout()


def test_a_broken_script_is_the_servers_to_refuse(port, pki, dovecot):
    with by_python(pki, port, "1.3") as session:
        client = Sieve(session)
        client.login(dovecot.new_mailbox(), PASSWORD)
        with pytest.raises(SieveError, match="NO"):
            client.put("broken", b"if if if\r\n")
        client.logout()
