"""Upstreams of our own that speak TLS, and what certificates are pinned by."""

import hashlib
import ssl
import subprocess

from clients.tls import VERSIONS


def context(certificate, version=None, *, clients=None):
    """A server's settings. `clients` is the authority whose certificates clients must show."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.chain, certificate.key)
    if version is not None:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    if clients is not None:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(clients)
    return made


def secured(settings, handler, *, notify=True, seen=None):
    """The handler inside TLS. Without `notify` it ends as one that was cut off; what is to be known
    of each connection is appended to `seen`."""
    def inside(connection):
        connection.settimeout(30)
        with settings.wrap_socket(connection, server_side=True) as tls:
            if seen is not None:
                seen.append({"version": tls.version(), "resumed": tls.session_reused,
                             "certificate": tls.getpeercert()})
            try:
                handler(tls)
                if notify:
                    tls.unwrap()
            except (OSError, ssl.SSLError):
                pass
    return inside


def pin(certificate):
    """The SHA-256 of its public key, in hex."""
    key = subprocess.run(["openssl", "x509", "-in", certificate.leaf, "-pubkey", "-noout"],
                         capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key,
                         capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest()
