"""Private keys under a passphrase: made, understood by others, opened by the daemon."""

import os
import re
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from clients import tls
from harness.config import route
from harness.keys import CERTIFIED, NAMES, KeyManager, serial
from harness.pki import openssl
from harness.wait import ready, wait_until
from servers import toy

PASSPHRASE = "correct horse"
HOSTS = [word for one in NAMES for word in ("--host", one)]


@pytest.fixture
def manager(fronts, run, pki, module_toys):
    """Its block names the passphrase's file; `manager.port` is where it serves, once started."""
    port = run.port()
    front = fronts.new()
    secret = front.folder / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    front.write(f"certificate mail {{ passphrase-file = {secret} }}\n",
                route("echo", port, module_toys(toy.echo).port))
    made = KeyManager(front, pki)
    made.port, made.secret = port, secret
    return made


def is_encrypted(path):
    return "BEGIN ENCRYPTED PRIVATE KEY" in path.read_text()


def test_the_whole_way_with_a_key_that_is_never_stored_open(manager, pki):
    made = manager.done("new", "mail", *HOSTS)
    assert PASSPHRASE not in made.stdout + made.stderr
    key = manager.state / "mail" / "key.pem"
    assert is_encrypted(key)
    openssl("pkey", "-in", key, "-passin", f"pass:{PASSPHRASE}", "-noout")
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate)
    manager.front.start()
    tls.TlsClient(manager.port, tls.context(pki)).close()
    told = manager.told("show", "mail")
    assert (told["serving"], told["key"]) == ("this", "ec-p256")

    manager.done("renew", "mail")
    leaf = manager.sign()
    manager.done("install", "mail", leaf, pki.intermediate.certificate, "--commit")
    assert is_encrypted(key)
    assert manager.front.status()["certificates"][0]["serial"] == serial(leaf)
    manager.done("renew", "mail", "--same-key")
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate, "--commit")
    manager.done("install", "mail", "--rollback", "--commit")
    tls.TlsClient(manager.port, tls.context(pki)).close()
    assert manager.told("list")["certificates"][0]["state"] == "installed"


def test_a_byte_order_mark_is_no_part_of_the_passphrase(manager, pki):
    """Notepad writes it; a key from before it was passed over may have it in its passphrase."""
    manager.secret.write_text(f"\ufeff{PASSPHRASE}\n", encoding="utf-8")
    manager.issue()
    key = manager.state / "mail" / "key.pem"
    openssl("pkey", "-in", key, "-passin", f"pass:{PASSPHRASE}", "-noout")
    assert manager.front.check().returncode == 0
    openssl("pkcs8", "-topk8", "-in", key, "-passin", f"pass:{PASSPHRASE}",
            "-passout", f"pass:\ufeff{PASSPHRASE}", "-out", f"{key}.new")
    os.replace(f"{key}.new", key)
    assert manager.front.check().returncode == 0
    manager.done("renew", "mail", "--same-key")
    manager.secret.write_text("\ufeff\n", encoding="utf-8")
    refused = manager.key("new", "mail", "--replace")
    assert refused.returncode == 1 and "needs a passphrase" in refused.stderr


def test_a_passphrase_in_utf16_is_refused_and_not_cut_to_a_letter(manager):
    """As a redirection in Windows PowerShell writes it."""
    manager.secret.write_text(PASSPHRASE + "\r\n", encoding="utf-16")
    refused = manager.key("new", "mail", *HOSTS)
    assert refused.returncode == 1 and "holds a NUL, as text in UTF-16 does" in refused.stderr
    assert not (manager.state / "mail").exists()
    manager.secret.write_text(PASSPHRASE + "\n")
    manager.done("self-signed", "mail", *HOSTS)
    manager.secret.write_text(PASSPHRASE + "\r\n", encoding="utf-16")
    checked = manager.front.check()
    assert checked.returncode == 78 and "holds a NUL, as text in UTF-16 does" in checked.stderr


@pytest.mark.parametrize("options, words", [
    (("ED25519",), "the private key is an Ed25519 key"),
    (("EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"), "the private key is on another curve"),
    (("RSA", "-pkeyopt", "rsa_keygen_bits:512"), "an RSA key of 512 bits is too small"),
], ids=["ed25519", "another curve", "too small"])
def test_a_closed_key_that_cannot_serve_is_not_blamed_on_its_passphrase(manager, options, words):
    manager.done("self-signed", "mail", *HOSTS)
    key = manager.state / "mail" / "key.pem"
    openssl("genpkey", "-algorithm", *options, "-aes-256-cbc", "-pass", f"pass:{PASSPHRASE}",
            "-out", key)
    checked = manager.front.check()
    assert checked.returncode == 78 and words in checked.stderr, checked.stderr
    manager.secret.write_text("something else\n")
    assert "that is not the passphrase" in manager.front.check().stderr


def test_with_watch_a_renewal_is_committed_by_itself_and_only_that(manager, pki):
    """The bundle holds the opened key, which is not what lies on disk: no reason to reload."""
    manager.done("new", "mail", *HOSTS)
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate)
    manager.front.file.write_text("watch = on\n" + manager.front.file.read_text())
    manager.front.start()
    time.sleep(4)
    assert manager.front.log("files-changed") == []
    manager.done("renew", "mail")
    leaf = manager.sign()
    manager.done("install", "mail", leaf, pki.intermediate.certificate)
    wait_until(lambda: manager.front.status()["certificates"][0]["serial"] == serial(leaf),
               "the new certificate", 30)
    time.sleep(4)
    assert manager.front.status()["generation"] == 2
    assert manager.front.log("reload-refused") == []


def test_a_self_signed_one_and_an_imported_one_are_stored_so_too(manager, pki):
    manager.done("self-signed", "mail", *HOSTS)
    assert is_encrypted(manager.state / "mail" / "key.pem")
    manager.done("import", "mail", pki.mail_rsa.key, pki.mail_rsa.chain)
    key = manager.state / "mail" / "key.pem"
    assert is_encrypted(key)
    assert openssl("pkey", "-in", key, "-passin", f"pass:{PASSPHRASE}", "-pubout") == \
        openssl("pkey", "-in", pki.mail_rsa.key, "-pubout")
    assert manager.front.check().returncode == 0


def test_encryption_can_be_asked_for_without_a_block(manager, pki):
    manager.done("new", "spare", *HOSTS, "--encrypt", "--passphrase-file", manager.secret)
    assert is_encrypted(manager.state / "spare" / "key.pem")
    leaf = manager.sign("spare")
    refused = manager.key("install", "spare", leaf, pki.intermediate.certificate)
    assert refused.returncode == 1
    assert "needs a passphrase" in refused.stderr and "--passphrase-file" in refused.stderr
    wrong = manager.answers / "wrong"
    wrong.write_text("something else\n")
    refused = manager.key("install", "spare", leaf, pki.intermediate.certificate,
                          "--passphrase-file", wrong)
    assert refused.returncode == 1
    assert "is not the passphrase" in refused.stderr
    manager.done("install", "spare", leaf, pki.intermediate.certificate, "--passphrase-file",
                 manager.secret)
    told = {one["name"]: one for one in manager.told("list")["certificates"]}
    assert told["spare"]["installed"]


def test_a_key_under_the_passphrase_of_before_is_opened_with_it_and_stored_under_the_new_one(
        manager, pki):
    manager.done("new", "mail", *HOSTS)
    old, new = manager.answers / "old", "another horse"
    old.write_text(PASSPHRASE + "\n")
    manager.secret.write_text(new + "\n")
    answer = manager.sign(), pki.intermediate.certificate
    refused = manager.key("install", "mail", *answer)
    assert refused.returncode == 1 and "is not the passphrase" in refused.stderr
    manager.done("install", "mail", *answer, "--passphrase-file", old)
    openssl("pkey", "-in", manager.state / "mail" / "key.pem", "-passin", f"pass:{new}", "-noout")
    assert manager.front.check().returncode == 0


def test_a_key_that_lies_open_is_stored_under_the_passphrase_that_came_later(manager, pki):
    block = manager.front.file.read_text()
    manager.front.file.write_text(block.replace(f"passphrase-file = {manager.secret}", ""))
    manager.done("new", "mail", *HOSTS)
    assert not is_encrypted(manager.state / "mail" / "key.pem")
    manager.front.file.write_text(block)
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate)
    assert is_encrypted(manager.state / "mail" / "key.pem")
    assert "no effect" not in manager.front.check().stderr


def opens(manager, passphrase):
    openssl("pkey", "-in", manager.state / "mail" / "key.pem", "-passin", f"pass:{passphrase}",
            "-noout")


@pytest.mark.parametrize("block", [True, False], ids=["by the block", "by an option"])
def test_a_key_that_waits_open_is_closed_for_its_trial(manager, block):
    text = manager.front.file.read_text()
    manager.front.file.write_text(text.replace(f"passphrase-file = {manager.secret}", ""))
    manager.done("new", "mail", *HOSTS)
    asked = () if block else ("--encrypt", "--passphrase-file", manager.secret)
    if block:
        manager.front.file.write_text(text)
    manager.done("self-signed", "mail", *HOSTS, *asked)
    opens(manager, PASSPHRASE)


def test_a_key_that_waits_under_the_passphrase_of_before_can_serve_for_a_trial(manager):
    manager.done("new", "mail", *HOSTS)
    old = manager.answers / "old"
    old.write_text(PASSPHRASE + "\n")
    manager.secret.write_text("another horse\n")
    assert manager.key("self-signed", "mail", *HOSTS).returncode == 1
    manager.done("self-signed", "mail", *HOSTS, "--passphrase-file", old)
    opens(manager, "another horse")
    assert manager.front.check().returncode == 0


def test_an_answer_is_installed_whatever_other_keys_are_under(manager, pki):
    """The key that waits and the one from before are under passphrases that nobody has any more."""
    manager.done("new", "mail", *HOSTS)
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate)
    manager.done("renew", "mail")
    stranger = manager.sign()
    manager.secret.write_text("another horse\n")
    made = pki.intermediate.issue("elsewhere", CERTIFIED)
    manager.done("import", "mail", made.key, made.chain)
    again = manager.answers / "again.csr"
    openssl("req", "-new", "-key", made.key, "-subj", "/CN=mail", "-out", again)
    leaf = pki.intermediate.answer(again, manager.answers / "again.pem", CERTIFIED)
    manager.done("install", "mail", leaf, pki.intermediate.certificate)
    assert manager.serial_in_place() == serial(leaf)
    opens(manager, "another horse")

    refused = manager.key("install", "mail", stranger, pki.intermediate.certificate)
    assert refused.returncode == 1 and "is not the passphrase" in refused.stderr
    assert "mail/next-key.pem" in refused.stderr  # this one is meant, and no other
    foreign = pki.intermediate.issue("foreign", CERTIFIED)
    refused = manager.key("install", "mail", foreign.chain)
    assert "none of the certificates belongs" in refused.stderr


def test_a_passphrase_that_comes_once_opens_all_keys(manager, pki):
    """Two keys wait before the first answer, and of the older one only its passphrase tells."""
    text = manager.front.file.read_text()
    manager.front.file.write_text(text.replace(f"passphrase-file = {manager.secret}", ""))
    asked = (*HOSTS, "--encrypt", "--passphrase-file", manager.secret)
    manager.done("new", "mail", *asked)
    first = manager.sign()
    manager.done("new", "mail", *asked)
    pipe = ("sh", "-c", 'echo "$0" | "$@" --passphrase-file /dev/stdin', PASSPHRASE)
    for leaf in (pki.intermediate.issue("foreign", CERTIFIED).chain, first):
        ran = manager.key("install", "mail", leaf, pki.intermediate.certificate, wrapper=pipe)
        assert "needs a passphrase" not in ran.stderr
    assert ran.returncode == 0 and manager.serial_in_place() == serial(first)


def typed(manager, *lines):
    """`key new spare --encrypt` on a terminal where these lines are typed: (status, its screen)"""
    terminal, inside = os.openpty()
    command = ("setsid", "--ctty", manager.front.binary, "key", "new", "spare", *HOSTS, "--encrypt",
               "-c", manager.front.file)
    child = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    screen = b""
    try:
        for line in lines:
            while not screen.endswith(b": "):
                said = read_terminal(terminal)
                assert said, f"no prompt: {screen}"
                screen += said
            os.write(terminal, line.encode() + b"\n")
            screen += b"|"
        while data := read_terminal(terminal):
            screen += data
        return child.wait(30), screen.decode()
    finally:
        child.kill()
        child.wait()
        os.close(terminal)


def read_terminal(terminal):
    """b"" at its end."""
    assert ready(terminal, None, 30)[0], "nothing is said on the terminal"
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal ends
        return b""


def test_a_passphrase_can_be_typed_and_is_not_shown(manager):
    status, screen = typed(manager, PASSPHRASE, PASSPHRASE)
    assert status == 0, screen
    assert PASSPHRASE not in screen
    openssl("pkey", "-in", manager.state / "spare" / "key.pem", "-passin", f"pass:{PASSPHRASE}",
            "-noout")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_whoever_ends_it_at_the_prompt_sees_again_what_he_types(manager, number):
    terminal, inside = os.openpty()
    child = subprocess.Popen(
        ("setsid", "--ctty", manager.front.binary, "key", "new", "spare", *HOSTS, "--encrypt", "-c",
         manager.front.file), stdin=inside, stdout=inside, stderr=inside)
    try:
        screen = b""
        while not screen.endswith(b": "):
            screen += read_terminal(terminal)
        assert not is_echoing(inside)
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), limits
        child.send_signal(number)
        assert child.wait(30) == -number
        assert is_echoing(inside)
    finally:
        child.kill()
        child.wait()
        os.close(inside)
        os.close(terminal)


def is_echoing(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_a_passphrase_that_is_mistyped_makes_nothing(manager):
    status, screen = typed(manager, PASSPHRASE, PASSPHRASE + "e")
    assert status == 1
    assert "the two passphrases are not the same" in screen
    assert not (manager.state / "spare").exists()


def test_without_a_passphrase_nothing_is_made(manager):
    refused = manager.key("new", "spare", *HOSTS, "--encrypt")
    assert refused.returncode == 1
    assert "needs a passphrase" in refused.stderr
    assert not (manager.state / "spare").exists()


@pytest.mark.parametrize("form", [(), ("-v2", "aes-128-cbc"), ("-v2prf", "hmacWithSHA512"),
                                  ("-v2prf", "hmacWithSHA1", "-iter", "1"),
                                  ("-outform", "DER")])
def test_the_daemon_opens_what_openssl_encrypts(fronts, run, pki, manager, form):
    key = manager.answers / "encrypted.pem"
    openssl("pkcs8", "-topk8", "-in", pki.mail.key, "-passout", f"pass:{PASSPHRASE}",
            "-out", key, *form)
    front = fronts.start(
        f"certificate mail {{ chain = {pki.mail.chain} key = {key} "
        f"passphrase-file = {manager.secret} }}\n",
        route("echo", manager.port, run.port()))
    assert front.status()["certificates"][0]["serial"] == pki.mail.serial()
    tls.TlsClient(manager.port, tls.context(pki)).close()


def check(manager, key, pki, passphrase_file):
    line = f"passphrase-file = {passphrase_file}" if passphrase_file else ""
    manager.front.write(f"certificate mail {{ chain = {pki.mail.chain} key = {key} {line} }}\n",
                        route("echo", manager.port, 1))
    return manager.front.check()


def test_check_tells_what_is_wrong_with_a_passphrase(manager, pki):
    key = manager.answers / "encrypted.pem"
    openssl("pkcs8", "-topk8", "-in", pki.mail.key, "-passout", f"pass:{PASSPHRASE}", "-out", key)
    assert check(manager, key, pki, manager.secret).returncode == 0

    text = check(manager, key, pki, None)
    assert text.returncode == 78 and "passphrase-file" in text.stderr
    text = check(manager, key, pki, "/no/such/file")
    assert text.returncode == 78 and "/no/such/file" in text.stderr
    assert text.stderr.count("error: ") == 1

    manager.secret.write_text("something else\n")
    text = check(manager, key, pki, manager.secret)
    assert text.returncode == 78 and "that is not the passphrase" in text.stderr
    assert "first line" in text.stderr and "something else" not in text.stderr
    assert text.stderr.count("error: ") == 1

    manager.secret.write_text(PASSPHRASE)
    manager.secret.chmod(0o644)
    text = check(manager, key, pki, manager.secret)
    assert text.returncode == 0 and "can read the passphrase" in text.stderr
    text = check(manager, pki.mail.key, pki, manager.secret)
    assert text.returncode == 0 and "passphrase-file has no effect" in text.stderr


@pytest.mark.parametrize("form", [("pkcs8", "-topk8", "-scrypt"),
                                  ("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"),
                                  ("pkey", "-traditional", "-aes128")], ids=lambda words: words[-1])
def test_a_key_that_is_encrypted_in_another_way_is_refused_with_the_command(manager, pki, form):
    key = manager.answers / "other.pem"
    openssl(*form, "-in", pki.mail.key, "-passout", f"pass:{PASSPHRASE}", "-out", key)
    refused = check(manager, key, pki, manager.secret)
    assert refused.returncode == 78 and refused.stderr.count("error: ") == 1
    command = re.search("cure: encrypt it anew: openssl (.*) -in FILE -out FILE.new",
                        refused.stderr)[1]
    openssl(*command.split(), "-in", key, "-out", f"{key}.new", "-passin", f"pass:{PASSPHRASE}",
            "-passout", f"pass:{PASSPHRASE}")
    assert check(manager, f"{key}.new", pki, manager.secret).returncode == 0
