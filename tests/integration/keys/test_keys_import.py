"""Keys that were made elsewhere: PEM pairs, and PKCS#12 as Windows exports it."""

import os
import base64
import subprocess

import pytest

from clients import tls
from harness.config import route
from harness.keys import KeyManager, der, serial
from harness.pki import AUTHORITY, Authority, openssl
from servers import toy

BLOCK = "certificate mail { }\n"
PASSPHRASE = "correct horse"


@pytest.fixture
def manager(fronts, run, pki):
    return KeyManager(fronts.new(BLOCK, route("echo", run.port(), run.port())), pki)


@pytest.fixture
def passphrase(manager):
    path = manager.answers / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    return path


def pfx(manager, pki, *options, password=PASSPHRASE):
    path = manager.answers / "mail.pfx"
    openssl("pkcs12", "-export", "-inkey", pki.mail.key, "-in", pki.mail.leaf,
            "-certfile", pki.intermediate.certificate, "-passout", f"pass:{password}",
            "-out", path, *options)
    return path


def in_place(manager, pki, certificate):
    chain = manager.state / "mail" / "chain.pem"
    assert serial(chain) == certificate.serial()
    assert chain.read_text().count("BEGIN CERTIFICATE") == 2
    openssl("verify", "-CAfile", pki.root.certificate, "-untrusted", chain, chain)
    ours = openssl("pkey", "-in", manager.state / "mail" / "key.pem", "-pubout")
    assert ours == openssl("pkey", "-in", certificate.key, "-pubout")
    assert manager.front.check().returncode == 0


@pytest.mark.parametrize("options", [(), ("-legacy",)], ids=["modern", "windows before 2019"])
def test_a_pkcs12_file_with_its_chain(manager, pki, passphrase, options):
    manager.done("import", "mail", pfx(manager, pki, *options), "--passphrase-file", passphrase)
    in_place(manager, pki, pki.mail)


def test_a_pkcs12_file_without_a_passphrase(manager, pki):
    manager.done("import", "mail", pfx(manager, pki, password=""))
    in_place(manager, pki, pki.mail)


@pytest.mark.parametrize("certificate", ["mail", "mail_rsa"])
def test_pem_files_in_any_order(manager, pki, certificate):
    made = getattr(pki, certificate)
    manager.done("import", "mail", pki.intermediate.certificate, made.key, made.leaf)
    in_place(manager, pki, made)


def test_a_certificate_with_what_openssl_trusts_it_for(manager, pki):
    trusted = manager.answers / "trusted.pem"
    openssl("x509", "-in", pki.mail.leaf, "-trustout", "-addtrust", "serverAuth", "-setalias",
            "mail", "-out", trusted)
    manager.done("import", "mail", pki.mail.key, trusted, pki.intermediate.certificate)
    in_place(manager, pki, pki.mail)


def test_one_pem_file_with_everything_in_it(manager, pki):
    path = manager.answers / "all.pem"
    path.write_text(pki.mail.key.read_text() + pki.mail.chain.read_text())
    manager.done("import", "mail", path)
    in_place(manager, pki, pki.mail)


def test_an_encrypted_key_and_der_certificates(manager, pki, passphrase):
    key = manager.answers / "encrypted.key"
    openssl("pkey", "-in", pki.mail.key, "-aes256", "-passout", f"pass:{PASSPHRASE}", "-out", key)
    leaf = manager.answers / "leaf.pem"
    leaf.write_text(pki.mail.leaf.read_text())
    manager.done("import", "mail", "--key", key, "--passphrase-file", passphrase,
                 der(leaf), pki.intermediate.certificate)
    in_place(manager, pki, pki.mail)
    assert "ENCRYPTED" not in (manager.state / "mail" / "key.pem").read_text()


def test_a_key_in_der(manager, pki):
    key = manager.answers / "key.der"
    openssl("pkey", "-in", pki.mail.key, "-outform", "DER", "-out", key)
    manager.done("import", "mail", "--key", key, pki.mail.chain)
    in_place(manager, pki, pki.mail)


# ---- more keys than one -------------------------------------------------------------------------


def join(manager, *files):
    path = manager.answers / "joined.pem"
    path.write_text("".join(file.read_text() for file in files))
    return path


def encrypted(manager, made):
    path = manager.answers / f"{made.key.name}.encrypted"
    openssl("pkey", "-in", made.key, "-aes256", "-passout", f"pass:{PASSPHRASE}", "-out", path)
    return path


@pytest.mark.parametrize("closed", [False, True])
def test_the_key_that_a_certificate_belongs_to_is_taken(manager, pki, passphrase, closed):
    mine = encrypted(manager, pki.mail) if closed else pki.mail.key
    for files in (join(manager, pki.mail_rsa.key, mine), join(manager, mine, pki.mail_rsa.key)):
        ran = manager.done("import", "mail", files, pki.mail.chain,
                           "--passphrase-file", passphrase)
        in_place(manager, pki, pki.mail)
        assert f"the private key in {files} (rsa-2048) is left out: none of" in ran.stderr


def test_of_several_files_too(manager, pki):
    ran = manager.done("import", "mail", pki.mail_rsa.key, pki.mail.key, pki.mail.chain)
    in_place(manager, pki, pki.mail)
    assert f"the private key in {pki.mail_rsa.key} (rsa-2048) is left out" in ran.stderr


def test_the_same_key_twice_is_one(manager, pki):
    both = join(manager, pki.mail.key, pki.mail.chain)
    assert "left out" not in manager.done("import", "mail", pki.mail.key, both).stderr
    assert "left out" not in manager.done("import", "mail", "--key", pki.mail.key, both).stderr
    in_place(manager, pki, pki.mail)


def test_several_pairs_are_refused_and_named(manager, pki):
    other = pki.intermediate.issue("other-pair", ("other.example.test",))
    pairs = join(manager, pki.mail.key, pki.mail.chain, other.key, other.chain)
    refused(manager, pairs, words=["there are several pairs in the files given: CN=",
                                   "CN=other.example.test", str(pairs), "--key FILE"])
    ran = manager.done("import", "mail", "--key", pki.mail.key, pairs)
    in_place(manager, pki, pki.mail)
    assert f"in {pairs} " in ran.stderr and "--key names the one to take" in ran.stderr


def test_a_key_beside_the_one_that_is_named_is_told(manager, pki, passphrase):
    ran = manager.done("import", "mail", pki.mail_rsa.key, pki.mail.chain, "--key", pki.mail.key)
    assert f"the private key in {pki.mail_rsa.key} (rsa-2048) is left out" in ran.stderr
    closed = encrypted(manager, pki.mail_rsa)
    ran = manager.done("import", "mail", closed, pki.mail.chain, "--key", pki.mail.key)
    assert f"the encrypted private key in {closed} is left out" in ran.stderr
    refused(manager, pki.mail.key, pki.mail.chain, "--key", pki.mail_rsa.key,
            words=["none of the certificates belongs to the key in", str(pki.mail_rsa.key)])


def test_none_of_several_keys_belongs_to_a_certificate(manager, pki):
    other = pki.intermediate.issue("no-pair", ("other.example.test",))
    refused(manager, join(manager, pki.mail_rsa.key, other.key), pki.mail.chain,
            words=["none of the certificates belongs to one of the 2 private keys"])


def test_a_key_that_cannot_be_read_beside_one_that_fits(manager, pki):
    odd = manager.answers / "odd.key"
    openssl("genpkey", "-algorithm", "ed25519", "-out", odd)
    ran = manager.done("import", "mail", join(manager, odd, pki.mail.key), pki.mail.chain)
    in_place(manager, pki, pki.mail)
    assert "a private key is left out" in ran.stderr and "Ed25519" in ran.stderr
    refused(manager, odd, pki.mail.chain, words=["Ed25519", str(odd)])


def test_an_expired_cross_sign_is_left_out(manager, pki, run):
    """Behind a complete chain, as some authorities still send it."""
    older = Authority(run.make_folder("older"), "older")
    late = manager.answers / "late.pem"
    older._sign(pki.root.key, "/CN=root", AUTHORITY, late, -90, -30)
    ran = manager.done("import", "mail", pki.mail.key, pki.mail.chain, late,
                       "--ca", pki.root.certificate)
    assert "CN=root expired on" in ran.stderr and "left out" in ran.stderr
    assert "cannot be told" not in ran.stderr
    in_place(manager, pki, pki.mail)
    good = manager.answers / "good.pem"
    older._sign(pki.root.key, "/CN=root", AUTHORITY, good, -30, 90)
    ran = manager.done("import", "mail", pki.mail.key, pki.mail.chain, good,
                       "--ca", pki.root.certificate)
    assert "cannot be told" not in ran.stderr
    assert (manager.state / "mail" / "chain.pem").read_text().count("BEGIN") == 3


@pytest.mark.parametrize("form, options", [("PVK", ("-pvk-none",)), ("MSBLOB", ())])
def test_a_key_in_microsofts_form_is_told_with_the_command_that_converts_it(
        manager, pki, form, options):
    key, made = manager.answers / "key", manager.answers / "key.pem"
    openssl("rsa", "-in", pki.mail_rsa.key, "-outform", form, *options, "-out", key)
    words = [str(key), "Microsoft's own form", f"openssl rsa -inform {form} -in FILE"]
    refused(manager, key, pki.mail_rsa.chain, words=words)
    refused(manager, pki.mail_rsa.chain, "--key", key, words=words)
    openssl("rsa", "-inform", form, "-in", key, "-out", made)
    manager.done("import", "mail", made, pki.mail_rsa.chain)
    in_place(manager, pki, pki.mail_rsa)


@pytest.mark.parametrize("how", [
    ("pkcs8", "-topk8", "-v1", "PBE-MD5-DES"), ("rsa", "-des", "-traditional"),
    ("pkcs8", "-topk8", "-v1", "PBE-SHA1-RC2-40"), ("rsa", "-aes128", "-traditional"),
], ids=["openssl 1.0's pkcs8", "des", "rc2", "traditional"])
def test_a_key_that_was_closed_long_ago(manager, pki, passphrase, how):
    key = manager.answers / "old.key"
    openssl(*how, "-provider", "legacy", "-provider", "default", "-in", pki.mail_rsa.key,
            "-passout", f"pass:{PASSPHRASE}", "-out", key)
    manager.done("import", "mail", key, pki.mail_rsa.chain, "--passphrase-file", passphrase)
    in_place(manager, pki, pki.mail_rsa)


@pytest.mark.parametrize("form", ["traditional", "attributes"])
def test_a_key_in_an_odd_form(manager, pki, form):
    key = manager.answers / "odd.key"
    if form == "traditional":
        openssl("pkey", "-in", pki.mail.key, "-traditional", "-out", key)
    else:
        key.write_text(with_attributes(pki.mail.key))
    manager.done("import", "mail", key, pki.mail.chain)
    in_place(manager, pki, pki.mail)


def with_attributes(key):
    """PKCS#8 as Windows writes it: a keyUsage behind the key (RFC 5208 5)."""
    plain = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform",
                            "DER"], capture_output=True, check=True).stdout
    assert plain[:2] == b"\x30\x81"
    body = plain[3:] + bytes.fromhex("a00d300b0603551d0f310403020010")
    text = base64.encodebytes(b"\x30\x81" + bytes([len(body)]) + body).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}-----END PRIVATE KEY-----\n"


def refused(manager, *arguments, words, environment=None):
    before = manager.content() if manager.state.exists() else {".lock": b""}
    ran = subprocess.run(
        [str(manager.front.binary), "key", "import", "mail", *map(str, arguments), "-c",
         str(manager.front.file)], capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL, env=environment)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    for word in (*words, "cure:"):
        assert word in ran.stderr
    assert PASSPHRASE not in ran.stdout + ran.stderr
    assert manager.content() == before


@pytest.mark.parametrize("bom_is_part", [False, True])
def test_a_byte_order_mark_before_the_passphrase(manager, pki, passphrase, bom_is_part):
    """Notepad writes it; openssl, told the same file, takes it for a part of the passphrase."""
    passphrase.write_text(f"\ufeff{PASSPHRASE}\r\n", encoding="utf-8")
    path = pfx(manager, pki, password="\ufeff" * bom_is_part + PASSPHRASE)
    manager.done("import", "mail", path, "--passphrase-file", passphrase)
    in_place(manager, pki, pki.mail)


def test_a_wrong_passphrase(manager, pki, passphrase):
    path = pfx(manager, pki)
    passphrase.write_text("something else\n")
    refused(manager, path, "--passphrase-file", passphrase,
            words=[str(path), "openssl(1) refused", "check the passphrase"])
    refused(manager, path, words=[str(path), "check the passphrase"])
    refused(manager, path, "--passphrase-file", "/no/such/file", words=["/no/such/file"])
    refused(manager, path, "--passphrase-file", "/", words=["passphrase from /: Is a directory"])


def test_without_openssl_it_says_that_it_is_missing(manager, pki, passphrase):
    refused(manager, pfx(manager, pki), "--passphrase-file", passphrase,
            environment=os.environ | {"PATH": "/no/such/folder"},
            words=["the program openssl, which is not installed"])


def test_a_damaged_pkcs12_file(manager, pki, passphrase):
    path = pfx(manager, pki)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refused(manager, path, "--passphrase-file", passphrase, words=[str(path)])


def test_a_key_that_belongs_to_another_certificate(manager, pki):
    refused(manager, pki.mail_rsa.key, pki.mail.chain,
            words=["none of the certificates belongs to the key in", str(pki.mail_rsa.key)])


def test_certificates_without_a_key(manager, pki):
    refused(manager, pki.mail.chain, words=["no private key", "--key"])


@pytest.mark.parametrize("option", [(), ("--key",)])
def test_a_key_without_a_certificate(manager, pki, option):
    key = manager.answers / "alone.key"
    key.write_bytes(pki.mail.key.read_bytes())
    refused(manager, *option, key, *([key] if option else []),
            words=["there is no certificate in the files given", str(key), "tlsfront key new"])


@pytest.mark.parametrize("text, words", [
    ("ssh-rsa AAAAB3NzaC1yc2E= mail\n", "a public key"),
    ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3Nz\n---- END SSH2 PUBLIC KEY ----\n",
     "a public key"),
    ('{"kty": "RSA", "n": "AA", "e": "AQAB", "d": "AA"}', "is a private key in JSON (JWK)")])
def test_a_key_in_a_form_that_is_not_taken(manager, pki, text, words):
    path = manager.answers / "odd.key"
    path.write_text(text)
    refused(manager, path, pki.mail.chain, words=[words, str(path)])
    refused(manager, "--key", path, pki.mail.chain, words=[words, str(path)])


def test_an_incomplete_chain(manager, pki):
    refused(manager, pki.mail.key, pki.mail.leaf,
            words=["an intermediate certificate is missing", "CN=intermediate"])


def test_the_pkcs12_file_is_not_taken_for_an_answer(manager, pki):
    manager.request()
    ran = manager.key("install", "mail", pfx(manager, pki))
    assert ran.returncode == 1
    assert "tlsfront key import" in ran.stderr


def test_an_import_over_a_waiting_request_leaves_it_waiting(manager, pki):
    manager.request()
    manager.done("import", "mail", pki.mail.key, pki.mail.chain)
    in_place(manager, pki, pki.mail)
    leaf = manager.sign()
    manager.done("install", "mail", leaf, pki.intermediate.certificate)
    assert manager.serial_in_place() == serial(leaf)
    manager.done("install", "mail", "--rollback")
    in_place(manager, pki, pki.mail)


def test_a_certificate_with_files_of_its_own_moves_to_the_key_manager(fronts, run, pki,
                                                                     module_toys):
    """The daemon goes on through the whole of it."""
    port, upstream = run.port(), module_toys(toy.echo).port
    front = fronts.start(pki.mail.block(), route("echo", port, upstream))
    manager = KeyManager(front, pki)
    asked = manager.done("renew", "mail")  # the names come from its files
    assert "files of its own" in asked.stderr
    leaf = manager.sign("mail", pki.NAMES)
    manager.done("install", "mail", leaf, pki.intermediate.certificate)
    assert manager.told("show", "mail")["managed"] is False
    front.write(BLOCK, route("echo", port, upstream))
    assert front.reload().returncode == 0
    assert front.status()["certificates"][0]["serial"] == serial(leaf)
    tls.TlsClient(port, tls.context(pki)).close()
