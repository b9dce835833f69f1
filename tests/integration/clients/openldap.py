"""OpenLDAP's tools, with our authority as the only one they trust."""

import base64
import shutil
import subprocess

# How to tell them a TLS version: Debian 12's are built with GnuTLS, Debian 13's with OpenSSL.
PRIORITY = {"1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}
OPENSSL_CONF = """openssl_conf = top
[top]
ssl_conf = modules
[modules]
system_default = limits
[limits]
MinProtocol = TLSv{0}
MaxProtocol = TLSv{0}
"""


def uses_gnutls(program):
    path = shutil.which(program)
    assert path, f"{program} is not installed: see packages.txt"
    return "gnutls" in subprocess.run(["ldd", path], capture_output=True, text=True,
                                      check=True).stdout


def run(program, pki, folder, url, version, *arguments, text=None, status=0):
    """Its output, when it ends with that status."""
    settings = folder / f"openssl-{version}.cnf"
    settings.write_text(OPENSSL_CONF.format(version))
    environment = {"PATH": "/usr/bin:/bin", "OPENSSL_CONF": str(settings),
                   "LDAPTLS_CACERT": str(pki.trust), "LDAPTLS_REQCERT": "demand"}
    if uses_gnutls(program):
        environment["LDAPTLS_CIPHER_SUITE"] = PRIORITY[version]
    done = subprocess.run([program, "-x", "-H", url, *arguments], input=text, capture_output=True,
                          text=True, check=False, timeout=60, env=environment)
    assert done.returncode == status, f"{program}: {done.returncode}: {done.stderr}"
    return done.stdout


def photo(output):
    """The one picture in an entry that was found."""
    text = output.replace("\n ", "")
    line = next(line for line in text.splitlines() if line.startswith("jpegPhoto:: "))
    return base64.b64decode(line.split(" ", 1)[1])
