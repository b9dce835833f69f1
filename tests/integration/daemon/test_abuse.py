"""What a firewall is told: fail2ban's filter on lines that a daemon has just written, and the recipes of
the documents."""

import configparser
import os
import re
import shutil
import ssl
import subprocess

import pytest

from clients import announce, tls
from clients.plain import PlainClient
from harness.config import route
from harness.tree import DOCS
from harness.wait import wait_until
from servers import toy

FILTER = DOCS / "packaging/fail2ban/filter.conf"
JAIL = DOCS / "packaging/fail2ban/jail.conf"
HOSTNAME = "front.example.test"


@pytest.fixture(scope="module")
def filter_folder(run):
    """As it lies on a machine: fail2ban's own configuration, and our filter by its name."""
    folder = run.make_folder("fail2ban")
    shutil.copytree("/etc/fail2ban", folder / "etc")
    shutil.copy(FILTER, folder / "etc/filter.d/tlsfront.conf")
    return folder / "etc"


def matched(folder, log):
    """The addresses of the lines that count, in their order; every line has to have a time."""
    done = subprocess.run(
        ["fail2ban-regex", "-c", str(folder), "-o", "ip", str(log), "tlsfront"],
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 255), done.stderr + done.stdout
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout.split()


class Offences:
    """Clients at 127.0.1.N, each with one act. `guilty` are those that count."""

    def __init__(self, front, ports, pki):
        self.front, self.ports, self.pki = front, ports, pki
        self.guilty, self.innocent = {}, {}

    def address(self, who, what):
        address = f"127.0.1.{len(self.guilty) + len(self.innocent) + 1}"
        who[address] = what
        return address

    def says(self, who, what, name, data, *, close=True):
        """In clear, to that route; until the far side has ended it, or we have."""
        with PlainClient(self.ports[name], source=self.address(who, what)) as client:
            client.send(data)
            if close:
                client.finish()
            client.read_all()

    def greeted(self, who, what, name, source=None):
        source = source or self.address(who, what)
        with tls.TlsClient(self.ports[name], tls.context(self.pki), source=source) as client:
            client.read_all()
        return source

    def commit(self):
        g, i = self.guilty, self.innocent
        self.says(g, "no TLS at all", "tls", b"\x16\x03\x01\x00\x05hello", close=False)
        self.says(g, "a browser", "tls", b"GET / HTTP/1.1\r\n\r\n", close=False)
        self.says(g, "a command behind the upgrade", "required", b"STLS\r\nUSER anna\r\n",
                  close=False)
        self.says(g, "a password in clear", "required", b"USER anna\r\nQUIT\r\n", close=False)
        self.says(g, "nonsense without end", "required", b"XYZZY\r\n" * 40, close=False)
        self.greeted(g, "a denied address", "denied")
        often = self.address(g, "one who comes too often")
        for _ in range(2):
            with tls.TlsClient(self.ports["rare"], tls.context(self.pki), source=often) as client:
                client.read_until(b"\r\n")
                client.send(b"QUIT\r\n")
                client.read_all()
        many = self.address(g, "one who stays too often")
        with tls.TlsClient(self.ports["few"], tls.context(self.pki), source=many) as inside:
            inside.read_until(b"\r\n")
            self.greeted(g, None, "few", source=many)
        self.says(i, "mail in clear on a TLS port", "tls", b"EHLO me\r\n", close=False)
        self.says(i, "a balancer that is not known", "tls", announce.v1("192.0.2.1"), close=False)
        self.says(i, "one who leaves in the handshake", "tls", b"\x16\x03\x01")
        self.says(i, "TLS on a STARTTLS port", "required", b"\x16\x03\x01\x02\x00\x01", close=False)
        self.distrust(self.address(i, "one who does not trust the certificate"))
        with tls.TlsClient(self.ports["tls"], tls.context(self.pki),
                           source=self.address(i, "one who breaks off")) as client:
            client.read_until(b"\r\n")
        self.greeted(i, "one for whom there is no server", "down")
        self.claims(self.address(i, "one who slanders another"))

    def distrust(self, source):
        """No root of this machine has made the certificate."""
        with PlainClient(self.ports["tls"], source=source) as client:
            with pytest.raises(ssl.SSLCertVerificationError):
                client.secure(ssl.create_default_context())

    def claims(self, source):
        """What a client says stands in the line, but in quotes."""
        settings = tls.context(self.pki, hostname=False)
        slander = ("x event=end id=1 route=tls protocol=pop3 client=198.51.100.1:1 stage=handshake."
                   "x fault=client end=refused: it connects too often")
        with tls.TlsClient(self.ports["tls"], settings, source=source, sni=slander) as client:
            client.send(b"QUIT\r\n")
            client.read_all()


ROUTES = {"tls": {}, "required": {"tls": "required"}, "denied": {"deny": ["127.0.1.0/24"]},
          "rare": {"connection_rate_per_ip": "1/1h"}, "few": {"max_connections_per_ip": 1},
          "down": {}}


@pytest.fixture(params=["text", "json"])
def offences(request, fronts, run, pki, toys):
    upstream = toys(toy.greeter(b"+OK ready\r\n")).port
    ports = {name: run.port() for name in ROUTES}
    front = fronts.start(pki.mail.block(), *(
        route(name, ports[name], run.port() if name == "down" else upstream, protocol="pop3",
              hostname=HOSTNAME, **options) for name, options in ROUTES.items()),
        log_format=request.param)
    made = Offences(front, ports, pki)
    made.commit()
    everybody = {*made.guilty, *made.innocent}
    wait_until(lambda: everybody <= {line["client"].rpartition(":")[0]
                                     for line in front.log("end")}, "a line about everybody")
    return made


def test_the_filter_counts_the_guilty_and_nobody_else(offences, filter_folder):
    counted = matched(filter_folder, offences.front.log_file())
    assert "198.51.100.1" not in counted
    names = {**offences.guilty, **offences.innocent}
    assert {names[one] for one in counted} == set(offences.guilty.values())


@pytest.mark.parametrize("head", ["Nov 29 19:00:00 mail tlsfront[42]: ",
                                  "2026-11-29T19:00:00.000000+00:00 mail tlsfront[42]: "])
def test_the_filter_reads_syslog(filter_folder, run, head):
    log = run.make_folder(f"syslog-{len(head)}") / "mail.log"
    log.write_text(
        f"{head}event=end id=1-1 route=pop3s protocol=pop3 client=192.0.2.9:4000 stage=handshake "
        'bytes-in=0 bytes-out=0 duration=0.001 fault=client end="client sent a malformed record"\n'
        f"{head}event=end id=1-2 route=pop3s protocol=pop3 client=[2001:db8::9]:4000 stage=preamble "
        'bytes-in=0 bytes-out=0 duration=0.001 fault=client end="refused: it connects too often"\n'
        f"{head}event=end id=1-3 route=pop3s protocol=pop3 client=192.0.2.10:4000 stage=relay "
        'bytes-in=0 bytes-out=0 duration=0.001 fault=none end="the client closed"\n')
    assert matched(filter_folder, log) == ["192.0.2.9", "2001:db8::9"]


def test_the_jail_is_read_by_fail2ban(filter_folder):
    for other in (filter_folder / "jail.d").iterdir():
        other.unlink()  # whose logs a container may lack
    shutil.copy(JAIL, filter_folder / "jail.d/tlsfront.conf")
    jail = configparser.ConfigParser(interpolation=None)
    jail.read(JAIL)
    assert jail["tlsfront"]["filter"] == "tlsfront"
    done = subprocess.run(["fail2ban-client", "-c", str(filter_folder), "--test"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = subprocess.run(["fail2ban-client", "-c", str(filter_folder), "-d"],
                           capture_output=True, text=True, timeout=60, check=True).stdout
    assert "'tlsfront'" in shown and "refused: " in shown


def recipes(page, beginning):
    """The code blocks of a page that begin so."""
    text = (DOCS / page).read_text()
    return [block for block in re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
            if block.startswith(beginning)]


@pytest.mark.skipif(os.geteuid() != 0, reason="nft looks at the kernel's tables, which takes root")
def test_the_nftables_recipe_is_understood(run):
    recipe, = recipes("abuse.md", "table ")
    file = run.make_folder("nftables") / "tlsfront.nft"
    file.write_text(recipe)
    done = subprocess.run(["unshare", "--net", "nft", "-c", "-f", str(file)], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
