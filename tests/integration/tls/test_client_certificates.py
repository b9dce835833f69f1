"""Which clients a route lets in by their certificates, and what is told of them."""

import shutil
import subprocess

import pytest

from clients import openssl
from harness.config import route
from harness.daemon import STATUS_CONFIG_WRONG
from harness.pki import AUTHORITY, Authority, Certificate
from harness.pki import openssl as command
from servers import toy

# RFC 8446, 6.
CERTIFICATE_REVOKED, CERTIFICATE_UNKNOWN, ACCESS_DENIED = 44, 46, 49

NEITHER = ("client certificate verifies, but is in neither client-subjects nor client-names")


@pytest.fixture(scope="module")
def club(run):
    """An authority of its own, whose members are told apart in every way there is."""
    authority = Authority(run.make_folder("club"), "club")
    issue = authority.issue
    authority.alice = issue("alice", ("pc7.staff.example.test",), client=True,
                            subject="/C=DE/O=Example, Inc./CN=alice")
    authority.bob = issue("bob", ("email:bob@example.test",), client=True, subject="/CN=bob")
    authority.robot = issue("robot", ("URI:spiffe://example.test/robot",), client=True,
                            subject="/CN=robot")
    authority.eve = issue("eve", ("pc7.guests.example.test", "email:Bob@example.test",
                                  "URI:spiffe://example.test/robot/eve"), client=True,
                          subject="/CN=alice")
    authority.crl = authority.revocation_list()
    return authority


def presenting(certificate):
    return ("-cert", certificate.chain, "-key", certificate.key)


def entered(shake):
    return "\nQUIT" in shake.output


SUBJECTS = (r"C=DE, O=Example\\, Inc., CN=alice",)
NAMES = ("*.staff.example.test", "bob@EXAMPLE.test", "spiffe://example.test/robot")


class Ports:
    """A route's port by the route's name."""


@pytest.fixture(scope="module")
def ports(fronts, run, pki, club, module_toys):
    upstream = module_toys(toy.one_line).port
    common = {"client_ca": club.certificate, "client_certificate": "required"}
    options = {
        "subjects": {"client_subjects": SUBJECTS},
        "names": {"client_names": NAMES},
        "either": {"client_subjects": ("CN=bob",), "client_names": ("pc7.staff.example.test",)},
        "guests": {"client_names": NAMES, "client_certificate": "optional"},
    }
    made, blocks = Ports(), []
    for name, extra in options.items():
        setattr(made, name, run.port())
        blocks.append(route(name, getattr(made, name), upstream, **common | extra))
    made.front = fronts.start(pki.mail.block(), *blocks)
    return made


@pytest.mark.parametrize("name, members", [
    ("subjects", {"alice"}), ("names", {"alice", "bob", "robot"}), ("either", {"alice", "bob"}),
    ("guests", {"alice", "bob", "robot"})])
@pytest.mark.parametrize("who", ["alice", "bob", "robot", "eve"])
def test_only_those_on_the_lists_come_in(ports, pki, club, version, name, members, who):
    shake = openssl.handshake(pki, getattr(ports, name), *presenting(getattr(club, who)),
                              version=version)
    if who in members:
        assert entered(shake)
    else:
        assert not entered(shake)
        assert shake.alert == ACCESS_DENIED


def test_the_log_says_who_was_refused_and_why(ports, pki, club, version):
    openssl.handshake(pki, ports.subjects, *presenting(club.eve), version=version)
    ended = ports.front.wait_for_log("end", route="subjects", tls=f"TLSv{version}",
                                     client_certificate="CN=alice", end=NEITHER)
    assert ended["fault"] == "client"


def test_the_log_shows_a_subject_as_the_list_has_it(ports, pki, club, version):
    """What stands between the quotes in the log can be copied into the configuration."""
    openssl.handshake(pki, ports.subjects, *presenting(club.alice), version=version)
    ports.front.wait_for_log("end", route="subjects", tls=f"TLSv{version}", fault="none")
    shown = f'client-certificate="{SUBJECTS[0]}"'
    assert shown in ports.front.log_file().read_text()


def test_where_it_is_optional_a_client_without_certificate_comes_in(ports, pki, version):
    assert entered(openssl.handshake(pki, ports.guests, version=version))


def test_a_signature_with_sha1_is_refused_by_name(run, ports, pki, club, version):
    folder = run.make_folder(f"sha1-{version}")
    key, asked, leaf = folder / "old.key", folder / "old.csr", folder / "old.pem"
    command("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=old",
            "-out", asked)
    command("x509", "-req", "-sha1", "-in", asked, "-CA", club.certificate, "-CAkey", club.key,
            "-CAcreateserial", "-out", leaf)
    shake = openssl.handshake(pki, ports.guests, "-cert", leaf, "-key", key, "-cipher",
                              "DEFAULT@SECLEVEL=0", version=version)
    assert shake.alert == CERTIFICATE_UNKNOWN
    ports.front.wait_for_log("end", route="guests", tls=f"TLSv{version}", fault="client",
                             end="client certificate is signed with SHA-1 or weaker")


def odd_key(folder, *arguments):
    key = folder / "odd.key"
    command("genpkey", "-out", key, "-algorithm", *arguments)
    return key


def signed(folder, authority, authority_key, key, extensions=""):
    asked, leaf, text = folder / "odd.csr", folder / "odd.pem", folder / "odd.ext"
    text.write_text(extensions)
    command("req", "-new", "-key", key, "-subj", "/CN=odd", "-out", asked)
    command("x509", "-req", "-in", asked, "-CA", authority, "-CAkey", authority_key,
            "-CAcreateserial", "-extfile", text, "-out", leaf)
    return leaf


EC = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def by_ed25519(folder, club):
    authority, key = folder / "ed.pem", folder / "ed.key"
    command("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-subj", "/CN=club",
            "-out", authority)
    return signed(folder, authority, key, odd_key(folder, *EC))


def with_an_extension(folder, club):
    return signed(folder, club.certificate, club.key, odd_key(folder, *EC),
                  "1.2.3.4 = critical,DER:0500\n")


def on_another_curve(folder, club):
    return signed(folder, club.certificate, club.key,
                  odd_key(folder, "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"))


@pytest.mark.parametrize("make, words, versions", [
    (by_ed25519, "that is signed in a way that is not supported", ("1.2", "1.3")),
    (with_an_extension, "with an extension that is damaged, or critical and not known here",
     ("1.2", "1.3")),
    (on_another_curve, "with a kind of key that is not supported", ("1.2",))],  # 1.3 sends none
    ids=["by Ed25519", "with an extension", "on another curve"])
def test_a_certificate_that_cannot_be_read_is_the_clients_affair(run, ports, pki, club, make,
                                                                 words, versions):
    folder = run.make_folder(make.__name__.replace("_", "-"))
    leaf = make(folder, club)
    for tls in versions:
        openssl.handshake(pki, ports.guests, "-cert", leaf, "-key", folder / "odd.key",
                          version=tls)
        ports.front.wait_for_log("end", route="guests", tls=f"TLSv{tls}", fault="client",
                                 end=f"client sent a certificate {words}")


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_a_certificate_may_be_on_every_curve_that_is_told(run, ports, pki, club, version, curve):
    """Whatever the groups for the key exchange are, which leave out P-521."""
    folder = run.make_folder(f"curve-{version}-{curve}")
    leaf = signed(folder, club.certificate, club.key,
                  odd_key(folder, "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"),
                  "subjectAltName = email:bob@example.test\n")
    assert entered(openssl.handshake(pki, ports.guests, "-cert", leaf, "-key", folder / "odd.key",
                                     version=version))


def test_too_much_of_a_chain_is_the_clients_affair(run, ports, pki, club, version):
    folder = run.make_folder(f"much-{version}")
    leaf = signed(folder, club.certificate, club.key, odd_key(folder, *EC),
                  "".join(f"1.2.3.{i} = ASN1:UTF8:{'x' * 6000}\n" for i in range(3)))
    openssl.handshake(pki, ports.guests, "-cert", leaf, "-key", folder / "odd.key",
                      version=version)
    ports.front.wait_for_log("end", route="guests", tls=f"TLSv{version}", fault="client",
                             end="client sent a handshake message of more than 16 KiB")


@pytest.mark.parametrize("start, end, words", [(-60, -30, "has expired"),
                                               (30, 60, "is not yet valid")])
def test_an_authority_out_of_its_time_is_named(fronts, run, pki, club, module_toys, version, start,
                                               end, words):
    """It stands among others that are in force; check warns."""
    folder = run.make_folder(f"time-{version}{start}")
    other = Authority(folder, "other")
    member = other.issue("member", client=True, subject="/CN=member")
    other._sign(other.key, "/CN=other", AUTHORITY, other.certificate, start, end,
                self_signed=True)
    both = folder / "both.pem"
    both.write_text(club.certificate.read_text() + other.certificate.read_text())
    port = run.port()
    front = fronts.start(pki.mail.block(), route(
        "both", port, module_toys(toy.one_line).port, client_ca=both,
        client_certificate="required"))
    assert entered(openssl.handshake(pki, port, *presenting(club.alice), version=version))
    assert not entered(openssl.handshake(pki, port, *presenting(member), version=version))
    front.wait_for_log("end", route="both", fault="client", tls=f"TLSv{version}",
                       end="the authority in client-ca that the client certificate comes from " +
                       words)


@pytest.mark.parametrize("key", ["client_subjects", "client_names"])
def test_a_list_without_client_certificate_is_refused(fronts, run, pki, key):
    checked = fronts.new(pki.mail.block(), route("open", run.port(), run.port(),
                                                 **{key: ("CN=a@b",)})).check()
    assert checked.returncode == STATUS_CONFIG_WRONG


def until_bye(received):
    def handler(connection):
        data = b""
        while not data.endswith(b"bye\n") and (chunk := connection.recv(65536)):
            data += chunk
        received.append(data)
    return handler


def test_the_server_is_told_by_the_proxy_header(fronts, run, pki, club, toys, version):
    """PP2_TYPE_SSL: client flags, verify = 0, and the common name, not the whole subject."""
    port, received = run.port(), []
    fronts.start(pki.mail.block(), route(
        "told", port, toys(until_bye(received)).port, send_proxy="v2", client_ca=club.certificate,
        client_certificate="optional"))
    openssl.handshake(pki, port, *presenting(club.alice), version=version, text=b"bye\n")
    assert b"\x07\0\0\0\0\x21\0\x07TLSv" in received[0]
    assert b"\x22\0\x05alice\x23" in received[0]
    openssl.handshake(pki, port, version=version, text=b"bye\n")
    assert b"\x01\0\0\0\x01\x21\0\x07TLSv" in received[1]
    assert b"alice" not in received[1]


# ---- revocation lists --------------------------------------------------------------------------

def revoking(pki, port, upstream, authority, crl):
    return (pki.mail.block(), route("revoking", port, upstream, client_certificate="required",
                                    client_ca=authority.certificate, client_crl=crl))


def judged(fronts, run, pki, certificates, crl=None):
    front = fronts.new(pki.mail.block(), route(
        "judging", run.port(), run.port(), client_certificate="required", client_ca=certificates,
        **({"client_crl": crl} if crl else {})))
    return front.check()


USELESS = {
    "a short key": ("1024", "basicConstraints = critical,CA:TRUE\n", "has an RSA key of less than"),
    "no authority's": ("2048", "basicConstraints = CA:FALSE\n", "is no authority's"),
    "without keyCertSign": ("2048", "basicConstraints = critical,CA:TRUE\n"
                            "keyUsage = critical,cRLSign\n", "may not sign others"),
}


@pytest.mark.parametrize("shape", USELESS)
def test_an_authority_for_which_nobody_is_let_in_is_told_of(fronts, run, pki, club, shape):
    bits, extensions, words = USELESS[shape]
    folder = run.make_folder(shape.replace(" ", "-").replace("'", ""))
    key, alone, both = (folder / name for name in ("ca.key", "ca.pem", "both.pem"))
    command("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", key)
    club._sign(key, "/CN=useless", extensions, alone, -1, 90)
    refused = judged(fronts, run, pki, alone)
    assert refused.returncode == STATUS_CONFIG_WRONG
    assert f"the certificate of CN=useless {words}" in refused.stderr
    assert "no certificate in it that can vouch" in refused.stderr
    both.write_text(club.certificate.read_text() + alone.read_text())
    warned = judged(fronts, run, pki, both)
    assert warned.returncode == 0 and f"the certificate of CN=useless {words}" in warned.stderr


@pytest.mark.parametrize("extension", ["basicConstraints=CA:FALSE",
                                       "keyUsage=critical,digitalSignature"])
def test_a_certificate_that_vouches_for_itself_alone_is_an_authority(fronts, run, pki, toys,
                                                                     extension):
    """The client's own, self-signed, in the place of an authority's; openssl says CA:TRUE if it is
    not told otherwise."""
    folder, port = run.make_folder(f"itself-{extension.partition('=')[0]}"), run.port()
    key, own = folder / "own.key", folder / "own.pem"
    command("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=own",
            "-days", "90", "-addext", extension, "-out", own)
    assert judged(fronts, run, pki, own).stderr == ""
    fronts.start(pki.mail.block(), route("itself", port, toys(toy.one_line).port,
                                         client_certificate="required", client_ca=own))
    assert entered(openssl.handshake(pki, port, "-cert", own, "-key", key, version="1.3"))


def test_authorities_in_der_may_stand_one_behind_the_other(fronts, run, pki, club, toys):
    folder, port = run.make_folder("der-behind"), run.port()
    both = folder / "both.der"
    for authority in (pki.people, club):
        command("x509", "-in", authority.certificate, "-outform", "DER", "-out", folder / "one.der")
        both.write_bytes((both.read_bytes() if both.exists() else b"") +
                         (folder / "one.der").read_bytes())
    front = fronts.start(pki.mail.block(), route("der", port, toys(toy.one_line).port,
                                                 client_certificate="required", client_ca=both))
    found = front.status()["routes"][0]["client_ca"]
    assert [one["subject"] for one in found] == ["CN=people", "CN=club"]


@pytest.mark.parametrize("extension", [
    "2.5.29.28 = critical,DER:30038101FF", "2.5.29.28 = DER:30038201FF",
    "2.5.29.28 = DER:30038401FF", "2.5.29.27 = DER:020101"],
    ids=["of users", "of authorities", "indirect", "delta"])
def test_a_list_that_is_only_a_part_is_refused_by_name(fronts, run, pki, club, extension):
    """Even where it does not say so as critically as it has to."""
    part = club.revocation_list("part.pem", extensions=f"{extension}\n")
    refused = judged(fronts, run, pki, club.certificate, part)
    assert refused.returncode == STATUS_CONFIG_WRONG
    assert "only a part" in refused.stderr and "complete list" in refused.stderr


def test_where_a_list_is_to_be_had_and_that_it_is_of_users_makes_it_no_part(fronts, run, pki, club):
    whole = club.revocation_list(
        "whole.pem", extensions="2.5.29.28 = DER:3013A00EA00C860A687474703A2F2F782E798101FF\n")
    assert judged(fronts, run, pki, club.certificate, whole).stderr == ""


def crl_der(path):
    return subprocess.run(["openssl", "crl", "-in", path, "-outform", "DER"], capture_output=True,
                          check=True).stdout


def crl_p7b(pki, form):
    return subprocess.run(["openssl", "crl2pkcs7", "-in", pki.crl, "-outform", form],
                          capture_output=True, check=True).stdout


@pytest.mark.parametrize("make, words, cure", [
    (lambda pki: pki.crl.read_bytes().replace(b"X509 CRL", b"CRL"), 'CRL-----" is not known here',
     "X509 CRL"),
    (lambda pki: crl_p7b(pki, "DER"), "PKCS#7", "-inform der"),
    (lambda pki: crl_p7b(pki, "PEM"), "PKCS#7", "-print_certs"),
    (lambda pki: pki.mail.der(), "holds a certificate", "revocation list"),
    (lambda pki: pki.mail.leaf.read_bytes(), "holds no revocation list", "revocation list"),
], ids=["another label", "PKCS#7", "PKCS#7 in PEM", "a certificate", "a certificate in PEM"])
def test_what_is_no_list_is_named(fronts, run, pki, request, make, words, cure):
    file = run.make_folder(f"no-list-{request.node.callspec.id}") / "file"
    file.write_bytes(make(pki))
    refused = judged(fronts, run, pki, pki.people.certificate, file)
    assert refused.returncode == STATUS_CONFIG_WRONG
    assert words in refused.stderr and cure in refused.stderr.partition("cure:")[2]


def test_a_list_that_refuses_all_of_its_authority_is_an_error(fronts, run, pki, club):
    namesake = Authority(run.make_folder("namesake"), "club")
    weak = club.revocation_list("weak.pem", md="sha1")
    for crl, words in ((weak, "is signed with SHA-1 or weaker"),
                       (namesake.revocation_list(), "is not signed with the key in client-ca")):
        refused = judged(fronts, run, pki, club.certificate, crl)
        assert refused.returncode == STATUS_CONFIG_WRONG
        assert f"the revocation list of CN=club {words}" in refused.stderr


def joined(path, *parts):
    path.write_text("".join(part.read_text() for part in parts))
    return path


def test_an_authority_with_a_new_key_has_a_list_for_each(fronts, run, pki, club, toys, version):
    folder = run.make_folder(f"generations-{version}")
    later = Authority(folder, "club")
    member, gone = (later.issue(name, client=True) for name in ("member", "gone"))
    later.revoke(gone)
    both = joined(folder / "both.pem", club.certificate, later.certificate)
    theirs = later.revocation_list()
    lists = joined(folder / "lists.pem", club.crl, theirs)
    assert judged(fronts, run, pki, both, lists).stderr == ""
    port = run.port()
    fronts.start(pki.mail.block(), route(
        "both", port, toys(toy.one_line).port, client_certificate="required", client_ca=both,
        client_crl=lists))
    for one in (club.bob, member):
        assert entered(openssl.handshake(pki, port, *presenting(one), version=version))
    shake = openssl.handshake(pki, port, *presenting(gone), version=version)
    assert shake.alert == CERTIFICATE_REVOKED
    refused = judged(fronts, run, pki, both, theirs)
    assert refused.returncode == STATUS_CONFIG_WRONG
    assert "a list for each key" in refused.stderr


def test_an_authority_that_is_revoked_vouches_for_nobody(fronts, run, pki, toys, version):
    """It stands in client-ca itself, where mbedTLS asks no list about it."""
    folder = run.make_folder(f"revoked-authority-{version}")
    root = Authority(folder, "root")
    lower = Authority(folder, "lower", issuer=root)
    member = lower.issue("member", client=True)
    both = joined(folder / "both.pem", root.certificate, lower.certificate)
    lists = folder / "lists.pem"
    joined(lists, root.revocation_list(), lower.revocation_list())
    port = run.port()
    front = fronts.start(pki.mail.block(), route(
        "both", port, toys(toy.one_line).port, client_certificate="required", client_ca=both,
        client_crl=lists))
    alone = ("-cert", member.leaf, "-key", member.key)
    assert entered(openssl.handshake(pki, port, *alone, version=version))
    root.revoke(Certificate("lower", lower.certificate, lower.certificate, lower.key))
    joined(lists, root.revocation_list("new.pem"), lower.revocation_list())
    done = front.reload()
    assert done.returncode == 0
    assert "the certificate of CN=lower is revoked by client-crl" in done.stdout
    shake = openssl.handshake(pki, port, *alone, version=version)
    assert shake.alert == CERTIFICATE_REVOKED
    front.wait_for_log("end", fault="client", end="the authority in client-ca that the client "
                       "certificate comes from is revoked")


def test_a_list_of_nobody_in_client_ca_is_warned_about(fronts, run, pki, club):
    warned = judged(fronts, run, pki, club.certificate, pki.crl)
    assert warned.returncode == 0
    assert "the revocation list of CN=people belongs to no certificate in client-ca" in warned.stderr
    assert judged(fronts, run, pki, club.certificate, club.crl).stderr == ""


def test_an_authority_without_a_list_is_told_of(fronts, run, pki, club):
    """Peers refuse its clients; here they are let in, and nobody looks whether one is revoked."""
    folder = run.make_folder("listless")
    both = joined(folder / "both.pem", club.certificate, pki.people.certificate)
    warned = judged(fronts, run, pki, both, club.crl)
    assert warned.returncode == 0
    assert "there is no revocation list of CN=people:" in warned.stderr
    three = joined(folder / "three.pem", both, pki.root.certificate)
    assert "of CN=people and 1 other in client-ca:" in judged(fronts, run, pki, three,
                                                              club.crl).stderr
    assert judged(fronts, run, pki, both).stderr == ""


def test_the_cure_for_an_authority_is_not_that_for_a_certificate(fronts, run, pki):
    folder = run.make_folder("others")
    key, own, pfx = folder / "own.key", folder / "own.pem", folder / "own.pfx"
    command("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-subj", "/CN=own",
            "-out", own)
    command("pkcs12", "-export", "-inkey", key, "-in", own, "-passout", "pass:x", "-out", pfx)
    for file, words in ((own, "kind of key"), (pfx, "PKCS#12")):
        refused = judged(fronts, run, pki, file)
        assert refused.returncode == STATUS_CONFIG_WRONG and words in refused.stderr
        assert "tlsfront key" not in refused.stderr


def test_lists_in_der_may_stand_one_behind_the_other(fronts, run, pki, club):
    folder = run.make_folder("lists")
    authorities, lists = folder / "ca.pem", folder / "lists.der"
    authorities.write_text(pki.people.certificate.read_text() + club.certificate.read_text())
    lists.write_bytes(crl_der(pki.crl) + crl_der(club.crl))
    assert judged(fronts, run, pki, authorities, lists).stderr == ""


def test_a_new_list_counts_from_the_reload_on(fronts, run, pki, toys, version):
    port, folder = run.port(), run.make_folder(f"crl-reload-{version}")
    authority = Authority(folder, "authority")
    member = authority.issue("member", ("m.example.test",), client=True)
    crl = authority.revocation_list()
    front = fronts.start(*revoking(pki, port, toys(toy.one_line).port, authority, crl))
    assert entered(openssl.handshake(pki, port, *presenting(member), version=version))
    authority.revoke(member)
    shutil.move(authority.revocation_list("new.pem"), crl)
    assert entered(openssl.handshake(pki, port, *presenting(member), version=version))
    assert front.reload().returncode == 0
    shake = openssl.handshake(pki, port, *presenting(member), version=version)
    assert not entered(shake)
    assert shake.alert == CERTIFICATE_REVOKED


def test_a_new_authority_counts_from_the_reload_on(fronts, run, pki, club, toys):
    port, ca = run.port(), run.make_folder("ca-reload") / "ca.pem"
    shutil.copy(pki.people.certificate, ca)
    front = fronts.start(pki.mail.block(), route(
        "ca", port, toys(toy.one_line).port, client_certificate="required", client_ca=ca))
    assert not entered(openssl.handshake(pki, port, *presenting(club.bob)))
    shutil.copy(club.certificate, ca)
    assert front.reload().returncode == 0
    assert entered(openssl.handshake(pki, port, *presenting(club.bob)))
    assert not entered(openssl.handshake(pki, port, *presenting(pki.alice)))


def test_an_expired_list_is_an_error_and_at_the_start_a_loud_one(fronts, run, pki, club, toys,
                                                                 version):
    port = run.port()
    stale = club.revocation_list(f"stale-{version}.pem", start=-10, end=-1.5)
    front = fronts.new(*revoking(pki, port, toys(toy.one_line).port, club, stale))
    checked = front.check()
    assert checked.returncode == STATUS_CONFIG_WRONG
    assert "error: route revoking" in checked.stderr
    assert "revocation list of CN=club expired on" in checked.stderr
    front.start_unchecked()
    front.wait_for_log("client-crl-expires", subject="CN=club", routes="revoking", level="error")
    shake = openssl.handshake(pki, port, *presenting(club.bob), version=version)
    assert not entered(shake)
    assert shake.alert == CERTIFICATE_UNKNOWN
    front.wait_for_log("end", fault="tlsfront",
                       end="the client-crl has expired: no client certificate can be accepted")
    assert front.status()["routes"][0]["client_crl"][0]["days_left"] == -2
    assert "client-crl of CN=club expired on" in front.command("status", "-c", front.file).stdout


def test_an_authority_that_has_expired_is_an_error_where_there_is_no_other(fronts, run, pki, club,
                                                                           toys):
    folder = run.make_folder("late")
    late, both = folder / "late.pem", folder / "both.pem"
    club._sign(club.key, "/CN=club", AUTHORITY, late, -20, -2)
    both.write_text(late.read_text() + club.certificate.read_text())
    warned = judged(fronts, run, pki, both)
    assert warned.returncode == 0 and "certificate of CN=club expired on" in warned.stderr
    refused = judged(fronts, run, pki, late)
    assert refused.returncode == STATUS_CONFIG_WRONG
    assert "no certificate in it that is valid now" in refused.stderr
    front = fronts.new(pki.mail.block(), route(
        "late", run.port(), toys(toy.one_line).port, client_certificate="optional", client_ca=late))
    front.start_unchecked()
    assert front.reload().returncode == 0, "it is in service already"


def test_a_list_that_is_not_yet_valid_is_an_error(fronts, run, pki, club):
    early = club.revocation_list("early.pem", start=0.02, end=9)
    checked = fronts.new(*revoking(pki, run.port(), run.port(), club, early)).check()
    assert checked.returncode == STATUS_CONFIG_WRONG
    assert "revocation list of CN=club is not valid before" in checked.stderr


@pytest.mark.parametrize("end", [30, -30])
def test_what_ends_before_it_begins_is_never_valid(fronts, run, pki, club, end):
    """There is nothing to wait for."""
    crl = club.revocation_list(f"never{end}.pem", start=60, end=end)
    refused = judged(fronts, run, pki, club.certificate, crl)
    assert refused.returncode == STATUS_CONFIG_WRONG
    assert "the revocation list of CN=club is never valid" in refused.stderr
    assert "have the authority issue another" in refused.stderr and "wait" not in refused.stderr

    never = club.issue(f"never{end}", ("never.example.test",), start=60, end=end).leaf
    both = never.with_suffix(".both")
    both.write_bytes(never.read_bytes() + club.certificate.read_bytes())
    warned = judged(fronts, run, pki, both)
    assert "certificate of CN=never.example.test is never valid" in warned.stderr
    assert "wait" not in warned.stderr


def test_a_list_in_its_last_quarter_is_warned_about(fronts, run, pki, club):
    late = club.revocation_list("late.pem", start=-10, end=2.5)
    checked = fronts.new(*revoking(pki, run.port(), run.port(), club, late)).check()
    assert checked.returncode == 0
    assert "warning: route revoking" in checked.stderr
    assert "revocation list of CN=club expires in 2 days" in checked.stderr
    fine = club.revocation_list("fine.pem", start=-1, end=4)
    assert fronts.new(*revoking(pki, run.port(), run.port(), club, fine)).check().stderr == ""


# ---- binding to an address ---------------------------------------------------------------------

def test_each_address_may_have_its_own_certificate(fronts, run, pki, toys, version):
    """Two routes, the same port and server."""
    port, upstream = run.port(), toys(toy.one_line).port
    fronts.start(pki.mail.block(), pki.news.block(),
                 route("first", f"127.0.0.1:{port}", upstream, certificate=("mail", "news")),
                 route("second", f"127.0.0.2:{port}", upstream, certificate=("news", "mail")))
    for address, default in (("127.0.0.1", pki.mail), ("127.0.0.2", pki.news)):
        shake = openssl.handshake(pki, port, version=version, sni=None, host=address)
        assert shake.serial == default.serial()
