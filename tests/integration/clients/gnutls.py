"""gnutls-cli through pipes."""

from clients.pipe import PipeClient

VERSIONS = {"1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3",
            None: "NORMAL"}


def session(pki, port, *extra, version=None, groups=None):
    """The handshake's report comes first on the same output: read_until what the server says.
    `groups`: "+GROUP-...", as in a priority string, instead of all that GnuTLS has."""
    priority = VERSIONS[version] + (f":-GROUP-ALL:{groups}" if groups else "")
    return PipeClient(["gnutls-cli", "--x509cafile", pki.trust, "--verify-hostname",
                       "mail.example.test", "--sni-hostname", "mail.example.test",
                       "--priority", priority, "--port", port, *extra, "127.0.0.1"])


def quiet_session(pki, port, *extra, version=None, groups=None):
    """With the report behind it."""
    made = session(pki, port, *extra, version=version, groups=groups)
    made.read_until(b"- Simple Client Mode:\n\n")
    return made
