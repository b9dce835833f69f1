"""Odd but valid files of certificates and keys: what `check` accepts is served, in TLS 1.2 and 1.3,
with all its certificates; what it does not is refused by name, by a reload too, and what was in
service stays."""

import base64
import re
import shutil
import subprocess

import pytest

from clients.tls import VERSIONS
from harness.config import route
from harness.pki import AUTHORITY, Authority, openssl
from servers import toy

WRONG = 78


class Bench:
    """A daemon whose one certificate is replaced by whatever is to be tried."""

    def __init__(self, fronts, run, pki, upstream):
        self.pki, self.port = pki, run.port()
        self.folder = run.make_folder("odd-files")
        self.chain, self.key = self.folder / "chain.pem", self.folder / "key.pem"
        self.usual()
        self.front = fronts.start(
            f"certificate odd {{\n    chain = {self.chain}\n    key = {self.key}\n}}\n",
            route("echo", self.port, upstream, certificate=("odd",)))

    def usual(self):
        shutil.copy(self.pki.mail.chain, self.chain)
        shutil.copy(self.pki.mail.key, self.key)

    def write(self, chain, key):
        self.chain.write_bytes(chain)
        self.key.write_bytes(key)
        self.key.chmod(0o600)

    def served(self, version):
        """Serial numbers of the chain that a client is shown."""
        out = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-showcerts",
             "-cipher", "DEFAULT@SECLEVEL=0",
             f"-tls{version.replace('.', '_')}"], input=b"", capture_output=True, check=False,
            timeout=30).stdout
        blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", out,
                            re.DOTALL)
        return [serial_of(block) for block in blocks]

    def assert_served(self, chain, key, expected):
        """`expected`: serial numbers."""
        self.write(chain, key)
        checked = self.front.check()
        assert checked.returncode == 0, checked.stderr
        reloaded = self.front.reload()
        assert reloaded.returncode == 0, reloaded.stdout
        for version in VERSIONS:
            assert self.served(version) == expected, version

    def assert_refused(self, chain, key, words):
        self.usual()
        assert self.front.reload().returncode == 0
        before = self.served("1.3")
        self.write(chain, key)
        checked = self.front.check()
        assert checked.returncode == WRONG, "check takes it"
        found = re.findall(r"error: (.*)\n {4}cure: (.+)", checked.stderr)
        assert any(re.search(words, cause) for cause, _ in found), checked.stderr
        assert self.front.reload().returncode == WRONG
        for version in VERSIONS:
            assert self.served(version) == before, version


def serial_of(text):
    done = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=text,
                          capture_output=True, check=True)
    return done.stdout.strip().split(b"=")[1].decode()


@pytest.fixture(scope="module")
def bench(fronts, run, pki, module_toys):
    return Bench(fronts, run, pki, module_toys(toy.echo).port)


# ---- the text of a chain -----------------------------------------------------------------------

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
BOM = "\ufeff"


def relabelled(text, label):
    return text.replace(" CERTIFICATE-", f" {label}-")


def one_line(text):
    """All of the base64 in one line."""
    return re.sub(r"(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])", "", text)


def trusted(pki):
    return openssl("x509", "-in", pki.intermediate.certificate, "-trustout", "-addtrust",
                   "serverAuth")


def with_text(pki):
    return openssl("x509", "-in", pki.mail.leaf, "-text")


def crl(pki):
    return pki.crl.read_text()


TAKEN = {
    "as usual": lambda leaf, more, pki: leaf + more,
    "CRLF": lambda leaf, more, pki: (leaf + more).replace("\n", "\r\n"),
    "CR": lambda leaf, more, pki: (leaf + more).replace("\n", "\r"),
    "a byte order mark": lambda leaf, more, pki: BOM + leaf + BOM + more,
    "indented": lambda leaf, more, pki: re.sub("^", "  \t", leaf + more, flags=re.MULTILINE),
    "blanks behind": lambda leaf, more, pki: (leaf + more).replace("\n", " \t\n"),
    "empty lines": lambda leaf, more, pki: (leaf + more).replace("\n", "\n\n"),
    "no last line end": lambda leaf, more, pki: (leaf + more).rstrip(),
    "glued by cat": lambda leaf, more, pki: leaf.rstrip() + more,
    "one long line": lambda leaf, more, pki: one_line(leaf + more),
    "text before": lambda leaf, more, pki: with_text(pki) + more,
    "prose between": lambda leaf, more, pki: leaf + "# the issuer:\nsubject=CN = x\n---\n" + more,
    "a NUL between": lambda leaf, more, pki: leaf + "\0\n" + more,
    "X509 CERTIFICATE": lambda leaf, more, pki: leaf + relabelled(more, "X509 CERTIFICATE"),
    "TRUSTED CERTIFICATE": lambda leaf, more, pki: leaf + trusted(pki),
    "both X509": lambda leaf, more, pki: relabelled(leaf + more, "X509 CERTIFICATE"),
    "with a list of revocations": lambda leaf, more, pki: crl(pki) + leaf + more,
    "with its key": lambda leaf, more, pki: pki.mail.key.read_text() + leaf + more,
    "a request first": lambda leaf, more, pki: request(pki) + leaf + more,
    "headers": lambda leaf, more, pki: leaf.replace(BEGIN, BEGIN + "\nComment: mine\n") + more,
}


def request(pki):
    return openssl("req", "-new", "-key", pki.mail.key, "-subj", "/CN=x")


@pytest.mark.parametrize("shape", TAKEN)
def test_a_chain_as_others_write_it_is_served_whole(bench, pki, shape):
    leaf, more = pki.mail.leaf.read_text(), pki.intermediate.certificate.read_text()
    text = TAKEN[shape](leaf, more, pki)
    bench.assert_served(text.encode(), pki.mail.key.read_bytes(),
                        [serial_of(leaf.encode()), serial_of(more.encode())])


SPOILT = {
    "an em dash": (lambda t: t.replace("-----BEGIN", "\u2014--BEGIN"), "line .* spoilt"),
    "four dashes": (lambda t: t.replace("-----BEGIN", "----BEGIN"), "line .* spoilt"),
    "dashes behind": (lambda t: t.replace(BEGIN, BEGIN[:-1]), "line "),
    "lower case": (str.lower, "line .* spoilt"),
    "blanks within": (lambda t: t.replace(BEGIN, "----- BEGIN CERTIFICATE -----"), "spoilt"),
    "no dashes": (lambda t: t.replace(BEGIN, "BEGIN CERTIFICATE"), "line "),
    "no BEGIN line": (lambda t: t.replace(BEGIN + "\n", ""), "line "),
    "no END line": (lambda t: t.replace(END, ""), "cut short"),
    "a spoilt END": (lambda t: t.replace(END, "-----END CERTIFICATE----"), "line "),
    "another END": (lambda t: t.replace(END, "-----END X509 CERTIFICATE-----"), "line "),
    "another label": (lambda t: relabelled(t, "CERTIFICAT"), "CERTIFICAT-.* is not known"),
    "in one line with all": (lambda t: t.replace("\n", " "), "line "),
    "literal line ends": (lambda t: t.replace("\n", "\\n"), "line "),
    "quoted": (lambda t: re.sub("^", "> ", t, flags=re.MULTILINE), "line .* not base64"),
    "a foreign character": (lambda t: t[:100] + "\u00e4" + t[100:], "not base64"),
    "a character too many": (lambda t: t[:100] + "A" + t[100:], "damaged"),
}


@pytest.mark.parametrize("where", ["leaf", "issuer"])
@pytest.mark.parametrize("shape", SPOILT)
def test_a_spoilt_block_is_refused_by_name(bench, pki, shape, where):
    leaf, more = pki.mail.leaf.read_text(), pki.intermediate.certificate.read_text()
    spoil, words = SPOILT[shape]
    text = spoil(leaf) + more if where == "leaf" else leaf + spoil(more)
    bench.assert_refused(text.encode(), pki.mail.key.read_bytes(), words)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_utf16_is_refused_by_name(bench, pki, coding):
    bench.assert_refused(pki.mail.chain.read_text().encode(coding), pki.mail.key.read_bytes(),
                         "UTF-16")
    bench.assert_refused(pki.mail.chain.read_bytes(), pki.mail.key.read_text().encode(coding),
                         "UTF-16")


def test_other_forms_are_refused_by_name(bench, pki):
    key = pki.mail.key.read_bytes()
    p7 = openssl("crl2pkcs7", "-nocrl", "-certfile", pki.mail.chain)
    bench.assert_refused(p7.encode(), key, "PKCS#7")
    bench.assert_refused(relabelled(p7.replace("PKCS7", "CERTIFICATE"), "CERTIFICATE").encode(),
                         key, "PKCS#7")
    bench.assert_refused(pki.mail.der(), key, "DER")
    bench.assert_refused(b"", key, "no certificate")
    leaf, more = pki.mail.leaf.read_bytes(), pki.intermediate.certificate.read_bytes()
    bench.assert_refused(more + leaf, key, "has to come first")
    bench.assert_refused(leaf + leaf + more, key, "did not issue it")
    bench.assert_refused(leaf + pki.people.certificate.read_bytes() + more, key,
                         "did not issue it")


def p7b(pki, *form):
    return subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", pki.mail.chain, *form],
                          capture_output=True, check=True).stdout


def pkcs12(pki):
    return subprocess.run(
        ["openssl", "pkcs12", "-export", "-inkey", pki.mail.key, "-in", pki.mail.chain,
         "-passout", "pass:x"], capture_output=True, check=True).stdout


FORMS = {
    "DER": (lambda pki: pki.mail.der(), 1),
    "PKCS#7": (lambda pki: p7b(pki), 2),
    "PKCS#7 in DER": (lambda pki: p7b(pki, "-outform", "DER"), 2),
    "PKCS#12": (lambda pki: pkcs12(pki), 2),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_cure_for_another_form_makes_what_is_served(bench, pki, form):
    make, certificates = FORMS[form]
    key = pki.mail.key.read_bytes()
    bench.write(make(pki), key)
    command = re.search(r"cure: .*(openssl .* -in FILE -out FILE.pem)", bench.front.check().stderr)
    words = command[1].replace("FILE", str(bench.chain)).split()
    subprocess.run([*words, *(["-passin", "pass:x"] if form == "PKCS#12" else [])], check=True,
                   capture_output=True)
    serials = [serial_of(one.read_bytes())
               for one in (pki.mail.leaf, pki.intermediate.certificate)]
    bench.assert_served(bench.chain.with_suffix(".pem.pem").read_bytes(), key,
                        serials[:certificates])


# ---- certificates ------------------------------------------------------------------------------

class Maker:
    """Certificates with one thing odd about them."""

    def __init__(self, run):
        self.authority = Authority(run.make_folder("odd-authority"), "odd")

    def make(self, name, extensions, key=("EC", "ec_paramgen_curve:P-256"), start=-1, end=90):
        folder = self.authority.folder
        file, leaf = folder / f"{name}.key", folder / f"{name}.pem"
        algorithm, *options = key
        openssl("genpkey", "-algorithm", algorithm,
                *(word for one in options for word in ("-pkeyopt", one)), "-out", file)
        self.authority._sign(file, "/CN=mail.example.test", extensions, leaf, start, end)
        return leaf, file

    def compressed(self, name, extensions):
        """The public key as a point with one coordinate and the sign of the other."""
        folder = self.authority.folder
        whole, file, leaf = (folder / f"{name}.{end}" for end in ("whole", "key", "pem"))
        openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", whole)
        openssl("ec", "-in", whole, "-conv_form", "compressed", "-out", file)
        self.authority._sign(file, "/CN=mail.example.test", extensions, leaf, -1, 90)
        return leaf, file

    def cross_sign(self, start, end):
        """The authority in the form in which an older one vouches for it."""
        return self.below(f"old{start}", self.authority.key, AUTHORITY, start, end)

    def below(self, name, key, extensions, start=-1, end=90):
        """What another authority, `name`, issues under this one's name."""
        other = Authority(self.authority.folder, name)
        out = self.authority.folder / f"below-{name}.pem"
        other._sign(key, "/CN=odd", extensions, out, start, end)
        return out


@pytest.fixture(scope="module")
def maker(run):
    return Maker(run)


NAMES = "subjectAltName = DNS:mail.example.test\n"
USAGE = "keyUsage = critical,digitalSignature\n"
SERVER = NAMES + USAGE + "extendedKeyUsage = serverAuth\n"
EC = "ec_paramgen_curve:"

GOOD = {
    "no extension": ("basicConstraints = CA:FALSE\n", ("EC", EC + "P-256")),
    "any purpose": (NAMES + USAGE + "extendedKeyUsage = anyExtendedKeyUsage\n", ("EC", EC + "P-256")),
    "no usage": (NAMES, ("EC", EC + "P-256")),
    "an authority": (SERVER + "basicConstraints = CA:TRUE\n", ("EC", EC + "P-256")),
    "an unknown extension": (SERVER + "1.2.3.4 = DER:0500\n", ("EC", EC + "P-256")),
    "a critical extension that all know": (
        SERVER + "nameConstraints = critical,permitted;DNS:example.test\n", ("EC", EC + "P-256")),
    "a critical extension that some know": (
        SERVER + "tlsfeature = critical,status_request\n", ("EC", EC + "P-256")),
    "for SSL clients, long ago": (SERVER + "nsCertType = client\n", ("EC", EC + "P-256")),
    "P-384": (SERVER, ("EC", EC + "P-384")),
    "P-521": (SERVER, ("EC", EC + "P-521")),
    "RSA 1024": (SERVER, ("RSA", "rsa_keygen_bits:1024")),
    "RSA 3072": (SERVER, ("RSA", "rsa_keygen_bits:3072")),
    "RSA, exponent 3": (SERVER, ("RSA", "rsa_keygen_bits:2048", "rsa_keygen_pubexp:3")),
    "many names": (SERVER.replace("DNS:mail.example.test", ",".join(
        f"DNS:host{i}.example.test" for i in range(400))), ("EC", EC + "P-256")),
}


@pytest.mark.parametrize("shape", GOOD)
def test_an_odd_certificate_is_served(bench, maker, shape):
    extensions, key = GOOD[shape]
    leaf, file = maker.make(re.sub(r"\W", "-", "good " + shape), extensions, key)
    bench.assert_served(leaf.read_bytes(), file.read_bytes(), [serial_of(leaf.read_bytes())])


BAD = {
    "for clients": (NAMES + USAGE + "extendedKeyUsage = clientAuth\n", ("EC", EC + "P-256"), "serverAuth"),
    "for mail": (NAMES + "extendedKeyUsage = emailProtection\n", ("EC", EC + "P-256"), "serverAuth"),
    "not for signatures": (NAMES + "keyUsage = keyEncipherment\n", ("RSA", "rsa_keygen_bits:2048"),
                           "digitalSignature"),
    "for key agreement": (NAMES + "keyUsage = keyAgreement\n", ("EC", EC + "P-256"), "digitalSignature"),
    "Ed25519": (SERVER, ("ED25519",), r"line 1: .*kind of key"),
    "RSA-PSS": (SERVER, ("RSA-PSS", "rsa_keygen_bits:2048"), "kind of key"),
    "RSA 512": (SERVER, ("RSA", "rsa_keygen_bits:512"), "too small"),
    "secp256k1": (SERVER, ("EC", EC + "secp256k1"), "kind of key"),
    "brainpool": (SERVER, ("EC", EC + "brainpoolP256r1"), "kind of key"),
    "its curve spelt out": (SERVER, ("EC", EC + "P-256", "ec_param_enc:explicit"), "spells its curve"),
    "an unknown critical extension": (SERVER + "1.2.3.4 = critical,DER:0500\n", ("EC", EC + "P-256"),
                                      r"critical extension 1\.2\.3\.4"),
    "a precertificate": (SERVER + "1.3.6.1.4.1.11129.2.4.3 = critical,ASN1:NULL\n",
                         ("EC", EC + "P-256"), "is a precertificate"),
    "a challenge's": (SERVER + "1.3.6.1.5.5.7.1.31 = critical,DER:0420" + "00" * 32 + "\n",
                      ("EC", EC + "P-256"), "acmeIdentifier"),
    "too large": (SERVER + "1.2.3.4 = DER:" + "00" * 17000 + "\n", ("EC", EC + "P-256"),
                  r"take 17\d{3} bytes"),
}


@pytest.mark.parametrize("shape", BAD)
def test_a_certificate_that_cannot_be_served_is_refused_by_name(bench, maker, shape):
    extensions, key, words = BAD[shape]
    leaf, file = maker.make(re.sub(r"\W", "-", "bad " + shape), extensions, key)
    bench.assert_refused(leaf.read_bytes(), file.read_bytes(), words)


def test_a_compressed_point_is_refused_which_clients_cannot_read(bench, maker):
    leaf, file = maker.compressed("compressed", SERVER)
    bench.assert_refused(leaf.read_bytes(), file.read_bytes(), "as a compressed point")


@pytest.mark.parametrize("extensions, words", [
    ("nsCertType = client\n", "nsCertType does not allow an SSL server"),
    ("tlsfeature = critical,status_request\n", "the extension tlsFeature as a critical one"),
    ("1.3.6.1.5.5.7.1.31 = DER:0500\n", "the extension acmeIdentifier, which")])
def test_what_some_clients_refuse_is_a_warning(bench, maker, extensions, words):
    leaf, file = maker.make(re.sub(r"\W", "-", "some " + words), SERVER + extensions)
    bench.write(leaf.read_bytes(), file.read_bytes())
    checked = bench.front.check()
    assert checked.returncode == 0
    assert re.search(f"warning: .*{words}.*\n    cure: .+", checked.stderr), checked.stderr


@pytest.mark.parametrize("shape", ["an unknown critical extension", "a precertificate",
                                   "a challenge's"])
def test_what_check_refuses_no_client_accepts(bench, maker, shape):
    """Should a client ever take one of them, there is no ground to refuse it."""
    extensions, key, _ = BAD[shape]
    leaf, _ = maker.make(re.sub(r"\W", "-", "client " + shape), extensions, key)
    verify = ("openssl", "verify", "-CAfile", maker.authority.certificate, leaf)
    assert subprocess.run(verify, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("start, end, words", [
    (-60, -30, "expired on"), (-2, -0.01, r"expired on \S+ \d\d:\d\d:\d\d UTC"),
    (60, -30, r"never valid: it begins on \S+, and ends on \S+$"),
    (60, 30, r"never valid: it begins on \S+, and ends on \S+$"),
    (30, 60, "not valid before"), (0.02, 60, r"not valid before \S+ \d\d:\d\d:\d\d UTC")])
def test_validity_is_told_with_the_hour_where_it_is_near(bench, maker, start, end, words):
    leaf, file = maker.make(f"time{start}", SERVER, start=start, end=end)
    bench.assert_refused(leaf.read_bytes(), file.read_bytes(), words)


def test_an_issuer_that_did_not_sign_or_may_not_is_refused(bench, maker):
    leaf, file = maker.make("beneath", SERVER)
    key, good = file.read_bytes(), maker.below("good", maker.authority.key, AUTHORITY)
    bench.assert_served(leaf.read_bytes() + good.read_bytes(), key,
                        [serial_of(one.read_bytes()) for one in (leaf, good)])
    namesake = maker.below("namesake", file, AUTHORITY)
    bench.assert_refused(leaf.read_bytes() + namesake.read_bytes(), key,
                         r"was not signed with the key of certificate 2 \(CN=odd\)")
    idle = maker.below("idle", maker.authority.key, "basicConstraints = CA:FALSE\n")
    bench.assert_refused(leaf.read_bytes() + idle.read_bytes(), key,
                         r"certificate 2 \(CN=odd\) has signed, but is not allowed to")


def test_an_issuer_that_no_client_accepts_is_refused(bench, maker):
    leaf, file = maker.make("under", SERVER)
    for name, extension, words in [
            ("mail-only", "extendedKeyUsage = emailProtection\n",
             r"the extendedKeyUsage of certificate 2 \(CN=odd\) does not allow serverAuth"),
            ("private", "1.2.3.4 = critical,DER:0500\n",
             r"certificate 2 \(CN=odd\) has the critical extension 1\.2\.3\.4")]:
        above = maker.below(name, maker.authority.key, AUTHORITY + extension)
        bench.assert_refused(leaf.read_bytes() + above.read_bytes(), file.read_bytes(), words)


def test_an_expired_cross_sign_is_refused_with_its_place(bench, pki, maker):
    leaf, file = maker.make("below", SERVER)
    late, good = maker.cross_sign(-90, -30), maker.cross_sign(-30, 90)
    bench.assert_refused(leaf.read_bytes() + late.read_bytes(), file.read_bytes(),
                         r"certificate 2 \(CN=odd\) expired")
    assert "take certificate 2 out" in bench.front.check().stderr
    bench.assert_served(leaf.read_bytes() + good.read_bytes(), file.read_bytes(),
                        [serial_of(leaf.read_bytes()), serial_of(good.read_bytes())])


@pytest.mark.parametrize("size", [16000, 16100, 16200])
def test_a_large_chain_is_served_up_to_the_limit_and_refused_beyond(bench, maker, size):
    """What check says and what a handshake does agree, at sizes around the limit."""
    extension = "1.2.3.4 = DER:04" + "82%04x" % (size - 500) + "00" * (size - 500) + "\n"
    leaf, file = maker.make(f"size{size}", SERVER + extension)
    more = maker.authority.certificate
    chain = leaf.read_bytes() + more.read_bytes()
    total = sum(len(subprocess.run(["openssl", "x509", "-in", one, "-outform", "DER"],
                                   capture_output=True, check=True).stdout) + 5
                for one in (leaf, more))
    if total <= 16376:
        bench.assert_served(chain, file.read_bytes(),
                            [serial_of(leaf.read_bytes()), serial_of(more.read_bytes())])
    else:
        bench.assert_refused(chain, file.read_bytes(), str(total))


# ---- keys --------------------------------------------------------------------------------------

def pkey(pki, *arguments, key="mail"):
    return openssl("pkey", "-in", getattr(pki, key).key, *arguments)


def ec(pki, *arguments):
    return openssl("ec", "-in", pki.mail.key, *arguments)


def binary(pki, *arguments, key="mail"):
    return subprocess.run(["openssl", "pkey", "-in", getattr(pki, key).key, *arguments],
                          capture_output=True, check=True).stdout


KEYS = {
    "PKCS#8": lambda pki: pkey(pki),
    "SEC1": lambda pki: pkey(pki, "-traditional"),
    "SEC1 behind its curve": lambda pki: openssl("ecparam", "-name", "prime256v1") +
    pkey(pki, "-traditional"),
    "SEC1 without the public half": lambda pki: ec(pki, "-no_public"),
    "a compressed point": lambda pki: ec(pki, "-conv_form", "compressed"),
    "DER": lambda pki: binary(pki, "-outform", "DER"),
    "DER, SEC1": lambda pki: binary(pki, "-outform", "DER", "-traditional"),
    "another label": lambda pki: pkey(pki).replace("PRIVATE", "EC PRIVATE"),
    "CRLF and a byte order mark": lambda pki: BOM + pkey(pki).replace("\n", "\r\n"),
    "indented": lambda pki: re.sub("^", "    ", pkey(pki), flags=re.MULTILINE),
    "bag attributes": lambda pki: "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No>\n" +
    pkey(pki),
    "with its chain": lambda pki: pki.mail.chain.read_text() + pkey(pki),
    "an encrypted one as well": lambda pki: pkey(pki, "-aes256", "-passout", "pass:x") + pkey(pki),
    "another one behind": lambda pki: pkey(pki) + pkey(pki, key="news"),
}


@pytest.mark.parametrize("shape", KEYS)
def test_a_key_as_others_write_it_is_taken(bench, pki, shape):
    key = KEYS[shape](pki)
    serials = [serial_of(one.read_bytes()) for one in (pki.mail.leaf, pki.intermediate.certificate)]
    bench.assert_served(pki.mail.chain.read_bytes(), key if isinstance(key, bytes) else key.encode(),
                        serials)


@pytest.mark.parametrize("arguments", [(), ("-traditional",)], ids=["PKCS#8", "PKCS#1"])
@pytest.mark.parametrize("label", [None, "PRIVATE KEY", "RSA PRIVATE KEY"])
def test_an_rsa_key_is_taken_whatever_its_label_says(bench, pki, arguments, label):
    key = pkey(pki, *arguments, key="mail_rsa")
    if label is not None:
        key = re.sub("(BEGIN|END) .*PRIVATE KEY", rf"\1 {label}", key)
    serials = [serial_of(one.read_bytes())
               for one in (pki.mail_rsa.leaf, pki.intermediate.certificate)]
    bench.assert_served(pki.mail_rsa.chain.read_bytes(), key.encode(), serials)


WRONG_KEYS = {
    "nothing": (lambda pki: "", "no private key"),
    "another's": (lambda pki: pkey(pki, key="news"), "does not belong"),
    "another's first": (lambda pki: pkey(pki, key="news") + pkey(pki), "does not belong"),
    "the public half": (lambda pki: pkey(pki, "-pubout"), "public key, and no private"),
    "the public half, PKCS#1": (lambda pki: openssl("rsa", "-in", pki.mail_rsa.key, "-RSAPublicKey_out"),
                                "public key, and no private"),
    "the public half, DER": (lambda pki: binary(pki, "-pubout", "-outform", "DER").decode("latin-1"),
                             "public key, and no private"),
    "the public half, SSH": (lambda pki: "ssh-rsa AAAAB3NzaC1yc2E= mail\n",
                             "public key, and no private"),
    "JSON": (lambda pki: '{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}', "JWK"),
    "encrypted": (lambda pki: pkey(pki, "-aes256", "-passout", "pass:x"), "encrypted"),
    "encrypted, old": (lambda pki: ec(pki, "-aes256", "-passout", "pass:x"), "encrypted"),
    "its curve spelt out": (lambda pki: ec(pki, "-param_enc", "explicit"), "spells its curve"),
    "Ed25519": (lambda pki: openssl("genpkey", "-algorithm", "ED25519"), "Ed25519"),
    "X25519": (lambda pki: openssl("genpkey", "-algorithm", "X25519"), "X25519"),
    "RSA-PSS": (lambda pki: openssl("genpkey", "-algorithm", "RSA-PSS"), "RSA-PSS"),
    "DSA": (lambda pki: dsa(pki), "DSA"),
    "three primes": (lambda pki: openssl("genpkey", "-algorithm", "RSA", "-pkeyopt",
                                         "rsa_keygen_primes:3"), "more than two primes"),
    "secp256k1": (lambda pki: openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                                      "ec_paramgen_curve:secp256k1"), "another curve"),
    "a key store": (lambda pki: "\xfe\xed\xfe\xed\0\0\0\2", "key store of Java's"),
    "PuTTY's form": (lambda pki: "PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\n", "PuTTY"),
    "OpenSSH's form": (lambda pki: openssh(), "OpenSSH"),
    "damaged": (lambda pki: pkey(pki).replace("\n", "\nAAAA", 1), "damaged"),
    "cut short": (lambda pki: pkey(pki)[:100], "cut short"),
    "spoilt": (lambda pki: pkey(pki).replace("-----BEGIN", "----BEGIN"), "spoilt"),
}


def openssh():
    """Its magic, as far as any reader looks."""
    body = base64.b64encode(b"openssh-key-v1\0" + bytes(200)).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


def dsa(pki):
    parameters = pki.folder / "dsa.pem"
    openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024",
            "-out", parameters)
    return openssl("genpkey", "-paramfile", parameters)


@pytest.mark.parametrize("shape", WRONG_KEYS)
def test_a_key_of_no_use_is_refused_by_name(bench, pki, shape):
    make, words = WRONG_KEYS[shape]
    bench.assert_refused(pki.mail.chain.read_bytes(), make(pki).encode("latin-1"), words)
