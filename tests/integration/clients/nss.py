"""NSS, the library of Firefox and Thunderbird: its tstclnt through pipes."""

import subprocess

from clients.pipe import PipeClient

HYBRID = "mlkem768x25519"  # what NSS calls it, where it has it (3.105 on)


def database(run, pki):
    """A directory in which our authority is trusted."""
    made = run.make_folder("nss")
    for command in (["-N", "--empty-password"], ["-A", "-n", "ours", "-t", "C,,", "-i", pki.trust]):
        subprocess.run(["certutil", *map(str, command), "-d", f"sql:{made}"], check=True,
                       capture_output=True, stdin=subprocess.DEVNULL)
    return made


def groups():
    """The names of those that this NSS has."""
    said = subprocess.run(["tstclnt"], capture_output=True, text=True, check=False)
    text = (said.stdout + said.stderr).split("\n-I ", 1)[1].split("\n-J ", 1)[0]
    return text.replace(",", " ").split()


def session(trust, port, *extra):
    """`extra`: tstclnt's words, as in "-I", "P256,x25519"."""
    return PipeClient(["tstclnt", "-h", "127.0.0.1", "-p", port, "-a", "mail.example.test",
                       "-d", f"sql:{trust}", "-f", *extra])
