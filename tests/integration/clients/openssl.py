"""openssl s_client: a session through pipes, or the facts of one handshake."""

import re
import subprocess
from dataclasses import dataclass

from clients.pipe import PipeClient

VERSIONS = {"1.2": "-tls1_2", "1.3": "-tls1_3"}


def arguments(pki, port, version=None, sni="mail.example.test", host="127.0.0.1"):
    argv = ["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", pki.trust]
    if sni is not None:
        argv += ["-servername", sni]
    else:
        argv += ["-noservername"]
    if version is not None:
        argv.append(VERSIONS[version])
    return argv


def session(pki, port, *extra, version=None):
    return PipeClient(arguments(pki, port, version) + [
        "-quiet", "-verify_quiet", "-verify_return_error", "-verify_hostname",
        "mail.example.test", *extra])


@dataclass
class Handshake:
    status: int
    output: str
    errors: str

    def _find(self, pattern):
        match = re.search(pattern, self.output, re.MULTILINE)
        return match[1].strip() if match else None

    @property
    def succeeded(self):
        return self.cipher not in (None, "0000", "(NONE)")

    @property
    def version(self):
        return self._find(r"^(?:New|Reused), (TLSv[0-9.]+), Cipher is")

    @property
    def cipher(self):
        return self._find(r"^(?:New|Reused), .*Cipher is (\S+)")

    @property
    def resumed(self):
        return self._find(r"^(New|Reused), ") == "Reused"

    @property
    def serial(self):
        """The leaf's serial number, as pki.Certificate.serial() writes it."""
        leaf = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", self.output,
                         re.DOTALL)
        if leaf is None:
            return None
        done = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=leaf[0],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip().split("=")[1]

    @property
    def verified(self):
        return self._find(r"^\s*Verif(?:y return code|ication): (.*)$") in ("0 (ok)", "OK")

    @property
    def signature_type(self):
        return self._find(r"^Peer signature type: (.*)$")

    @property
    def group(self):
        return self._find(r"^(?:Server Temp Key|Peer Temp Key|Negotiated TLS1.3 group): ([^,\n]*)")

    @property
    def alpn(self):
        return self._find(r"^ALPN protocol: (.*)$")

    @property
    def alert(self):
        """The number of the alert that ended the handshake, None without one."""
        match = re.search(r"SSL alert number (\d+)", self.errors)
        return int(match[1]) if match else None


def handshake(pki, port, *extra, version=None, sni="mail.example.test", text=b"QUIT\r\n",
              host="127.0.0.1"):
    """Connect, say `text`, read to the end: the upstream must close after it."""
    done = subprocess.run([str(a) for a in arguments(pki, port, version, sni, host)]
                          + ["-ign_eof", "-showcerts", *map(str, extra)],
                          input=text, capture_output=True, timeout=60, check=False)
    return Handshake(done.returncode, done.stdout.decode(errors="replace"),
                     done.stderr.decode(errors="replace"))
