"""A throwaway authority and its certificates, made with openssl(1) for one run."""

import datetime
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONFIG = """
[ca]
default_ca = this
[this]
dir = {folder}
new_certs_dir = {folder}
database = {folder}/index
serial = {folder}/serial
crlnumber = {folder}/crlnumber
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = none
[anything]
countryName = optional
organizationName = optional
commonName = supplied
[req]
distinguished_name = empty
prompt = no
utf8 = yes
[empty]
"""

LEAF = """
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = {purpose}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
authorityInfoAccess = caIssuers;URI:http://ca.example.test/issuer.crt
{names}
"""

AUTHORITY = """
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def make_key(path, kind):
    if kind == "ec":
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    else:
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)


def asn1_time(days_from_now):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days_from_now)
    return moment.strftime("%Y%m%d%H%M%SZ")


def subject_alt_name(names):
    """The line of an extension file; what is no DNS name is given as KIND:..., as openssl has it."""
    alternatives = ",".join(n if ":" in n else f"DNS:{n}" for n in names)
    return f"subjectAltName = {alternatives}" if alternatives else ""


@dataclass
class Certificate:
    name: str
    leaf: Path   # this certificate alone
    chain: Path  # leaf first, then what a server sends with it
    key: Path

    def block(self):
        """This certificate as a configuration block."""
        return f'certificate {self.name} {{\n    chain = {self.chain}\n    key = {self.key}\n}}\n'

    def serial(self):
        return openssl("x509", "-in", self.leaf, "-noout", "-serial").strip().split("=")[1]

    def der(self):
        return subprocess.run(["openssl", "x509", "-in", self.leaf, "-outform", "DER"],
                              capture_output=True, check=True).stdout


class Authority:
    """A root, or an intermediate when `issuer` is given."""

    def __init__(self, folder, name, issuer=None, end=3650):
        self.folder = Path(folder) / name
        self.folder.mkdir()
        self.name, self.issuer = name, issuer
        self.key = self.folder / "ca.key"
        self.certificate = self.folder / "ca.pem"
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "crlnumber").write_text("01\n")
        (self.folder / "config").write_text(CONFIG.format(folder=self.folder))
        make_key(self.key, "ec")
        by = issuer or self
        by._sign(self.key, f"/CN={name}", AUTHORITY, self.certificate, -2000, end,
                 self_signed=issuer is None)

    def _sign(self, key, subject, extensions, out, start, end, self_signed=False):
        request = out.with_suffix(".csr")
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", request,
                "-config", self.folder / "config")
        self._answer(request, extensions, out, start, end, self_signed)
        request.unlink()

    def _answer(self, request, extensions, out, start, end, self_signed=False):
        text = out.with_suffix(".ext")
        text.write_text(extensions)
        openssl("ca", "-batch", "-notext", "-config", self.folder / "config", "-in", request,
                "-keyfile", self.key, "-extfile", text, "-out", out,
                "-startdate", asn1_time(start), "-enddate", asn1_time(end),
                *(["-selfsign"] if self_signed else ["-cert", self.certificate]))
        text.unlink()

    def answer(self, request, out, names, *, start=-1, end=90, purpose="serverAuth",
               extensions=""):
        """Sign a request that somebody else made; `out` is to be the certificate alone."""
        self._answer(request, LEAF.format(purpose=purpose, names=subject_alt_name(names)) +
                     extensions, out, start, end)
        return out

    def issue(self, name, names=(), *, kind="ec", start=-1, end=90, client=False, subject=None):
        """A certificate for `names` (DNS names, or KIND:... as openssl has it, such as "IP:...");
        `name` is its file's."""
        key, leaf, chain = (self.folder / f"{name}.{end_}" for end_ in ("key", "pem", "chain.pem"))
        make_key(key, kind)
        subject = subject or f"/CN={names[0] if names else name}"
        self._sign(key, subject, LEAF.format(
            purpose="clientAuth" if client else "serverAuth",
            names=subject_alt_name(names)), leaf, start, end)
        text = leaf.read_text()
        if self.issuer is not None:
            text += self.certificate.read_text()
        chain.write_text(text)
        return Certificate(name, leaf, chain, key)

    def revoke(self, certificate):
        openssl("ca", "-config", self.folder / "config", "-keyfile", self.key,
                "-cert", self.certificate, "-revoke", certificate.leaf)

    def revocation_list(self, name="crl.pem", *, start=-1, end=30, md="sha256", extensions=""):
        out, config = self.folder / name, self.folder / f"{name}.config"
        config.write_text((self.folder / "config").read_text() + "\n[ list ]\n" + extensions)
        openssl("ca", "-config", config, "-keyfile", self.key, "-cert", self.certificate,
                "-gencrl", "-crl_lastupdate", asn1_time(start), "-crl_nextupdate", asn1_time(end),
                "-md", md, *(("-crlexts", "list") if extensions else ()), "-out", out)
        return out


class Pki:
    """What the suite needs, made once."""

    NAMES = ("mail.example.test", "localhost", "IP:127.0.0.1", "IP:::1")

    def __init__(self, folder):
        self.folder = folder
        self.root = Authority(folder, "root")
        self.intermediate = Authority(folder, "intermediate", issuer=self.root)
        self.trust = self.root.certificate
        issue = self.intermediate.issue
        self.mail = issue("mail", self.NAMES)
        self.mail_rsa = issue("mail-rsa", self.NAMES, kind="rsa")
        self.renewed = issue("renewed", self.NAMES)
        self.news = issue("news", ("news.example.test",))
        self.wildcard = issue("wildcard", ("*.wild.example.test",))
        self.expired = issue("expired", self.NAMES, start=-60, end=-30)
        self.future = issue("future", self.NAMES, start=30, end=60)
        self.people = Authority(folder, "people")
        self.alice = self.people.issue("alice", ("alice.example.test",), client=True)
        self.revoked = self.people.issue("revoked", ("revoked.example.test",), client=True)
        self.people.revoke(self.revoked)
        self.crl = self.people.revocation_list()
        self.stranger = Authority(folder, "strangers").issue(
            "stranger", ("stranger.example.test",), client=True)
