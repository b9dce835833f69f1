"""Where the peers' certificates are, in all the forms in which their configurations name them."""

import os
import shutil

import pytest


@pytest.fixture(scope="module")
def place(run, pki, request):
    """mail and news as .pem (chain and key), .crt and .key; ca.crt; a directory of certificates."""
    folder = run.make_folder(f"{request.module.__name__}-place")
    for name, one in (("mail", pki.mail), ("news", pki.news)):
        chain, key = one.chain.read_text(), one.key.read_text()
        (folder / f"{name}.crt").write_text(chain)
        (folder / f"{name}.key").write_text(key)
        (folder / f"{name}.pem").write_text(chain + key)
        for file in (f"{name}.key", f"{name}.pem"):
            (folder / file).chmod(0o600)
    shutil.copy(pki.people.certificate, folder / "ca.crt")
    for name in ("tickets.1", "tickets.2"):
        (folder / name).write_bytes(os.urandom(48))
        (folder / name).chmod(0o600)
    certs = folder / "certs"
    certs.mkdir()
    for name in ("mail", "news"):
        shutil.copy(folder / f"{name}.pem", certs / f"{name}.pem")
    return folder
