"""The key manager and wrong input: it says what, why and how to mend it, and changes nothing."""

import json
import os
import pwd
import re
import shutil
import subprocess

import pytest

from harness.config import route
from harness.keys import KeyManager, der, p7b, serial
from harness.pki import Authority, openssl
from harness.tree import DOCS

BLOCK = "certificate mail { }\n"


@pytest.fixture
def manager(fronts, run, pki):
    """A certificate is installed, and a renewal waits for its answer."""
    front = fronts.new(BLOCK, route("echo", run.port(), run.port(), hostname="mail.example.test"))
    made = KeyManager(front, pki)
    made.issue()
    made.done("renew", "mail")
    return made


def refused(manager, *arguments, words=(), status=1, command="install", wrapper=()):
    """It fails, with these words and a cure, and leaves what was there."""
    before = manager.content()
    ran = manager.key(command, "mail", *arguments, wrapper=wrapper)
    assert ran.returncode == status, f"{ran.stdout}\n{ran.stderr}"
    for word in words:
        assert word in ran.stderr
    assert manager.content() == before
    return ran.stderr


def write(manager, name, data):
    path = manager.answers / name
    path.write_bytes(data)
    return path


# ---- answers ----------------------------------------------------------------------------------


def test_a_certificate_for_another_key(manager, pki):
    text = refused(manager, pki.renewed.leaf, pki.intermediate.certificate,
                   words=["none of the certificates belongs to the private key of mail",
                          "CN=mail.example.test", "cure:"])
    assert "CN=intermediate" in text


def test_a_missing_intermediate_is_named_with_where_to_get_it(manager):
    refused(manager, manager.sign(),
            words=["intermediate certificate is missing", "CN=intermediate",
                   "http://ca.example.test/issuer.crt", "cure:"])


def test_a_missing_intermediate_can_be_forced_and_is_a_warning_then(manager):
    ran = manager.done("install", "mail", manager.sign(), "--force")
    assert "warning: an intermediate certificate is missing" in ran.stderr


def test_an_intermediate_of_the_same_name_with_another_key(manager, run):
    impostor = Authority(run.make_folder(f"impostor-{manager.front.folder.name}"), "intermediate")
    refused(manager, manager.sign(), impostor.certificate,
            words=["was not signed by the CN=intermediate that is given", "cure:"])


def test_a_trusted_root_of_the_same_name_with_another_key(manager, run):
    impostor = Authority(run.make_folder(f"namesake-{manager.front.folder.name}"), "intermediate")
    refused(manager, manager.sign(), "--ca", impostor.certificate,
            words=["was issued by CN=intermediate, which is not given, and the root of that name "
                   "that this machine trusts has another key", "cure:"])


@pytest.mark.parametrize("start, end, words", [(-60, -30, "expired on"),
                                               (30, 60, "not valid before"),
                                               (60, 30, "is never valid: it begins on")])
def test_a_certificate_out_of_its_time(manager, pki, start, end, words):
    leaf = manager.sign(start=start, end=end)
    refused(manager, leaf, pki.intermediate.certificate, words=[words, "cure:"])


def test_names_that_the_request_asked_for_and_the_certificate_lacks(manager, pki):
    leaf = manager.sign(names=("mail.example.test",))
    refused(manager, leaf, pki.intermediate.certificate,
            words=['does not cover "localhost", which the request asked for',
                   "It covers: mail.example.test", "--force"])


def test_the_name_of_a_route_that_uses_it(manager, pki):
    manager.front.write(BLOCK, route("echo", 1, 2, hostname="pop.example.test"))
    refused(manager, manager.sign(), pki.intermediate.certificate,
            words=['does not cover "pop.example.test", which is the hostname of route echo'])


def test_the_name_of_a_route_may_be_covered_by_another_of_its_certificates(manager, pki):
    manager.front.write(BLOCK, pki.news.block(),
                        route("echo", 1, 2, certificate=("mail", "news"),
                              hostname="news.example.test"))
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate)


def test_a_name_asked_for_on_the_command_line(manager, pki):
    refused(manager, manager.sign(), pki.intermediate.certificate, "--host", "other.example.test",
            words=['does not cover "other.example.test", which --host asks for'])


def test_names_can_be_forced(manager, pki):
    leaf = manager.sign(names=("elsewhere.example.test",))
    ran = manager.done("install", "mail", leaf, pki.intermediate.certificate, "--force")
    assert 'warning: the certificate does not cover "mail.example.test"' in ran.stderr


def test_a_certificate_for_clients(manager, pki):
    leaf = manager.sign(purpose="clientAuth")
    refused(manager, leaf, pki.intermediate.certificate, words=["serverAuth", "cure:"])


POISON = "1.3.6.1.4.1.11129.2.4.3 = critical,ASN1:NULL\n"


@pytest.mark.parametrize("extension, words", [
    ("1.2.3.4 = critical,DER:0500\n", "the critical extension 1.2.3.4"),
    (POISON, "is a precertificate"),
    ("1.3.6.1.5.5.7.1.31 = critical,DER:0500\n", "acmeIdentifier")])
def test_a_certificate_that_no_client_accepts(manager, pki, extension, words):
    leaf = manager.sign(extensions=extension)
    refused(manager, leaf, pki.intermediate.certificate, "--force", words=[words, "cure:"])


def test_of_a_certificate_and_its_precertificate_the_certificate_is_taken(manager, pki):
    poisoned = manager.sign(extensions=POISON)
    leaf = manager.sign()
    manager.done("install", "mail", poisoned, leaf, pki.intermediate.certificate)
    assert manager.serial_in_place() == serial(leaf)


def test_an_issuer_that_is_no_authority(manager, pki):
    """Signed with the key of a mere server."""
    request = manager.state / "mail" / "request.csr"
    leaf = manager.answers / "leaf.pem"
    extensions = manager.answers / "extensions"
    extensions.write_text("subjectAltName = DNS:mail.example.test,DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", request, "-CA", pki.news.leaf, "-CAkey", pki.news.key,
            "-CAcreateserial", "-extfile", extensions, "-out", leaf, "-days", "30")
    refused(manager, leaf, pki.news.chain, words=["CN=news.example.test", "it is no authority"])


NO_CERTIFICATES = [
    ("garbage", bytes(range(256)) * 40, "holds no certificate"),
    ("empty", b"", "holds no certificate"),
    ("prose.txt", b"Dear customer, your certificate is attached.\n", "holds no certificate"),
    ("utf16.pem", "-----BEGIN CERTIFICATE-----".encode("utf-16"), "UTF-16"),
    ("cut.pem", b"-----BEGIN CERTIFICATE-----\nMIIB\n", "cut short"),
    ("bad.pem", b"-----BEGIN CERTIFICATE-----\nMIIB!!\n-----END CERTIFICATE-----\n", "damaged"),
    ("bad.der", b"\x30\x82\x01\x00\x30\x82\x00\xf0" + b"x" * 252, "damaged"),
    ("open.p7b", b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80", "BER"),
    ("large", b"x" * (10 << 20), "larger than 4 MiB"),
    ("large.pem", b"-----BEGIN CERTIFICATE-----\n" + b"A" * (10 << 20), "larger than 4 MiB"),
]


@pytest.mark.parametrize("name, data, words", NO_CERTIFICATES,
                         ids=[name for name, _, _ in NO_CERTIFICATES])
def test_files_that_are_no_certificates(manager, name, data, words):
    path = write(manager, name, data)
    refused(manager, path, words=[words, str(path)])


def test_a_damaged_certificate_among_good_ones(manager, pki):
    good = der(manager.sign()).read_bytes()
    path = write(manager, "cut.der", good[:-40])
    refused(manager, path, pki.intermediate.certificate, words=[str(path), "damaged"])
    whole = p7b(manager.answers / "answer.p7b", pki.intermediate.certificate).read_bytes()
    path = write(manager, "cut.p7b", whole[:-40])
    refused(manager, path, words=[str(path)])


def test_the_request_instead_of_the_answer(manager):
    refused(manager, manager.state / "mail" / "request.csr",
            words=["is a request, not the authority's answer"])


def test_a_pkcs7_without_certificates(manager, pki):
    path = manager.answers / "crl.p7b"
    openssl("crl2pkcs7", "-in", pki.crl, "-outform", "DER", "-out", path)
    refused(manager, path, words=[str(path), "holds no certificate"])


def test_files_that_cannot_be_read(manager):
    refused(manager, "/no/such/file", words=["/no/such/file", "No such file"])
    refused(manager, manager.answers, words=[str(manager.answers), "directory"])


def test_more_than_one_thing_wrong_is_told_at_once(manager, pki):
    leaf = manager.sign(names=("elsewhere.example.test",), start=-60, end=-30)
    refused(manager, leaf, pki.intermediate.certificate,
            words=["expired on", 'does not cover "mail.example.test"'])


# ---- what surrounds it ------------------------------------------------------------------------


def test_an_answer_without_a_key(manager, pki):
    ran = manager.key("install", "nobody", pki.mail.leaf)
    assert ran.returncode == 1
    assert "there is no key nobody" in ran.stderr and "tlsfront key new" in ran.stderr


def test_a_rollback_without_a_previous_pair(manager):
    refused(manager, "--rollback", words=["there is no previous certificate of mail"])


@pytest.mark.parametrize("arguments, words", [
    (("new", ".hidden", "--host", "a.example"), "begins with a dot"),
    (("new", "a/b", "--host", "a.example"), "usable"),
    (("new", "", "--host", "a.example"), "usable"),
    (("new", "x" * 65, "--host", "a.example"), "usable"),
    (("new", "x", "--host", "not a name"), "neither a host name nor an IP address"),
    (("new", "x", "--host", "m\u00fcnchen.example"), "ASCII"),
    (("new", "x", "--host", "*.org"), "top-level"),
    (("new", "x", "--host", "*." + "a" * 64 + ".example"), "63 characters at most"),
    (("new", "x", "--host", "*." + "a.example." * 25 + "ab"), "253 characters at most"),
    (("new", "x", "--host", "mail.-a.example"), '"-a" in "mail.-a.example" begins with a hyphen'),
    (("new", "x", "--host", "192.0.2.256"), "ends with a number"),
    (("new", "x"), "for which host names"),
    (("new", "x", "--route", "none"), "there is no route"),
    (("new", "x", "--host", "a.example", "--type", "rsa-512"), "rsa-2048"),
    (("renew", "mail", "--same-key", "--type", "rsa-2048"), "exclude each other"),
    (("renew", "mail", "--same-key", "--encrypt"), "--same-key and --encrypt exclude each other"),
    (("self-signed", "mail", "--host", "a.example", "--same-key", "--type", "rsa-2048"),
     "exclude each other"),
    (("new",), "NAME is missing"), (("install", "mail"), "FILE is missing"),
    (("import", "mail"), "FILE is missing"), (("list", "surplus"), "\"surplus\" is one argument"),
    (("new", "mail", "surplus"), "\"surplus\" is one argument"),
    (("install", "mail", "x", "--rollback"), "--rollback takes no FILE"),
    (("show", "mail", "--commit"), "key show knows no --commit"),
    (("show", "mail", "--nonsense"), "unrecognized option '--nonsense'"),
    (("new", "mail", *["--host", "a.example"] * 101), "--host can be given 100 times"),
    (("nonsense",), "no command"),
    *((("self-signed", "mail", "--days", days), f'--days "{days}" is no number from 1 to 3650')
      for days in ("0", "3651", "-1", "+1", "1e3", " 1", "", "99999999999999999999")),
])
def test_wrong_usage_is_status_2(manager, arguments, words):
    before = manager.content()
    ran = manager.key(*arguments)
    assert ran.returncode == 2, ran.stderr
    assert words in ran.stderr
    assert manager.content() == before


def test_every_command_has_help(manager):
    listed = subprocess.run([manager.front.binary, "key", "--help"], capture_output=True, text=True,
                            check=True, timeout=30).stdout
    for command in ("new", "install", "import", "list", "show", "self-signed", "renew", "remove"):
        ran = manager.done(command, "--help")
        usage = ran.stdout.partition("\n\n")[0].removeprefix("usage: ")
        assert usage.split()[:3] == ["tlsfront", "key", command]
        assert usage in listed
        assert not re.search(" $", listed + ran.stdout, re.MULTILINE)


def test_the_manual_has_every_option_of_the_help(manager):
    text = (DOCS / "tlsfront-key.1.scd").read_text(encoding="utf-8")
    synopsis = text.partition("# SYNOPSIS")[2].partition("# DESCRIPTION")[0]
    for command in ("new", "install", "import", "list", "show", "self-signed", "renew", "remove"):
        usage = manager.done(command, "--help").stdout.partition("\n\n")[0]
        lines = [line for line in synopsis.splitlines() if f"key {command}*" in line]
        assert set(re.findall("--[a-z-]+", usage)) == set(re.findall("--[a-z-]+", "".join(lines)))


@pytest.mark.parametrize("command", ["new", "self-signed"])
def test_a_subject_that_is_not_understood_is_wrong_usage(manager, command):
    refused(manager, "--host", "a.example", "--replace", "--subject", "/C=DE/CN=x", command=command,
            status=2, words=["the subject", "CN=mail.example.org"])


def test_a_subject_of_a_renewal_that_is_not_understood_is_wrong_usage(manager, pki):
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate)
    refused(manager, "--subject", "/C=DE/CN=x", command="renew", status=2, words=["the subject"])


@pytest.mark.parametrize("subject, words", [
    ("CN=" + 65 * "\u00fc", "CN in the subject is 65 characters long, and 64 are the most"),
    ("CN=x, C=DEU", 'C in the subject is "DEU", and has to be the two letters of a country')])
def test_a_subject_with_more_than_an_attribute_holds(manager, subject, words):
    refused(manager, "--host", "a.example", "--replace", "--subject", subject, command="new",
            status=2, words=[words, "cure:"])


def test_a_configuration_that_cannot_be_read_is_status_78(manager):
    manager.front.file.write_text("nonsense {\n")
    ran = manager.key("list")
    assert ran.returncode == 78
    assert str(manager.front.file) in ran.stderr


@pytest.mark.parametrize("wrong, words", [
    ('state = ""', "state is empty"), ('stat = "{elsewhere}"', 'there is no key "stat"'),
    ('state = "{elsewhere}" state = "{elsewhere}-2"', "state is set a second time"),
    ('control = ""', "control is empty"), ('include("nowhere")', 'cannot read "')])
def test_a_configuration_that_is_not_understood_makes_no_key_elsewhere(manager, wrong, words):
    elsewhere = manager.front.folder / "elsewhere"
    text = re.sub(r"(?m)^(state|control) = .*$", "", manager.front.file.read_text())
    manager.front.file.write_text(f"{wrong.format(elsewhere=elsewhere)}\n{text}")
    for command in (("self-signed", "mail", "--replace"), ("new", "mail", "--replace"), ("list",)):
        ran = manager.key(*command, *(("--host", "a.example") if len(command) > 1 else ()))
        assert ran.returncode == 78
        assert f"{manager.front.file}:1: error: {words}" in ran.stderr
        assert "certificate mail" not in ran.stderr  # that is what is about to be made
    told = manager.key("list", "--json")
    assert [one["text"] for one in json.loads(told.stdout)["findings"] if words in one["text"]]
    assert not elsewhere.exists()


def test_files_and_users_that_are_not_there_yet_keep_nobody_from_making_keys(fronts, run, pki):
    manager = KeyManager(fronts.new(BLOCK, route("echo", run.port(), run.port()), user="nobody-yet",
                                    log="/no/such/folder/log"), pki)
    assert manager.front.check().returncode == 78
    manager.done("new", "mail", "--host", "mail.example.test")


def test_a_state_that_others_need_is_not_to_be_closed_to_them(manager):
    text = manager.front.file.read_text()
    for shared in ("/", "/tmp", "/etc/ssl"):
        manager.front.file.write_text(re.sub(r"(?m)^state = .*$", f'state = "{shared}"', text))
        ran = manager.key("list")
        assert ran.returncode == 1 and "other users can look into" in ran.stderr
        assert "chmod" not in ran.stderr and "for keys alone" in ran.stderr


def test_a_state_that_its_owner_cannot_look_into(fronts, run, pki):
    manager = KeyManager(fronts.new(BLOCK, route("echo", run.port(), run.port())), pki)
    manager.state.mkdir(exist_ok=True)
    os.chown(manager.state, pwd.getpwnam("nobody").pw_uid, -1)
    manager.state.chmod(0o600)
    ran = manager.key("new", "mail", "--host", "a.example",
                      wrapper=("setpriv", "--reuid=nobody", "--clear-groups"))
    assert ran.returncode == 1
    assert "not even its owner can look into" in ran.stderr and "chmod 0700" in ran.stderr


def test_a_state_that_others_can_look_into(manager):
    manager.state.chmod(0o755)
    refused(manager, manager.sign(), words=["other users can look into", "chmod 0700"])
    manager.state.chmod(0o700)


@pytest.mark.parametrize("command", [
    ("new", "mail", "--host", "mail.example.test"), ("renew", "mail"), ("show", "mail"),
    ("self-signed", "mail", "--host", "mail.example.test", "--replace")],
    ids=lambda words: words[0])
@pytest.mark.parametrize("file", ["key.pem", "chain.pem", "request.csr", "next-key.pem"])
def test_a_link_that_the_owner_of_state_planted(manager, run, file, command):
    """Root would copy what it points to into a file of the owner's."""
    secret = run.make_folder(f"secret-{manager.front.folder.name}") / "secret"
    secret.write_text("SECRET-OF-ROOT\n")
    secret.chmod(0o600)
    planted = manager.state / "mail" / file
    shutil.rmtree(planted.parent)
    planted.parent.mkdir()
    planted.symlink_to(secret)
    for one in (manager.state, planted.parent):
        shutil.chown(one, "nobody", "nogroup")
    ran = manager.key(*command)
    assert ran.returncode == 1 and "symbolic link" in ran.stderr and "cure:" in ran.stderr
    checked = manager.front.check()
    assert "SECRET" not in checked.stdout + checked.stderr
    for path in manager.state.rglob("*"):
        assert path.is_symlink() or not path.is_file() or "SECRET" not in path.read_text()


def test_a_state_that_cannot_be_opened(manager, pki):
    """Root without the power to pass over permissions."""
    leaf = manager.sign()
    before = manager.content()
    powerless = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    manager.state.chmod(0o000)
    try:
        ran = manager.key("install", "mail", leaf, pki.intermediate.certificate, wrapper=powerless)
    finally:
        manager.state.chmod(0o700)
    assert ran.returncode == 1
    assert str(manager.state) in ran.stderr and "Permission denied" in ran.stderr
    assert manager.content() == before


def test_a_state_whose_parent_is_missing(manager):
    manager.front.write(BLOCK, route("echo", 1, 2), state="/no/such/folder/state")
    ran = manager.key("new", "mail", "--host", "mail.example.test")
    assert ran.returncode == 1
    assert "/no/such/folder/state" in ran.stderr and "`state`" in ran.stderr


FULL_DISK = """
set -e
cp -a "$STATE" "$SAVED"
mount -t tmpfs -o size=128k,mode=0700 tmpfs "$STATE"
cp -a "$SAVED/." "$STATE/"
cat /dev/zero > "$STATE/filler" 2>/dev/null || true
status=0
"$@" || status=$?
rm "$STATE/filler"
diff -r "$SAVED" "$STATE" >&2 || exit 99
exit $status
"""


@pytest.mark.parametrize("command", ["install", "renew"])
def test_a_full_disk(manager, pki, command):
    """A small filesystem of its own, seen by this command alone."""
    arguments = {"install": (manager.sign(), pki.intermediate.certificate),
                 "renew": ("--replace",)}[command]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", FULL_DISK, "sh", str(manager.front.binary), "key",
         command, "mail", *map(str, arguments), "-c", str(manager.front.file)],
        env=os.environ | {"STATE": str(manager.state),
                          "SAVED": str(manager.front.folder / "saved")},
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr
    assert "nothing was changed" in done.stderr


def test_what_a_crash_leaves_behind_is_tidied_up(manager, pki):
    """Both sides of the step that exchanges the folders."""
    staged = manager.state / ".mail.next"
    staged.mkdir(mode=0o700)
    (staged / "staged").touch()
    (staged / "key.pem").write_text("half of a k")
    before = manager.content()["mail/chain.pem"]
    manager.done("remove", "mail", "--request")
    assert not staged.exists()
    assert manager.content()["mail/chain.pem"] == before

    manager.done("renew", "mail")
    manager.done("install", "mail", manager.sign(), pki.intermediate.certificate)
    newer = manager.content()["mail/chain.pem"]
    (manager.state / ".mail.previous").rename(staged)  # the exchange was the last thing done
    (manager.state / "mail" / "staged").touch()
    manager.done("renew", "mail")
    assert manager.content()["mail/chain.pem"] == newer
    assert not (manager.state / "mail" / "staged").exists()
    assert not staged.exists()
    manager.done("install", "mail", "--rollback")
    assert manager.content()["mail/chain.pem"] == before
