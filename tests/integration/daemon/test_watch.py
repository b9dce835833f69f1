"""`watch = on`, and what the log says of certificates that grow old."""

import ctypes
import os
import shutil
import time

import pytest

from clients import tls
from harness.config import route
from harness.pki import Authority
from harness.wait import wait_until
from servers import toy

AT_FDCWD, RENAME_EXCHANGE = -100, 2


class Served:
    """A daemon that watches, its certificate in a folder laid out as `layout` says."""

    def __init__(self, fronts, run, pki, upstream, layout):
        self.pki, self.port = pki, run.port()
        self.folder = run.make_folder(f"watched-{self.port}")
        layout(self)
        self.front = fronts.start(
            f"certificate live {{\n    chain = {self.chain}\n    key = {self.key}\n}}\n",
            route("echo", self.port, upstream, certificate=("live",)), watch="on")

    def serial(self):
        with tls.TlsClient(self.port, tls.context(self.pki)) as client:
            return client.tls.getpeercert()["serialNumber"]

    def wait_for(self, certificate):
        wait_until(lambda: self.serial() == certificate.serial(), "the new certificate", 30)

    def stays(self, certificate):
        """No attempt is made: what is waited for is the quiet time and what may follow it."""
        before = len(self.front.log("files-changed"))
        time.sleep(4)
        assert len(self.front.log("files-changed")) == before
        assert self.serial() == certificate.serial()


def put(certificate, chain, key):
    shutil.copy(certificate.key, key)
    shutil.copy(certificate.chain, chain)


def plain(served):
    served.chain, served.key = served.folder / "chain.pem", served.folder / "key.pem"
    put(served.pki.mail, served.chain, served.key)


def certbot(served):
    """live/NAME/*.pem are links into archive/NAME."""
    for number, certificate in ((1, served.pki.mail), (2, served.pki.renewed)):
        archive = served.folder / "archive" / "mail"
        archive.mkdir(parents=True, exist_ok=True)
        put(certificate, archive / f"fullchain{number}.pem", archive / f"privkey{number}.pem")
    live = served.folder / "live" / "mail"
    live.mkdir(parents=True)
    served.chain, served.key = live / "fullchain.pem", live / "privkey.pem"
    turn_links(served, 1)


def turn_links(served, number):
    for link, name in ((served.chain, "fullchain"), (served.key, "privkey")):
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../archive/mail/{name}{number}.pem")


def exchangeable(served):
    """The key manager's: a folder for each name, exchanged as a whole."""
    for name, certificate in (("mail", served.pki.mail), ("mail.new", served.pki.renewed)):
        (served.folder / name).mkdir()
        put(certificate, served.folder / name / "chain.pem", served.folder / name / "key.pem")
    served.chain = served.folder / "mail" / "chain.pem"
    served.key = served.folder / "mail" / "key.pem"


def exchange(one, other):
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other),
                          RENAME_EXCHANGE)
    assert done == 0, os.strerror(ctypes.get_errno())


def overwrite(served):
    put(served.pki.renewed, served.chain, served.key)


def rename_over(served):
    for target, source in ((served.key, served.pki.renewed.key),
                           (served.chain, served.pki.renewed.chain)):
        fresh = target.with_suffix(".tmp")
        shutil.copy(source, fresh)
        os.replace(fresh, target)


@pytest.fixture
def watching(fronts, run, pki, toys):
    def start(layout=plain):
        return Served(fronts, run, pki, toys(toy.echo).port, layout)
    return start


@pytest.mark.parametrize("layout, change", [
    (plain, overwrite), (plain, rename_over), (certbot, lambda served: turn_links(served, 2)),
    (exchangeable, lambda served: exchange(served.folder / "mail", served.folder / "mail.new"))],
    ids=["overwritten", "renamed over", "link turned", "folder exchanged"])
def test_a_new_certificate_is_taken_over(watching, pki, layout, change):
    served = watching(layout)
    with tls.TlsClient(served.port, tls.context(pki)) as old:
        change(served)
        served.wait_for(pki.renewed)
        old.send(b"still here\n")
        assert old.read_exactly(11) == b"still here\n"
    served.front.wait_for_log("files-changed")
    served.front.wait_for_log("reloaded")
    told = served.front.wait_for_log("changed")
    assert f"certificate live: replaced, now serial {pki.renewed.serial()}" in told["msg"]
    assert served.front.log("reload-refused") == []


def test_a_pair_that_is_half_written_waits_for_its_other_half(watching, pki):
    served = watching()
    shutil.copy(pki.renewed.chain, served.chain)
    refused = served.front.wait_for_log("reload-refused")
    assert "generation 1 stays" in refused["msg"]
    assert "does not belong" in served.front.log("configuration", level="error")[-1]["msg"]
    served.stays(pki.mail)
    shutil.copy(pki.renewed.key, served.key)
    served.wait_for(pki.renewed)


def test_what_was_refused_and_is_put_back_is_told_to_be_good(watching, pki):
    served = watching()
    served.chain.write_text("")
    served.front.wait_for_log("reload-refused")
    shutil.copy(pki.mail.chain, served.chain)
    served.front.wait_for_log("reloaded")
    assert served.front.status()["last_reload"]["outcome"] == "accepted"
    served.stays(pki.mail)


def test_a_certificate_is_taken_over_when_it_becomes_valid(watching, pki, run):
    served = watching()
    authority = Authority(run.make_folder("early"), "early", issuer=pki.root)
    early = authority.issue("early", pki.NAMES, start=15 / 86400)
    put(early, served.chain, served.key)
    refused = served.front.wait_for_log("configuration", level="error")
    assert "is not valid before" in refused["msg"]
    served.wait_for(early)


def test_a_touch_changes_nothing(watching, pki):
    served = watching()
    served.chain.touch()
    shutil.copy(pki.mail.key, served.key)
    served.stays(pki.mail)
    assert served.front.status()["generation"] == 1


def test_the_text_waits_for_its_own_reload(watching, pki):
    """Somebody is in the middle of editing it while a certificate is renewed."""
    served = watching()
    text = served.front.file.read_text()
    served.front.file.write_text(text + "route half {\n")
    overwrite(served)
    served.wait_for(pki.renewed)
    assert served.front.reload().returncode != 0
    served.front.file.write_text(text.replace("watch = ", "# watch = "))
    assert served.front.reload().returncode == 0
    put(pki.mail, served.chain, served.key)
    served.stays(pki.renewed)


def test_nothing_is_watched_unless_it_is_asked_for(fronts, run, pki, toys):
    chain, port = run.make_folder("unwatched") / "chain.pem", run.port()
    shutil.copy(pki.mail.chain, chain)
    block = f"certificate live {{\n    chain = {chain}\n    key = {pki.mail.key}\n}}\n"
    front = fronts.start(block, route("echo", port, toys(toy.echo).port, certificate=("live",)))
    chain.unlink()
    time.sleep(4)
    assert front.log("files-changed") == []


# ---- expiry ------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def aging(run):
    authority = Authority(run.make_folder("aging"), "aging")
    old = Authority(run.make_folder("aging-old"), "aging-old", issuer=authority, end=5.5)
    authority.twenty = authority.issue("twenty", ("twenty.example.test",), start=-60, end=20.5)
    authority.two = authority.issue("two", ("two.example.test",), start=-60, end=2.5)
    authority.expired = authority.issue("expired", ("expired.example.test",), start=-9, end=-1.5)
    authority.below = old.issue("below", ("below.example.test",), end=80)
    return authority


def test_the_log_tells_of_certificates_that_grow_old_once(fronts, run, pki, aging, toys):
    names = ("mail", "twenty", "two", "expired", "below")
    blocks = [c.block() for c in (pki.mail, aging.twenty, aging.two, aging.expired, aging.below)]
    front = fronts.new(*blocks, route("many", run.port(), toys(toy.echo).port, certificate=names),
                       route("pair", run.port(), toys(toy.echo).port, certificate=names[:2]))
    front.start_unchecked()
    front.wait_for_log("started")
    told = {line["name"]: line for line in front.log("certificate-expires")}
    assert {name: (line["days"], line["level"], line["routes"]) for name, line in told.items()} == {
        "twenty": ("20", "warn", "many,pair"), "two": ("2", "warn", "many"),
        "expired": ("0", "error", "many"), "below": ("5", "warn", "many")}
    assert told["twenty"]["subject"] == "CN=twenty.example.test"
    assert told["below"]["subject"] == "CN=aging-old"
    assert "intermediate" in told["below"]["msg"]
    assert "expired on" in told["expired"]["msg"]

    front.write(*blocks[:3], route("many", run.port(), toys(toy.echo).port,
                                   certificate=names[:3]))
    assert front.reload().returncode == 0
    assert len(front.log("certificate-expires")) == 4


def test_status_tells_of_days_left(fronts, run, pki, aging, toys):
    names = ("mail", "two", "expired", "below")
    front = fronts.new(pki.mail.block(), aging.two.block(), aging.expired.block(),
                       aging.below.block(),
                       route("many", run.port(), toys(toy.echo).port, certificate=names))
    front.start_unchecked()
    certificates = {c["name"]: c for c in front.status()["certificates"]}
    assert [certificates[name]["days_left"] for name in names[1:3]] == [2, -2]
    assert certificates["below"]["intermediates"][0]["days_left"] == 5
    text = front.command("status", "-c", front.file).stdout
    assert "(2 days) - renew it" in text
    assert "(expired, -2 days) - renew it" in text
    assert "certificate below: the intermediate certificate CN=aging-old expires in 5 days" in text
