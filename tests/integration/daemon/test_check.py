"""`tlsfront check`: every mistake is found and told with file, line, cause and cure; status 78."""

import json
import os
import re
import socket
import subprocess

import pytest

from harness.config import route
from harness.pki import Authority, openssl

WRONG = 78

# In front of a command: a machine of two addresses; 1: whose processes may bind to any.
HERE = ("unshare", "--net", "sh", "-ec", """
ip link set lo up
ip addr add 198.51.100.7/32 dev lo
ip addr add 2001:db8::7/128 dev lo nodad
sysctl -q net.ipv4.ip_nonlocal_bind="$1" net.ipv6.ip_nonlocal_bind="$1"
shift
exec "$@"
""", "sh")


def told(finding):
    """A finding of --json as `check` tells it to people."""
    place = "".join(f"{finding[key]}{mark}" for key, mark in (("file", ":"), ("line", ":"))
                    if finding[key] is not None)
    cure = f"    cure: {finding['cure']}\n" if finding["cure"] is not None else ""
    return f"{place}{' ' if place else ''}{finding['severity']}: {finding['message']}\n{cure}"


def undated(text):
    """Two looks at a certificate may fall on two sides of a day's end."""
    return re.sub(r"in \d+ days?", "in some days", text)


FIELDS = ["severity", "file", "line", "column", "block", "name", "key", "message", "cure"]


def assert_same_in_json(done, as_json):
    """Every finding is there for programs, with all its fields, and so is the outcome."""
    assert as_json.returncode == done.returncode and as_json.stderr == ""
    report = json.loads(as_json.stdout)
    assert all(list(one) == FIELDS for one in report["findings"])
    told_all = "".join(told(one) for one in report["findings"])
    assert undated(done.stderr).startswith(undated(told_all))
    assert report["accepted"] == (done.returncode == 0) == ("routes" in report)
    severities = [one["severity"] for one in report["findings"]]
    assert report["errors"] == severities.count("error")
    assert report["warnings"] == severities.count("warning")
    for one in report["findings"]:
        assert (one["column"] is None) == (one["line"] is None)
        if one["block"] is not None:
            assert one["name"] in one["message"]


@pytest.fixture
def checker(fronts, pki):
    """check() of configuration text; `line` numbers count the lines of that text alone."""
    front = fronts.new()
    head = front.file.read_text().count("\n")

    def check(*blocks):
        front.write(*blocks)
        done = front.check()
        assert_same_in_json(done, front.command("check", "-c", front.file, "--json"))
        done.line_of = lambda number: f"{front.file}:{head + number}:"
        return done
    check.front = front
    return check


@pytest.fixture
def good(pki):
    """A certificate block (lines 1 to 4) and a route (lines 5 to 11)."""
    return pki.mail.block() + route("pop3s", 19995, 19110, protocol="pop3")


def errors(done):
    """Findings of check as (place, severity, cause, cure)."""
    return re.findall(r"^(\S+:\d+): (error|warning): (.*)\n(?:    cure: (.*)\n)?", done.stderr,
                      re.MULTILINE)


def assert_refused(done, line, cause, cure=""):
    assert done.returncode == WRONG, done.stderr
    assert done.stdout == ""
    found = [one for one in errors(done) if one[1] == "error" and
             re.search(cause, one[2], re.IGNORECASE)]
    assert found, f"no error about /{cause}/ in:\n{done.stderr}"
    place, _, _, advice = found[0]
    assert place + ":" == done.line_of(line), f"{place} instead of line {line}: {done.stderr}"
    assert advice and re.search(cure, advice, re.IGNORECASE), f"cure: {advice}"


def assert_warned(done, line, cause, cure):
    """It is the only finding, and does not stand in the way."""
    assert done.returncode == 0, done.stderr
    (place, severity, words, advice), = errors(done)
    assert severity == "warning" and re.search(cause, words), done.stderr
    assert place + ":" == done.line_of(line), f"{place} instead of line {line}: {done.stderr}"
    assert re.search(cure, advice), f"cure: {advice}"


def test_a_good_configuration_prints_the_table_it_understood(checker, good):
    done = checker(good)
    assert done.returncode == 0
    assert done.stderr == ""
    assert re.search(r"^pop3s +127\.0\.0\.1:19995 +pop3 +implicit +mail .*127\.0\.0\.1:19110$",
                     done.stdout, re.MULTILINE)
    assert "until" in done.stdout


def with_key(good, text):
    """The route with one more key, which then stands on line 11."""
    assert good.endswith("}\n")
    return good[:-2] + f"    {text}\n}}\n"


@pytest.mark.parametrize("text, cause, cure", [
    ("nonsense = 1", "nonsense", ""),
    ("idle-timout = 5m", "idle-timout", "idle-timeout"),
    ('listen = "127.0.0.1:19996"', "listen.* second time", "keep one"),
    ("idle-timeout = soon", "soon.*not a duration", "10s"),
    ("idle-timeout = 10", "without a unit", "10s"),
    ("idle-timeout = -5s", "not a duration", ""),
    ("idle-timeout = 9999999h", "too long", ""),
    ("max-connections = many", "not a number", ""),
    ("max-connections = -1", "not a number", ""),
    ("min-version = 1.1", "1\\.1", "1\\.2"),
    ("client-certificate = maybe", "maybe", "required"),
    ("send-proxy = v3", "v3", "v2"),
    ("strict-sni = perhaps", "neither on nor off", "on or off"),
    ("hostname = \"not a name\"", "not a host name", ""),
    ("groups = {\"p-1\"}", "p-1", ""),
    ("ciphers = {\"RC4\"}", "RC4", ""),
    ("accept-proxy-from = {\"10.0.0.1/40\"}", "10\\.0\\.0\\.1/40", ""),
    ("source = \"127.0.0.1:25\"", "not an address", ""),
])
def test_a_wrong_key_or_value_is_told_with_its_line(checker, good, text, cause, cure):
    assert_refused(checker(with_key(good, text)), 11, cause, cure)


def test_groups_that_leave_tls12_without_one_are_warned_about(checker, good, binary):
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    if "AWS-LC" not in version.stdout:
        pytest.skip("this build has no group that is for TLS 1.3 only")
    only = 'groups = {"X25519MLKEM768"}'
    done = checker(with_key(good, only))
    assert_warned(done, 11, "none for TLS 1.2", "min-version = 1.3")
    done = checker(with_key(good, only + "\n    min-version = 1.3"))
    assert (done.returncode, done.stderr) == (0, "")
    done = checker(with_key(good, 'groups = {"x25519mlkem768", "P-384"}'))
    assert (done.returncode, done.stderr) == (0, "")


def test_ciphers_that_no_client_can_use_are_warned_about(checker, good):
    old = 'ciphers = {"ECDHE-ECDSA-AES128-GCM-SHA256"}'
    done = checker(with_key(good, old + "\n    min-version = 1.3"))
    assert_warned(done, 11, "ciphers has no effect: .* TLS 1.2", "TLS 1.3")
    for fine in (old, 'ciphers = {"TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"}\n    min-version = 1.3'):
        done = checker(with_key(good, fine))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_too_large_has_a_cure_of_its_own(checker, good, pki, tmp_path):
    large = tmp_path / "large.pem"
    with large.open("wb") as file:
        file.truncate((16 << 20) + 1)
    done = checker(good.replace(str(pki.mail.chain), str(large)))
    assert_refused(done, 2, "larger than 16 MiB", "this size")


@pytest.mark.parametrize("name", ["not a name", "${HOME}"])
def test_a_hostname_that_is_wrong_is_one_finding(checker, good, name):
    done = checker(with_key(good, f'hostname = "{name}"'))
    assert done.returncode == WRONG
    assert len(errors(done)) == 1, done.stderr


def test_standard_input_has_one_name(checker):
    done = checker.front.command("check", "-c", "-", text="watch = on\nwatch = off\n")
    assert done.returncode == WRONG
    assert "standard input:2: error: watch is set a second time; the first is in standard input line 1" in done.stderr


@pytest.mark.parametrize("old, new, line, cause, cure", [
    ('listen = "127.0.0.1:19995"', 'listen = "127.0.0.1"', 6, "no port", "host:port|127"),
    ('listen = "127.0.0.1:19995"', 'listen = "127.0.0.1:99999"', 6, "port", "1 to 65535"),
    ('listen = "127.0.0.1:19995"', 'listen = "::1:995"', 6, "", "bracket"),
    ('listen = "127.0.0.1:19995"', 'listen = "unix:relative"', 6, "absolute", "unix:/"),
    ('upstream = "127.0.0.1:19110"', 'upstream = "127.0.0.1:19995"', 10, "is where", ""),
    ('protocol = "pop3"', 'protocol = "pop4"', 7, "pop4", "pop3"),
    ('tls = "implicit"', 'tls = "maybe"', 8, "maybe", "implicit"),
    ('certificate = {"mail"}', 'certificate = {"male"}', 9, "male", "mail"),
    ('    listen = "127.0.0.1:19995"\n', "", 5, "listen", "listen ="),
    ('    upstream = "127.0.0.1:19110"\n', "", 5, "upstream", "upstream ="),
    ('    protocol = "pop3"\n', "", 5, "protocol", "pop3"),
    ('    certificate = {"mail"}\n', "", 5, "certificate", "certificate ="),
])
def test_a_wrong_or_missing_part_of_a_route_is_told(checker, good, old, new, line, cause, cure):
    assert old in good
    assert_refused(checker(good.replace(old, new)), line, cause, cure)


def test_two_routes_on_one_address(checker, good):
    again = route("again", 19995, 19111, protocol="pop3")
    assert_refused(checker(good + again), 13, r"127\.0\.0\.1:19995.*taken by route pop3s", "port")


def test_two_routes_of_one_name(checker, good):
    again = route("pop3s", 19996, 19111, protocol="pop3")
    assert_refused(checker(good + again), 12, "second route", "name")


def test_no_route_at_all(checker, pki):
    done = checker(pki.mail.block())
    assert done.returncode == WRONG
    assert "no routes" in done.stderr


@pytest.mark.parametrize("text, cause", [
    ("route unfinished {\n    listen = \":19999\"\n", "not closed"),
    ("route {\n}\n", "name"),
    ("listen = \":995\"\n", "listen"),
    ("workers = many\n", "neither auto nor a number"),
    ("workers = 0\n", "neither auto nor a number"),
    ("log-level = loud\n", "loud"),
    ("user = no-such-user-at-all\n", "no-such-user-at-all"),
    ("include(\"/no/such/file.conf\")\n", "/no/such/file.conf"),
    ("= = =\n", ""),
])
def test_mistakes_outside_of_routes(checker, good, text, cause):
    front = checker.front
    if text.startswith(("workers", "user")):
        front.options.pop(text.split()[0])
    front.write(good + text)
    done = front.check()
    assert done.returncode == WRONG
    assert re.search(cause, done.stderr)
    assert re.search(rf"^{front.file}:\d+: error: ", done.stderr, re.MULTILINE)
    assert "cure:" in done.stderr


def test_all_mistakes_are_told_at_once(checker, good):
    done = checker(with_key(good, "nonsense = 1\n    idle-timeout = 10\n    strict-sni = x"))
    assert done.returncode == WRONG
    places = [place for place, severity, _, _ in errors(done) if severity == "error"]
    assert [place + ":" for place in places] == [done.line_of(n) for n in (11, 12, 13)]


def test_included_files_are_named_with_their_own_lines(checker, good, run):
    folder = run.make_folder("included")
    (folder / "a.conf").write_text("# fine\n")
    (folder / "b.conf").write_text("\n\nroute extra {\n    nonsense = 1\n}\n")
    done = checker(good + f'include("{folder}/*.conf")\n')
    assert done.returncode == WRONG
    assert f"{folder}/b.conf:4: error:" in done.stderr


def test_standard_input_is_checked_with_a_dash(checker, good):
    done = checker.front.command("check", "-c", "-", text=checker.front.file.read_text() + good)
    assert done.returncode == 0, done.stderr
    assert "pop3s" in done.stdout
    done = checker.front.command("check", "-c", "-", text=good + "nonsense = 1\n")
    assert done.returncode == WRONG
    assert re.search(r"^\S.*:12: error: .*nonsense", done.stderr, re.MULTILINE)


# ---- certificates ------------------------------------------------------------------------------

def using(chain, key, text="", names=("mail",)):
    return (f"certificate mail {{\n    chain = {chain}\n    key = {key}\n}}\n" +
            route("pop3s", 19995, 19110, protocol="pop3", certificate=names) + text)


def test_a_missing_certificate_file(checker, pki):
    assert_refused(checker(using("/no/such.pem", pki.mail.key)), 2, "/no/such.pem", "path|file")
    assert_refused(checker(using(pki.mail.chain, "/no/such.key")), 3, "/no/such.key", "path|file")


def test_a_key_that_does_not_match(checker, pki):
    assert_refused(checker(using(pki.mail.chain, pki.news.key)), 3, "does not belong")


@pytest.mark.parametrize("name, cause", [("expired", "expired on"), ("future", "not valid before")])
def test_a_certificate_outside_its_validity(checker, pki, name, cause):
    certificate = getattr(pki, name)
    assert_refused(checker(using(certificate.chain, certificate.key)), 2, cause)


def test_a_chain_out_of_order(checker, pki, run):
    folder = run.make_folder("chains")
    leaf, issuer = pki.mail.leaf.read_text(), pki.intermediate.certificate.read_text()
    (folder / "reversed.pem").write_text(issuer + leaf)
    (folder / "stranger.pem").write_text(leaf + pki.people.certificate.read_text() + issuer)
    done = checker(using(folder / "reversed.pem", pki.mail.key))
    assert_refused(done, 3, "has to come first")
    assert_refused(checker(using(folder / "stranger.pem", pki.mail.key)), 2, "did not issue it",
                   "issuer")


def test_a_chain_without_its_intermediate_is_warned_about(checker, pki):
    done = checker(using(pki.mail.leaf, pki.mail.key))
    assert done.returncode == 0
    place, severity, cause, cure = errors(done)[0]
    assert severity == "warning"
    assert "intermediate" in cause and cure
    assert place + ":" == done.line_of(2)


def test_damaged_or_wrong_files(checker, pki, run):
    folder = run.make_folder("damaged")
    text = pki.mail.leaf.read_text()
    cut = folder / "cut.pem"
    cut.write_text(text[:len(text) // 2] + "\n-----END CERTIFICATE-----\n")
    assert_refused(checker(using(cut, pki.mail.key)), 2, "cut.pem.*damaged")
    empty = folder / "empty.pem"
    empty.write_text("")
    assert_refused(checker(using(empty, pki.mail.key)), 2, "no certificate")
    assert_refused(checker(using(pki.mail.chain, pki.mail.leaf)), 3, "no private key")
    der = folder / "der.pem"
    der.write_bytes(pki.mail.der())
    assert_refused(checker(using(der, pki.mail.key)), 2, "DER")
    locked = folder / "locked.key"
    openssl("pkey", "-in", pki.mail.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    assert_refused(checker(using(pki.mail.chain, locked)), 3, "encrypted")


def test_a_key_that_everyone_can_read_is_warned_about(checker, pki, run):
    key = run.make_folder("readable") / "open.key"
    key.write_text(pki.mail.key.read_text())
    key.chmod(0o644)
    done = checker(using(pki.mail.chain, key))
    assert done.returncode == 0
    assert any(severity == "warning" and "everyone" in cause and "chmod" in cure
               for _, severity, cause, cure in errors(done))


def test_a_certificate_that_nobody_uses_is_warned_about(checker, good, pki):
    done = checker(good + pki.news.block())
    assert done.returncode == 0
    assert errors(done)[0][0] + ":" == done.line_of(12)
    assert "no route uses it" in errors(done)[0][2]


def test_a_certificate_about_to_expire_is_warned_about(checker, pki, run):
    soon = Authority(run.make_folder("soon"), "soon-ca").issue("soon", pki.NAMES, start=-80, end=10)
    done = checker(using(soon.chain, soon.key))
    assert done.returncode == 0
    assert any("expires on" in cause for _, _, cause, _ in errors(done))


@pytest.mark.parametrize("start,end", [(-3, 3), (-14, 31), (-14, 18)])
def test_a_short_lived_certificate_is_no_alarm_before_its_last_third(checker, pki, run, start, end):
    young = Authority(run.make_folder(f"young{end}"), f"young{end}").issue("young", pki.NAMES, start=start,
                                                                           end=end)
    assert not any("expires" in cause for _, _, cause, _ in errors(checker(using(young.chain, young.key))))


def test_client_certificates_need_an_authority(checker, good, pki):
    assert_refused(checker(with_key(good, "client-certificate = required")), 5, "client-ca",
                   "client-ca =")
    assert_refused(checker(with_key(good, f"client-certificate = required\n    client-ca = "
                                    f"{pki.alice.key}")), 12, "certificate")
    assert_refused(checker(with_key(good, f"client-crl = {pki.crl}")), 11, "client-ca")


# ---- mail --------------------------------------------------------------------------------------

def test_an_open_relay_is_warned_about_unless_something_prevents_it(checker, pki):
    def smtp(**extra):
        return pki.mail.block() + route("smtps", 19465, 19025, protocol="smtp",
                                        **{"relay_risk": None} | extra)

    done = checker(smtp())
    place, severity, cause, cure = errors(done)[0]
    assert "relays mail" in cause and "send-proxy" in cure and "relay-risk" in cure
    for extra in ({"relay_risk": "accepted"}, {"send_proxy": "v2"}, {"xclient": "on"}):
        assert checker(smtp(**extra)).stderr == ""


# ---- STARTTLS ----------------------------------------------------------------------------------

STARTTLS_PROTOCOLS = ("pop3", "imap", "smtp", "nntp", "ldap", "sieve")


@pytest.fixture
def plain(pki):
    """A certificate block (lines 1 to 4) and a route; `tls` is on line 8, an option on line 11."""
    def text(protocol, mode, **options):
        return pki.mail.block() + route("plain", 19990, 19111, protocol=protocol, tls=mode,
                                        **options)
    return text


@pytest.mark.parametrize("mode", ["required", "optional"])
@pytest.mark.parametrize("protocol", STARTTLS_PROTOCOLS)
def test_starttls_is_understood(checker, plain, protocol, mode):
    done = checker(plain(protocol, mode))
    assert done.returncode == 0
    assert done.stderr == ""
    assert re.search(rf"^plain +127\.0\.0\.1:19990 +{protocol} +{mode} +mail ", done.stdout,
                     re.MULTILINE)


@pytest.mark.parametrize("mode", ["required", "optional"])
def test_starttls_needs_a_protocol_that_has_it(checker, plain, mode):
    assert_refused(checker(plain("tcp", mode)), 8, "route plain.*tcp knows no STARTTLS",
                   "tls = implicit")


@pytest.mark.parametrize("mode", ["required", "optional"])
@pytest.mark.parametrize("protocol, port", [
    ("pop3", 995), ("imap", 993), ("smtp", 465), ("nntp", 563), ("ldap", 636)])
def test_starttls_on_the_port_of_implicit_tls_is_warned_about(checker, pki, protocol, port, mode):
    done = checker(pki.mail.block() + route("plain", port, 19111, protocol=protocol, tls=mode))
    assert_warned(done, 6, f"tls is not implicit, but on port {port} {protocol} clients begin",
                  "tls = implicit.*port")


@pytest.mark.parametrize("mode", ["implicit", "required"])
def test_plaintext_login_where_all_is_encrypted_is_warned_about(checker, plain, mode):
    assert_warned(checker(plain("pop3", mode, plaintext_login="allow")), 11,
                  "plaintext-login has no effect", "remove.*tls = optional")


@pytest.mark.parametrize("answer", ["allow", "refuse"])
def test_plaintext_login_is_for_optional_tls(checker, plain, answer):
    done = checker(plain("pop3", "optional", plaintext_login=answer))
    assert (done.returncode, done.stderr) == (0, "")


def test_plaintext_login_is_allowed_or_refused_and_nothing_else(checker, plain):
    assert_refused(checker(plain("pop3", "optional", plaintext_login="on")), 11, "\"on\"",
                   "refuse.*allow|allow.*refuse")


@pytest.mark.parametrize("protocol", ["nntp", "ldap", "tcp"])
def test_xclient_in_a_protocol_without_it_is_warned_about(checker, plain, protocol):
    assert_warned(checker(plain(protocol, "implicit", xclient="on")), 11,
                  f"xclient has no effect.*{protocol}", "remove.*send-proxy")
    done = checker(plain(protocol, "implicit", xclient="off"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("mode", ["implicit", "required", "optional"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap", "sieve"])
def test_xclient_where_the_protocol_has_it(checker, plain, protocol, mode):
    done = checker(plain(protocol, mode, xclient="on"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def places(run):
    """What may lie where something else is to be."""
    folder = run.make_folder("places")
    (folder / "file").touch()
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("folder")
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "socket"))
        yield folder


@pytest.mark.parametrize("key, path, cause, cure", [
    ("log", "nowhere/x.log", "there is no such directory", "directory"),
    ("log", "file/x.log", "there is no such directory", "directory"),
    ("log", ".", "is a directory", "file in it"),
    ("control", "no/where/control.sock", "there is no such directory", "directory"),
    ("control", "file", "something else than a socket", "remove"),
    ("control", ".", "names a directory", "socket in it"),
    ("control", "new/", "names a directory", "socket in it"),
    ("control", "new/..", "names a directory", "socket in it"),
    ("control", "folder", "is a directory", "socket in it"),
    ("control", "pipe", "something else than a socket", "remove"),
    ("control", "file/x.sock", "there is no such directory", "directory"),
    ("control", "dangling", "something else than a socket", "remove"),
    ("log", "new/", "is a directory", "file in it"),
    ("log", "loop", "is a link that leads nowhere", "the file itself"),
    ("log", "socket", "is a socket", "log = syslog"),
    ("state", "file/x", "is not a directory", "directory"),
    ("state", "dangling", "is not a directory", "directory"),
    ("state", "file", "is not a directory", "directory")])
def test_what_cannot_be_made_is_told(checker, good, places, key, path, cause, cure):
    checker.front.write(good, **{key: f"{places}/{path}"})
    done = checker.front.check()
    lines = checker.front.file.read_text().splitlines()
    number, = [n for n, line in enumerate(lines, 1) if line.startswith(f"{key} ")]
    done.line_of = lambda _: f"{checker.front.file}:{number}:"
    assert_refused(done, number, cause, cure)


@pytest.mark.parametrize("path, cause, cure", [
    ("new/", "names a directory", "the socket in it"),
    ("folder/..", "names a directory", "the socket in it"),
    ("folder", "is a directory", "a socket in it"),
    ("file", "something else than a socket", "another path"),
    ("pipe", "something else than a socket", "another path"),
    ("dangling", "something else than a socket", "another path"),
    ("file/x", "there is no such directory", "make it"),
    ("nowhere/x", "there is no such directory", "make it")])
def test_a_unix_socket_that_cannot_be_listened_on_is_told(checker, pki, places, path, cause, cure):
    done = checker(pki.mail.block() + route("r", f"unix:{places}/{path}", 19110))
    assert_refused(done, 6, cause, cure)


@pytest.mark.parametrize("path, cause, cure", [
    ("new/", "names a directory", "the socket in it"),
    ("folder", "something else than a socket", "server's socket"),
    ("file", "something else than a socket", "server's socket")])
def test_a_unix_socket_that_no_server_can_have_is_told(checker, pki, places, path, cause, cure):
    done = checker(pki.mail.block() + route("r", 19995, f"unix:{places}/{path}"))
    assert_refused(done, 10, cause, cure)


def test_a_unix_socket_is_listened_on_once(checker, pki):
    control = checker.front.folder / "control.sock"
    assert str(control) in checker.front.file.read_text()
    done = checker(pki.mail.block() + route("r", f"unix:{control}", 19110))
    assert_refused(done, 6, "is the same socket as control", "another path")


@pytest.mark.parametrize("key", ["control", "observe"])
def test_a_unix_socket_is_listened_on_once_by_whatever_way(checker, pki, places, key):
    first = f"{places}/link/front.sock"
    checker.front.write(pki.mail.block(), route("r", f"unix:{places}/folder/front.sock", 19110),
                        **{key: first if key == "control" else [f"unix:{first}"]})
    done = checker.front.check()
    assert done.returncode == WRONG
    assert re.search(rf'error: route r: listen ".*folder/front.sock" is the same socket as {key} ".*link/',
                     done.stderr), done.stderr


def test_a_unix_socket_that_is_listened_on_is_no_upstream_by_whatever_way(checker, pki, places):
    done = checker(pki.mail.block() + route("r", f"unix:{places}/folder/front.sock",
                                            f"unix:{places}/link/front.sock"))
    assert_refused(done, 10, "is where route r listens", "server's own")


@pytest.mark.parametrize("way", ["folder", "link"])
def test_the_control_socket_is_no_upstream(checker, pki, places, run, way):
    """Whoever speaks TLS would command the daemon."""
    checker.front.write(pki.mail.block(), route("r", run.port(), f"unix:{places}/{way}/own.sock"),
                        control=f"{places}/folder/own.sock")
    done = checker.front.check()
    assert done.returncode == WRONG
    assert "is the control socket" in done.stderr and "name the server's own" in done.stderr


@pytest.mark.parametrize("of", ["file", "chain", "key", "policy", "link"])
def test_a_log_is_no_file_that_the_configuration_is_made_of(checker, run, pki, of):
    front, folder = checker.front, run.make_folder(f"log-is-{of}")
    (folder / "policy").write_text("version: STSv1\nmode: none\nmax_age: 86400\n")
    (folder / "link").hardlink_to(pki.mail.key)
    path = {"file": front.file, "chain": pki.mail.chain, "key": pki.mail.key}.get(of, folder / of)
    front.write(pki.mail.block(), f'route r {{\n    listen = "127.0.0.1:19995"\n    protocol = mta-sts\n'
                f'    certificate = mail\n    policy = "{folder}/policy"\n}}\n', log=path)
    done = front.check()
    assert done.returncode == WRONG
    assert f'error: log "{path}" is a file that the configuration is made of, "' in done.stderr
    assert "cure: name a file that is the log's alone" in done.stderr


def test_a_log_and_a_socket_are_two(checker, good):
    path = checker.front.folder / "both"
    checker.front.write(good, log=path, control=path)
    done = checker.front.check()
    assert done.returncode == WRONG and f'error: log "{path}" is the socket of control as well' in done.stderr


def test_an_upstream_on_this_machine_is_not_where_all_addresses_are_listened_on(checker, pki):
    def check(upstream, mode):
        checker.front.write(pki.mail.block(), route("r", ":19995", upstream))
        return subprocess.run([*HERE, mode, checker.front.binary, "check", "-c", checker.front.file],
                              capture_output=True, text=True, check=False, timeout=60)

    for own in ("198.51.100.7:19995", "[2001:db8::7]:19995"):
        done = check(own, "0")
        assert done.returncode == WRONG
        assert f'error: route r: upstream "{own}" is where route r listens' in done.stderr
        assert "cure: name the server's own address and port" in done.stderr
        assert "is where route" not in check(own, "1").stderr  # nobody can tell
    for other in ("198.51.100.7:19110", "198.51.100.8:19995", "[2001:db8::8]:19995"):
        assert check(other, "0").returncode == 0


def test_a_pipe_as_log_needs_its_reader(fronts, places, good):
    front = fronts.new()
    front.write(good, log=places / "pipe")
    (_, severity, words, advice), = errors(front.check())
    assert severity == "warning" and "is a pipe" in words and "reader" in advice
    ran = front.command("run", "-c", front.file)
    assert ran.returncode == WRONG
    assert "cure: start the reader of that pipe first" in ran.stderr


def test_a_missing_client_ca_is_one_mistake(checker, good):
    done = checker(good[:-2] + "    client-certificate = required\n"
                   '    client-ca = "/no/such/file"\n}\n')
    assert_refused(done, 12, "No such file", "path")
    assert len(errors(done)) == 1


@pytest.mark.parametrize("key, path", [("log", "new.log"), ("control", "new/control.sock"),
                                       ("state", "new/state")])
def test_what_will_be_made_needs_not_be_there(checker, good, run, key, path):
    checker.front.write(good, **{key: run.folder / path})
    done = checker.front.check()
    assert (done.returncode, done.stderr) == (0, "")


# ---- what serves, and is a surprise all the same -------------------------------------------------

def optional_smtp(*certificates, **options):
    return route("mx", 19025, 19026, protocol="smtp", tls="optional", certificate=certificates, **options)


def test_rsa_alone_on_the_way_to_port_25_is_warned_about(checker, pki):
    done = checker(pki.mail_rsa.block(), optional_smtp("mail-rsa"))
    assert_warned(done, 9, "route mx: with RSA certificates alone, senders on Windows .* in clear", "ECDSA")


@pytest.mark.parametrize("certificates, options", [
    (("mail",), {}), (("mail-rsa", "mail"), {}), (("mail-rsa",), {"tls": "required"}),
    (("mail-rsa",), {"protocol": "imap"})])
def test_rsa_is_no_surprise_where_senders_do_not_fall_back(checker, pki, certificates, options):
    blocks = [one.block() for one in (pki.mail, pki.mail_rsa) if one.name in certificates]
    done = checker(*blocks, route("mx", 19025, 19026, certificate=certificates,
                                  **{"protocol": "smtp", "tls": "optional"} | options))
    assert done.returncode == 0 and "Windows" not in done.stderr


def test_a_hostname_that_no_certificate_covers_is_warned_about(checker, pki):
    done = checker(pki.news.block(), route("pop3s", 19995, 19110, protocol="pop3", certificate=("news",),
                                           hostname="mail.example.test"))
    assert_warned(done, 9, 'route pop3s: none of its certificates covers its hostname, "mail.example.test"',
                  "hostname")


@pytest.mark.parametrize("names, hostname", [
    (("news", "mail"), "mail.example.test"), (("wildcard",), "a.wild.example.test"), (("news",), None)])
def test_a_hostname_that_is_covered_or_not_given_is_no_surprise(checker, pki, names, hostname):
    done = checker(*(getattr(pki, name).block() for name in names),
                   route("pop3s", 19995, 19110, protocol="pop3", certificate=names, hostname=hostname))
    assert (done.returncode, done.stderr) == (0, "")


def test_an_upstream_without_an_address_is_warned_about(checker, pki):
    done = checker(pki.mail.block(), route("pop3s", 19995, ["localhost:19110", "no-such.invalid:19110"],
                                           protocol="pop3"))
    assert_warned(done, 10, 'route pop3s: upstream "no-such.invalid:19110" has no address: ', "getent")


# ---- for programs --------------------------------------------------------------------------------

def report(front, *arguments, text=None):
    done = front.command("check", *arguments, "--json", text=text)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_json_tells_what_was_understood(checker, good, pki):
    assert checker(good).returncode == 0
    front = checker.front
    status, told_all = report(front, "-c", front.file)
    assert status == 0
    assert (told_all["file"], told_all["accepted"]) == (str(front.file), True)
    one, = told_all["routes"]
    assert one == {"name": "pop3s", "protocol": "pop3", "tls": "implicit",
                   "listen": ["127.0.0.1:19995"], "upstream": ["127.0.0.1:19110"],
                   "upstream_tls": "off", "certificates": ["mail"], "server_names": []}
    certificate, = told_all["certificates"]
    assert certificate["name"] == "mail" and certificate["serial"] == pki.mail.serial()


@pytest.mark.parametrize("line, column, place", [
    ("  uzer = x", 3, (None, None, "uzer")),
    ("route \"ü\" { listen = x }", 13, ("route", "ü", "listen")),
    ("route r { alpn = a colour = x }", 20, ("route", "r", "colour")),
    ("route r { # hostname = a\n\thostname = \"\" }", 2, ("route", "r", "hostname")),
    ("user = \"\\x\" ", 9, (None, None, None)),
    ("\xfc\xfc = \"a", 6, (None, None, None)),
    ("  certificate mail { chain = /c", 3, (None, None, None)),
    ("  }", 3, (None, None, None)),
    ("user = a user = b", 1, (None, None, "user")),
])
def test_json_tells_where_and_about_what(checker, line, column, place):
    done = checker(line, "\n")
    _, told_all = report(checker.front, "-c", checker.front.file)
    assert done.returncode == WRONG
    assert any((one["column"], (one["block"], one["name"], one["key"])) == (column, place)
               for one in told_all["findings"]), told_all["findings"]


@pytest.mark.parametrize("text", [
    b"", b"\0", b"\xff\xfe = \x80\n", b"route \"\xc3\x28\x1b[2J\" { listen = \"\xe2\x82\" }",
    bytes(range(256)) * 3, b"{" * 500, b"route r {" * 90, b"\"\\x\n" * 90, b"x = \xed\xa0\x80 \xf4\x90\x80\x80",
])
def test_json_is_json_whatever_is_checked(binary, run, text):
    file = run.folder / "odd.conf"
    file.write_bytes(text)
    done = subprocess.run([binary, "check", "--json", "-c", file], capture_output=True, check=False,
                          timeout=60)
    assert done.returncode == WRONG and done.stderr == b""
    told_all = json.loads(done.stdout.decode("utf-8", "strict"))
    assert told_all["accepted"] is False and told_all["errors"] >= 1


def test_json_names_a_file_that_is_no_utf8(binary):
    done = subprocess.run([binary, "check", "--json", "-c", b"/no/such/\xff\n.conf"],
                          capture_output=True, check=False, timeout=60)
    assert done.returncode == WRONG
    assert json.loads(done.stdout)["file"] == "/no/such/\ufffd\n.conf"
