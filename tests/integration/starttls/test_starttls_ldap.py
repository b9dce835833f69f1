"""LDAP with StartTLS (RFC 4511, 4.14) before a real slapd: real clients in both modes, and the
dialogue around them."""

import random

import pytest

from clients import dialects, gnutls, ldap, openssl, tls
from clients import openldap as tools
from clients.ldap import Ldap
from clients.openldap import photo
from clients.plain import PlainClient
from harness.modes import MODES, start_both
from harness.scene import Stage
from harness.sessions import bind_and_search
from servers.slapd import person

# The exit status of OpenLDAP's tools.
COMPARE_TRUE, STRONGER_AUTH_REQUIRED, CONFIDENTIALITY_REQUIRED = 6, 8, 13


@pytest.fixture(scope="module")
def ports(fronts, run, pki, slapd):
    return start_both(fronts, run, pki, "ldap", slapd.port)[1]


# ---- OpenLDAP's tools ----------------------------------------------------------------------------


@pytest.fixture
def openldap(run, pki):
    """Run one of OpenLDAP's tools; returns its output."""
    def tool(program, port, version, *arguments, **options):
        return tools.run(program, pki, run.folder, f"ldap://127.0.0.1:{port}", version, *arguments,
                         **options)
    return tool


def search(openldap, port, version, slapd, expression, *attributes, how=("-ZZ",)):
    return openldap("ldapsearch", port, version, *how, "-LLL", "-o", "ldif-wrap=no",
                    "-b", slapd.suffix, expression, *attributes)


def test_ldapsearch_finds_and_fetches_a_large_entry(port, openldap, slapd, version):
    found = search(openldap, port, version, slapd, "(uid=user1*)", "uid")
    assert found.count("dn: ") == 11
    assert photo(search(openldap, port, version, slapd, "(uid=large)")) == slapd.photo


def test_ldapadd_binds_and_sends_a_large_entry(port, openldap, slapd, version):
    uid = f"starttls-{version}-{port}"
    data = random.Random(version).randbytes(1_000_000)
    openldap("ldapadd", port, version, "-ZZ", "-D", slapd.admin, "-w", slapd.password,
             text=person(uid, data))
    assert photo(search(openldap, port, version, slapd, f"(uid={uid})")) == data


def test_a_wrong_password_is_the_servers_to_refuse(port, openldap, slapd):
    openldap("ldapwhoami", port, "1.3", "-ZZ", "-D", slapd.admin, "-w", "wrong", status=49)


def test_searches_in_clear_where_tls_is_optional(ports, openldap, slapd):
    port = ports["optional"]
    assert photo(search(openldap, port, "1.3", slapd, "(uid=large)", how=())) == slapd.photo
    # -Z goes on without TLS if it must; it need not.
    found = search(openldap, port, "1.3", slapd, "(uid=user1*)", "uid", how=("-Z",))
    assert found.count("dn: ") == 11


@pytest.mark.parametrize("mode", MODES)
def test_without_tls_no_password_is_taken(ports, openldap, slapd, mode):
    openldap("ldapwhoami", ports[mode], "1.3", "-D", slapd.admin, "-w", slapd.password,
             status=CONFIDENTIALITY_REQUIRED)


def test_without_tls_nothing_is_found_where_it_is_required(ports, openldap, slapd):
    openldap("ldapsearch", ports["required"], "1.3", "-b", slapd.suffix, "(uid=large)",
             status=CONFIDENTIALITY_REQUIRED)


def test_writes_in_clear_are_the_servers_to_judge_but_for_passwords(ports, openldap, slapd):
    """It wants a login for them, and has an entry to compare with."""
    def ask(program, status, *arguments, text=None):
        openldap(program, ports["optional"], "1.3", *arguments, text=text, status=status)

    change = f"dn: uid=user1,{slapd.suffix}\nchangetype: modify\n"
    secret = "userPassword: secret\n"
    for data in (None, bytes(100_000)):
        ask("ldapadd", STRONGER_AUTH_REQUIRED, text=person("nobody", data))
    ask("ldapmodify", STRONGER_AUTH_REQUIRED,
        text=change + "delete: mail\n-\nreplace: sn\nsn: a\nsn: b\n")
    ask("ldapcompare", COMPARE_TRUE, f"uid=user1,{slapd.suffix}", "uid:user1")
    ask("ldapadd", CONFIDENTIALITY_REQUIRED, text=person("nobody").rstrip("\n") + "\n" + secret)
    ask("ldapmodify", CONFIDENTIALITY_REQUIRED, text=change + "replace: userPassword\n" + secret)
    ask("ldapcompare", CONFIDENTIALITY_REQUIRED, f"uid=user1,{slapd.suffix}", secret.strip())
    ask("ldapsearch", CONFIDENTIALITY_REQUIRED, "-b", slapd.suffix,
        "(&(uid=user1)(userPassword=secret))")
    ask("ldapsearch", 0, "-b", slapd.suffix, "(&(uid=user1)(userPassword=*))")


def test_a_login_in_clear_where_it_is_allowed(ports, openldap, slapd):
    assert slapd.admin in openldap("ldapwhoami", ports["allowed"], "1.3", "-D", slapd.admin,
                                   "-w", slapd.password)


# ---- clients by hand -----------------------------------------------------------------------------


def by_python(pki, port, version):
    client = PlainClient(port)
    assert Ldap(client).starttls() == ldap.SUCCESS
    return client.secure(tls.context(pki, version))


def by_openssl(pki, port, version):
    return openssl.session(pki, port, "-starttls", "ldap", version=version)


def by_gnutls(pki, port, version):
    return gnutls.quiet_session(pki, port, "--starttls-proto=ldap", version=version)


@pytest.mark.parametrize("connect", [by_python, by_openssl, by_gnutls])
def test_raw_clients_bind_and_search(port, pki, slapd, version, connect):
    with connect(pki, port, version) as session:
        bind_and_search(session, slapd)


def test_the_upgrade_behind_work_in_clear(ports, pki, slapd):
    with PlainClient(ports["optional"]) as session:
        client = Ldap(session)
        client.bind()
        assert slapd.photo in client.search(slapd.suffix, "uid", "large")[0]
        assert client.starttls() == ldap.SUCCESS
        with session.secure(tls.context(pki)) as secure:
            assert slapd.photo in Ldap(secure).search(slapd.suffix, "uid", "large")[0]


# ---- the rootDSE ---------------------------------------------------------------------------------


def extensions(session):
    return Ldap(session).root(b"supportedExtension")[b"supportedExtension"]


def test_starttls_is_listed_before_tls_and_not_after(port, pki, slapd):
    with PlainClient(port) as session, PlainClient(slapd.port) as direct:
        assert ldap.STARTTLS in extensions(session)
        client = Ldap(session)
        client.number = 50
        assert client.starttls() == ldap.SUCCESS
        with session.secure(tls.context(pki)) as secure:
            assert extensions(secure) == extensions(direct)


def test_optional_shows_the_servers_own_root(ports, slapd):
    with PlainClient(slapd.port) as direct, PlainClient(ports["optional"]) as client:
        expected, shown = (Ldap(one).root(b"+", b"*") for one in (direct, client))
        expected[b"supportedExtension"].append(ldap.STARTTLS)
        for one in (expected, shown):
            one[b"supportedExtension"].sort()
            one[b"supportedSASLMechanisms"] = sorted(
                set(one.get(b"supportedSASLMechanisms", [])) - {b"PLAIN", b"LOGIN"})
        assert shown == expected


def test_required_shows_our_own_root(ports):
    with PlainClient(ports["required"]) as client:
        assert Ldap(client).root(b"+") == {b"supportedExtension": [ldap.STARTTLS],
                                           b"supportedLDAPVersion": [b"3"]}


@pytest.fixture(scope="module")
def stage(fronts, run, pki):
    made = Stage(fronts, run, pki, [dialects.LDAP], [*MODES, "implicit"])
    yield made
    made.close()


def test_the_servers_starttls_is_not_shown_inside_tls(stage, pki):
    inside = {b"supportedExtension": [b"1.3.6.1.4.1.4203.1.11.3"],
              b"supportedSASLMechanisms": [b"PLAIN", b"GSSAPI"]}
    for mode in MODES:
        scene = stage.scene(dialects.LDAP, mode)
        with scene.connect() as client, scene.begin(client) as secure:
            assert Ldap(secure).root(b"+") == inside
    scene = stage.scene(dialects.LDAP, "implicit")
    with tls.TlsClient(scene.port, tls.context(pki)) as secure:
        assert Ldap(secure).root(b"+") == inside
        scene.ask(secure, scene.dialect.upgrade, scene.dialect.again_refused)
        scene.probe(secure)
    scene.wait_heard(ldap.root_request(1, b"+") + scene.dialect.probe)


def test_passwords_are_held_back_in_clear(stage):
    scene = stage.scene(dialects.LDAP, "optional")
    with scene.connect() as client:
        root = Ldap(client).root(b"+")
        assert set(root[b"supportedExtension"]) == {ldap.STARTTLS, b"1.3.6.1.4.1.4203.1.11.3"}
        assert root[b"supportedSASLMechanisms"] == [b"GSSAPI"]
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused)
        scene.probe(client)
        anonymous = ldap.bind_request(8)
        scene.ask(client, anonymous, bytes([ldap.BOUND, ldap.SUCCESS]))
    scene.wait_heard(ldap.root_request(1, b"+") + scene.dialect.probe + anonymous)


def test_a_large_add_passes_in_clear_unless_a_password_is_in_it(stage):
    scene = stage.scene(dialects.LDAP, "optional")
    large = ldap.attribute(b"jpegPhoto", bytes(range(256)) * 300)
    password = ldap.attribute(b"userPassword", dialects.PASSWORD)
    honest = ldap.add_request(1, b"cn=alice", large, ldap.attribute(b"sn", b"alice"))
    secret = ldap.add_request(2, b"cn=alice", large, password)
    with scene.connect() as client:
        scene.ask(client, honest, bytes([ldap.ADDED, ldap.SUCCESS]))
        client.send(secret)
        number, _, content, _ = ldap.take_message(client.read_all())
        assert (number, ldap.result_code(content)) == (0, ldap.CONFIDENTIALITY_REQUIRED)
    scene.wait_heard(honest + secret[:-len(password)])


def test_required_refuses_all_and_dials_nobody(stage):
    scene = stage.scene(dialects.LDAP, "required")
    with scene.connect() as client:
        for login in scene.dialect.logins:
            scene.ask(client, login, scene.dialect.login_refused_required)
        scene.ask(client, ldap.bind_request(8), scene.dialect.login_refused_required)
        scene.ask(client, scene.dialect.probe,
                  bytes([ldap.COMPARED, ldap.CONFIDENTIALITY_REQUIRED]))
        scene.ask(client, ldap.extended_request(9, b"1.3.6.1.4.1.4203.1.11.3"),
                  bytes([ldap.EXTENDED, ldap.CONFIDENTIALITY_REQUIRED]))
        client.send(ldap.unbind_request(10))
        assert client.read_all() == b""
    scene.wait_heard()
