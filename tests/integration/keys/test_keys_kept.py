"""Keys that wait, the pair from before and the one in use: none is lost, none taken for another."""

import shutil

import pytest

from harness.config import route
from harness.keys import CERTIFIED, NAMES, KeyManager, serial
from harness.pki import openssl

BLOCK = "certificate mail { }\n"
HOSTS = [word for one in NAMES for word in ("--host", one)]


@pytest.fixture
def manager(fronts, run, pki):
    return KeyManager(fronts.new(BLOCK, route("echo", run.port(), run.port())), pki)


def public(path):
    return openssl("pkey", "-in", path, "-pubout")


def install(manager, leaf, *options):
    manager.done("install", "mail", leaf, manager.pki.intermediate.certificate, *options)
    assert manager.serial_in_place() == serial(leaf)


# ---- keys that wait ---------------------------------------------------------------------------


def test_the_first_of_two_requests_is_answered_after_the_second(manager):
    manager.request()
    first = manager.sign()
    manager.request()
    second = manager.sign()
    install(manager, second)
    install(manager, first)
    manager.done("rollback", "mail")
    assert manager.serial_in_place() == serial(second)


def test_the_first_of_two_requests_is_answered_after_an_import(manager, pki):
    manager.request()
    first = manager.sign()
    manager.request()
    second = manager.sign()
    manager.done("import", "mail", pki.mail.key, pki.mail.chain)
    refused = manager.key("rollback", "mail")  # a key alone is nothing to go back to
    assert refused.returncode == 1 and "there is no previous certificate" in refused.stderr
    install(manager, first)
    install(manager, second)


def test_a_request_with_the_key_in_use_outlives_any_number_of_imports(manager, pki):
    manager.issue()
    manager.done("renew", "mail", "--same-key")
    leaf = manager.sign()
    for one in (pki.mail, pki.mail_rsa, pki.mail):
        manager.done("import", "mail", one.key, one.chain)
    install(manager, leaf)
    assert manager.told("list")["certificates"][0]["state"] == "installed"


def test_a_request_with_the_key_in_use_outlives_a_rollback_and_an_import(manager, pki):
    manager.issue()
    install(manager, renewed(manager))
    manager.done("renew", "mail", "--same-key")
    leaf = manager.sign()
    manager.done("rollback", "mail")
    for one in (pki.mail, pki.mail_rsa):
        manager.done("import", "mail", one.key, one.chain)
    install(manager, leaf)


def renewed(manager):
    manager.done("renew", "mail")
    return manager.sign()


def test_a_request_outlives_any_number_of_trials(manager):
    manager.request()
    leaf = manager.sign()
    for _ in range(4):
        manager.done("self-signed", "mail", *HOSTS)
    install(manager, leaf)


def test_a_request_outlives_trials_and_an_import(manager, pki):
    manager.request()
    leaf = manager.sign()
    manager.done("self-signed", "mail", *HOSTS)
    manager.done("self-signed", "mail", *HOSTS)
    manager.done("import", "mail", pki.mail.key, pki.mail.chain)
    manager.done("import", "mail", pki.mail_rsa.key, pki.mail_rsa.chain)
    install(manager, leaf)


def test_a_request_whose_key_an_older_release_left_with_the_pair_from_before(manager, pki):
    manager.issue()
    manager.done("renew", "mail", "--same-key")
    leaf = manager.sign()
    request = (manager.state / "mail" / "request.csr").read_bytes()
    manager.done("import", "mail", pki.mail.key, pki.mail.chain)
    (manager.state / "mail" / "next-key.pem").unlink()  # as such a one did
    assert (manager.state / "mail" / "request.csr").read_bytes() == request
    manager.done("import", "mail", pki.mail_rsa.key, pki.mail_rsa.chain)
    install(manager, leaf)


def test_back_and_forth_leaves_a_request_as_it_was(manager):
    manager.issue()
    install(manager, renewed(manager))
    manager.done("renew", "mail", "--same-key")
    before = manager.content()
    manager.done("rollback", "mail")
    manager.done("rollback", "mail")
    assert manager.content() == before
    install(manager, manager.sign())


# ---- the pair from before ---------------------------------------------------------------------


def test_a_pair_that_has_expired_is_not_gone_back_to(manager, pki):
    manager.issue()
    manager.issue()
    previous = manager.state / ".mail.previous"
    shutil.copy(pki.expired.key, previous / "key.pem")
    shutil.copy(pki.expired.chain, previous / "chain.pem")
    before = manager.content()
    refused = manager.key("rollback", "mail")
    assert refused.returncode == 1 and "expired on" in refused.stderr and "cure:" in refused.stderr
    assert manager.content() == before


@pytest.mark.parametrize("block, words", [
    (BLOCK, "is under a passphrase, which the daemon does not know"),
    ("certificate mail { passphrase-file = SECOND }\n", "that is not the passphrase"),
])
def test_a_pair_that_the_daemon_cannot_open_is_not_gone_back_to(manager, run, block, words):
    secrets = [manager.answers / name for name in ("first", "second")]
    for secret in secrets:
        secret.write_text(f"the {secret.name}\n")
    listens = route("echo", run.port(), run.port())
    manager.front.write(f"certificate mail {{ passphrase-file = {secrets[0]} }}\n", listens)
    manager.issue()
    manager.front.write(BLOCK, listens)
    manager.done("import", "mail", manager.pki.mail.key, manager.pki.mail.chain)
    manager.front.write(block.replace("SECOND", str(secrets[1])), listens)
    before = manager.content()
    refused = manager.key("rollback", "mail")
    assert refused.returncode == 1 and words in refused.stderr, refused.stderr
    assert ".mail.previous/key.pem" in refused.stderr and "cure:" in refused.stderr
    assert manager.content() == before


# ---- the pair in use --------------------------------------------------------------------------


def test_with_files_of_its_own_these_are_renewed_whatever_lies_in_state(manager, pki, run):
    manager.issue()  # a pair of this name from former times
    manager.front.write(pki.mail.block(), route("echo", run.port(), run.port()))
    told = manager.told("renew", "mail")
    assert sorted(told["names"]) == sorted(one.removeprefix("IP:") for one in pki.NAMES)
    refused = manager.key("renew", "mail", "--same-key", "--replace")
    assert refused.returncode == 1 and "is not the key manager's" in refused.stderr


def test_a_key_that_only_waits_is_not_the_one_in_use(manager, pki, run):
    manager.front.write(pki.mail.block(), route("echo", run.port(), run.port()))
    manager.done("renew", "mail")
    refused = manager.key("renew", "mail", "--same-key")
    assert refused.returncode == 1 and "is not the key manager's" in refused.stderr


def test_a_kind_of_key_that_is_not_made_here_is_not_changed_silently(manager, pki):
    key, chain = manager.answers / "p521.key", manager.answers / "p521.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-nodes",
            "-subj", "/CN=mail", "-addext", "subjectAltName=DNS:mail.example.test",
            "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", chain)
    manager.done("import", "mail", key, chain, "--force")
    told = manager.told("renew", "mail")
    warning, = told["findings"]
    assert "is ec-p521; the new one is ec-p384" in warning["text"]
    assert manager.told("renew", "mail", "--type", "ec-p384", "--replace")["findings"] == []
    assert manager.told("renew", "mail", "--same-key", "--replace")["findings"] == []


# ---- for trials -------------------------------------------------------------------------------


def test_a_self_signed_one_has_a_new_key_each_time_and_says_so(manager):
    key = manager.state / "mail" / "key.pem"
    manager.done("self-signed", "mail", *HOSTS)
    before = public(key)
    again = manager.done("self-signed", "mail", *HOSTS)
    assert "warning: the key of mail changes" in again.stderr
    assert public(key) != before
    before = public(key)
    kept = manager.done("self-signed", "mail", *HOSTS, "--same-key")
    assert public(key) == before and "changes" not in kept.stderr


def test_a_key_of_another_type_than_the_one_that_waits_is_not_promised(manager):
    manager.request()
    before = manager.content()
    refused = manager.key("self-signed", "mail", *HOSTS, "--type", "rsa-2048")
    assert refused.returncode == 1 and "it is ec-p256" in refused.stderr
    assert manager.content() == before
    manager.done("self-signed", "mail", *HOSTS, "--type", "ec-p256")
    refused = manager.key("self-signed", "spare", *HOSTS, "--same-key")
    assert refused.returncode == 1 and "there is no key of spare yet" in refused.stderr


def test_with_watch_nobody_is_told_to_commit(manager, pki):
    manager.front.file.write_text("watch = on\n" + manager.front.file.read_text())
    manager.issue()
    leaf = renewed(manager)
    said = manager.done("install", "mail", leaf, pki.intermediate.certificate).stderr
    assert "by itself within seconds" in said and "tlsfront reload" not in said
    assert "the key of mail changes" in said and "with watch = on it is served" in said
