"""TLS to real servers (upstream-tls), on which clients may begin with TLS or with STARTTLS."""

import imaplib
import poplib
import smtplib

import pytest

from clients import openldap, tls
from harness.config import route
from harness.messages import message
from harness.wait import wait_until
from servers.common import PASSWORD
from servers.dovecot import Dovecot
from servers.postfix import Postfix
from servers.slapd import Slapd


@pytest.fixture(scope="module")
def secured(run, pki):
    return Dovecot(run, "dovecot-secured", secured=pki.mail)


@pytest.fixture(scope="module")
def ports(fronts, run, pki, secured):
    """A port for each route before servers that speak TLS."""
    postfix = Postfix(run, secured, "postfix-secured", secured=pki.mail_rsa)
    slapd = Slapd(run, "slapd-secured", secured=pki.mail, ca=pki.trust)
    places = {"imaps": ("imap", "implicit", secured.imaps),
              "imap": ("imap", "required", secured.imaps),
              "imap-optional": ("imap", "optional", secured.imaps),
              "pop3s": ("pop3", "implicit", secured.pop3s),
              "pop3": ("pop3", "required", secured.pop3s),
              "smtps": ("smtp", "implicit", postfix.smtps),
              "smtp": ("smtp", "optional", postfix.smtps),
              "ldaps": ("ldap", "implicit", slapd.ldaps)}
    found = {name: run.port() for name in places}
    front = fronts.start(pki.mail.block(), *(
        route(name, found[name], upstream, protocol=protocol, tls=mode, upstream_tls="verify",
              upstream_ca=pki.trust)
        for name, (protocol, mode, upstream) in places.items()), workers=1)
    found["front"], found["slapd"] = front, slapd
    return found


def ended(ports, name, **wanted):
    """Its last session was over TLS on the server's side, and ended well there. Python's POP3 and
    SMTP may leave without a goodbye."""
    line = ports["front"].wait_for_log("end", route=name, **wanted)
    assert line["upstream-tls"] == "TLSv1.3", line
    assert line["fault"] in ("none", "client"), line


def test_imaps_before_imaps(ports, pki, secured):
    user, large = secured.new_mailbox(), message("over TLS twice")
    with imaplib.IMAP4_SSL("127.0.0.1", ports["imaps"], ssl_context=tls.context(pki),
                           timeout=30) as session:
        session.login(user, PASSWORD)
        assert session.append("INBOX", None, None, large)[0] == "OK"
        session.select("INBOX")
        assert session.fetch("1", "(BODY[])")[1][0][1] == large
    ended(ports, "imaps")


@pytest.mark.parametrize("name", ["imap", "imap-optional"])
def test_imap_with_starttls_before_imaps(ports, pki, secured, name):
    user = secured.new_mailbox()
    with imaplib.IMAP4("127.0.0.1", ports[name], timeout=30) as session:
        assert "STARTTLS" in session.capabilities
        session.starttls(tls.context(pki))
        assert "STARTTLS" not in session.capabilities
        session.login(user, PASSWORD)
        assert session.select("INBOX")[0] == "OK"
    ended(ports, name, stage="relay")


def test_pop3s_before_pop3s(ports, pki, secured):
    user, mail = secured.new_mailbox(), message("by POP3")
    secured.deliver(user, mail)
    session = poplib.POP3_SSL("127.0.0.1", ports["pop3s"], context=tls.context(pki), timeout=30)
    session.user(user)
    session.pass_(PASSWORD)
    assert b"\r\n".join(session.retr(1)[1]) + b"\r\n" == mail
    session.quit()
    ended(ports, "pop3s")


def test_pop3_with_stls_before_pop3s(ports, pki, secured):
    session = poplib.POP3("127.0.0.1", ports["pop3"], timeout=30)
    session.stls(tls.context(pki))
    session.user(secured.new_mailbox())
    session.pass_(PASSWORD)
    assert session.stat() == (0, 0)
    session.quit()
    ended(ports, "pop3")


@pytest.mark.parametrize("name", ["smtps", "smtp"])
def test_smtp_before_a_wrapped_postfix(ports, pki, secured, name):
    user = secured.new_mailbox()
    if name == "smtps":
        session = smtplib.SMTP_SSL("127.0.0.1", ports[name], context=tls.context(pki), timeout=30)
    else:
        session = smtplib.SMTP("127.0.0.1", ports[name], timeout=30)
        session.starttls(context=tls.context(pki))
    with session:
        assert session.sendmail("sender@elsewhere.test", [f"{user}@example.test"],
                                message(name)) == {}
    wait_until(lambda: secured.messages(user), f"mail for {user}", 30)
    ended(ports, name, stage="relay")


def test_ldaps_before_ldaps(ports, pki, run):
    slapd = ports["slapd"]
    found = openldap.run("ldapsearch", pki, run.folder, f"ldaps://127.0.0.1:{ports['ldaps']}",
                         "1.3", "-LLL", "-o", "ldif-wrap=no", "-b", slapd.suffix, "(uid=large)")
    assert openldap.photo(found) == slapd.photo
    ended(ports, "ldaps")
