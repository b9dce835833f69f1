"""ManageSieve over implicit TLS before a real dovecot: upload, list and read back scripts."""

import pytest

from clients import gnutls, openssl, tls
from clients.sieve import Sieve, SieveError
from harness.config import route
from harness.sessions import keep_scripts
from servers.common import PASSWORD



def by_python(pki, port, version):
    return tls.TlsClient(port, tls.context(pki, version))


def by_openssl(pki, port, version):
    return openssl.session(pki, port, version=version)


def by_gnutls(pki, port, version):
    return gnutls.quiet_session(pki, port, version=version)


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
        keep_scripts(client, dovecot.new_mailbox())


def test_a_broken_script_is_the_servers_to_refuse(port, pki, dovecot):
    with by_python(pki, port, "1.3") as session:
        client = Sieve(session)
        client.login(dovecot.new_mailbox(), PASSWORD)
        with pytest.raises(SieveError, match="NO"):
            client.put("broken", b"if if if\r\n")
        client.logout()
