"""The key manager's commands, and the authority's side of the work."""

import json
import subprocess

from harness.pki import openssl

NAMES = ("mail.example.test", "localhost", "127.0.0.1")
CERTIFIED = ("mail.example.test", "localhost", "IP:127.0.0.1")


class KeyManager:
    """`tlsfront key` on behalf of one daemon, which need not run."""

    def __init__(self, front, pki):
        self.front, self.pki = front, pki
        self.state = front.folder / "state"
        self.answers = front.folder / "answers"
        self.answers.mkdir(exist_ok=True)

    def key(self, command, *arguments, wrapper=()):
        return subprocess.run(
            [*wrapper, str(self.front.binary), "key", command, *map(str, arguments),
             "-c", str(self.front.file)],
            capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)

    def done(self, command, *arguments):
        """It has to succeed."""
        ran = self.key(command, *arguments)
        assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
        return ran

    def told(self, command, *arguments):
        """What it says as JSON; it has to succeed."""
        return json.loads(self.done(command, *arguments, "--json").stdout)

    def request(self, name="mail", names=NAMES):
        hosts = [word for one in names for word in ("--host", one)]
        self.done("new", name, *hosts)
        return self.state / name / "request.csr"

    def sign(self, name="mail", names=CERTIFIED, **options):
        """The leaf that the intermediate authority makes of the waiting request."""
        number = len(list(self.answers.iterdir()))
        return self.pki.intermediate.answer(self.state / name / "request.csr",
                                            self.answers / f"{name}-{number}.pem", names,
                                            **options)

    def issue(self, name="mail"):
        """The whole way to an installed certificate."""
        self.request(name)
        leaf = self.sign(name)
        self.done("install", name, leaf, self.pki.intermediate.certificate)
        return leaf

    def content(self):
        """Every file of STATE, to see that nothing changed."""
        return {str(path.relative_to(self.state)): path.read_bytes()
                for path in sorted(self.state.rglob("*")) if path.is_file()}

    def serial_in_place(self, name="mail"):
        return serial(self.state / name / "chain.pem")


def serial(path):
    return openssl("x509", "-in", path, "-noout", "-serial").strip().split("=")[1]


def der(path):
    out = path.with_suffix(".der")
    openssl("x509", "-in", path, "-outform", "DER", "-out", out)
    return out


def p7b(out, *certificates, form="DER"):
    openssl("crl2pkcs7", "-nocrl", "-outform", form, "-out", out,
            *(word for one in certificates for word in ("-certfile", one)))
    return out
