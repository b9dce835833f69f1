"""What clients see of a peer, and of tlsfront with that peer's configuration: the same.

Both serve the same port before the same server, one after the other.
"""

import re
import shutil
import socket
import ssl
import subprocess

import pytest

from clients import tls
from clients.plain import PlainClient
from harness.imports import run_import
from harness.process import Process
from harness.wait import wait_until
from servers.recording import Recording

GREETING, OTHER_GREETING = b"* OK upstream\r\n", b"* OK the other one\r\n"
COMMANDS = {
    "stunnel": lambda file: ["stunnel4", file],
    "hitch": lambda file: ["hitch", f"--config={file}"],
    "nginx": lambda file: ["nginx", "-c", file],
    "haproxy": lambda file: ["haproxy", "-db", "-f", file],
}
MODULES = "\n".join(f"load_module /usr/lib/nginx/modules/ngx_{name}_module.so;"
                    for name in ("mail", "stream"))
HEADS = {
    "stunnel": "foreground = quiet\npid =\nsyslog = no\n",
    "hitch": 'user = "nobody"\nbackend-refresh = 0\n',
    "nginx": f"{MODULES}\ndaemon off;\nuser nobody nogroup;\npid PLACE/nginx.pid;\n"
             "error_log PLACE/nginx.log;\nevents {{ }}\n".replace("{{ }}", "{ }"),
    "haproxy": "global\n    user nobody\ndefaults\n    mode tcp\n    timeout connect 5s\n"
               "    timeout client 1m\n    timeout server 1m\n",
}
# Of ours, which the daemons of the tests have already.
GLOBAL = re.compile(r"^(user|workers|log|log-level) = .*\n", re.M)


def answer_other(connection):
    answer(connection, OTHER_GREETING)


def answer(connection, greeting=GREETING):
    """Greets, then tells in one line all that has come."""
    connection.sendall(greeting)
    heard = b""
    while b"PING\r\n" not in heard:
        data = connection.recv(4096)
        if not data:
            return
        heard += data
    connection.sendall(heard.hex().encode() + b"\r\n")


def without_ports(heard):
    """A PROXY header names the client's port, which is another each time, and version 2 says more
    of TLS here than elsewhere."""
    if heard.startswith(b"PROXY"):
        return b" ".join(heard.split()[:4])
    if heard.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
        return heard[:14] + heard[16:24]
    return heard


def serial_of(client):
    shown = client.tls.getpeercert(binary_form=True)
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial"], input=shown,
                          capture_output=True, check=True)
    return done.stdout


def seen_by(settings, port, sni, host):
    """What one client sees, or that it is refused."""
    try:
        with tls.TlsClient(port, settings, sni=sni, host=host) as client:
            greeting = client.read_until(b"\n")
            heard = client.command(b"PING\r\n")
            return (serial_of(client), client.tls.version(), client.tls.selected_alpn_protocol(),
                    greeting, without_ports(bytes.fromhex(heard.strip().decode())))
    except (OSError, ssl.SSLError, AssertionError):
        return "refused"


def trusting(settings):
    settings.check_hostname = False
    return settings


class Both:
    """`text` with PORT, UPSTREAM, OTHER (another server) and PLACE replaced, served by the peer, then by tlsfront."""

    def __init__(self, run, fronts, binary, place, peer, text, port, upstream,
                 other=None):
        self.run, self.fronts, self.binary, self.place, self.peer = run, fronts, binary, place, peer
        self.port = port
        self.file = place / f"beside-{port}.conf"
        text = HEADS[peer] + text
        for word, value in (("PORT", port), ("UPSTREAM", upstream), ("OTHER", other), ("PLACE", place)):
            text = text.replace(word, str(value))
        self.file.write_text(text)

    def listening(self, host):
        try:
            socket.create_connection((host, self.port), 5).close()
        except OSError:
            return False
        return True

    def with_peer(self, observe, host):
        process = Process(self.peer, COMMANDS[self.peer](self.file),
                          self.place / f"{self.peer}-{self.port}.log", cwd=self.place)
        try:
            wait_until(lambda: not process.running() or self.listening(host), f"{self.peer} to serve")
            assert process.running(), process.text()
            return observe()
        finally:
            process.stop()
            wait_until(lambda: not self.listening(host), f"{self.peer} to be gone")

    def with_tlsfront(self, observe, edit):
        made = run_import(self.binary, self.peer, self.file, folder=self.place)
        assert made.status in (0, 1), made.errors
        assert made.withheld == {}, made.text
        front = self.fronts.start(edit(GLOBAL.sub("", made.text)))
        try:
            return observe()
        finally:
            front.terminate()

    def compare(self, observe, *, host="127.0.0.1", edit=lambda text: text, ignored=()):
        """`ignored`: the clients for whom import itself has told of a difference."""
        theirs = self.with_peer(observe, host)
        ours = self.with_tlsfront(observe, edit)
        for who in ignored:
            assert ours.pop(who) != theirs.pop(who)
        assert ours == theirs
        return ours


# Without ssl_protocols, nginx 1.22 serves no TLS 1.3.
NGINX = ("stream {{ ssl_protocols TLSv1.2 TLSv1.3; {more} server {{ listen 127.0.0.1:PORT ssl; proxy_pass 127.0.0.1:UPSTREAM;\n"
         "ssl_certificate PLACE/mail.crt; ssl_certificate_key PLACE/mail.key; {server} }} }}\n")
STUNNEL = "[s]\naccept = 127.0.0.1:PORT\nconnect = 127.0.0.1:UPSTREAM\ncert = PLACE/mail.pem\n"
HITCH = 'frontend = "[127.0.0.1]:PORT"\nbackend = "[127.0.0.1]:UPSTREAM"\npem-file = "PLACE/mail.pem"\n'


def haproxy(bind="", server="", more=""):
    return (f"listen s\n    bind 127.0.0.1:PORT ssl crt PLACE/mail.pem {bind}\n{more}"
            f"    server u 127.0.0.1:UPSTREAM {server}\n")


def nginx(server="", more=""):
    return NGINX.format(server=server, more=more)


CONFIGURATIONS = {
    ("stunnel", "plain"): STUNNEL,
    ("stunnel", "key-apart"): STUNNEL.replace("mail.pem", "mail.crt") + "key = PLACE/mail.key\n",
    ("stunnel", "only-1.3"): STUNNEL + "sslVersionMin = TLSv1.3\n",
    ("stunnel", "proxy"): STUNNEL + "protocol = proxy\n",
    ("stunnel", "mutual"): STUNNEL + "verifyChain = yes\nCAfile = PLACE/ca.crt\n",
    ("stunnel", "mutual-by-name"): STUNNEL + "verify = 2\nCAfile = PLACE/ca.crt\ncheckHost = other.example.test\n",
    ("stunnel", "asked"): STUNNEL + "verify = 1\nCAfile = PLACE/ca.crt\n",
    ("stunnel", "asked-then-forced"): STUNNEL + "verify = 1\nrequireCert = yes\nCAfile = PLACE/ca.crt\n",
    ("stunnel", "forced-by-the-later-line"): STUNNEL + "requireCert = no\nverifyChain = yes\nCAfile = PLACE/ca.crt\n",
    ("stunnel", "no-longer-forced"): STUNNEL + "verify = 2\nrequireCert = no\nCAfile = PLACE/ca.crt\n",
    ("stunnel", "first-server-is-down"): STUNNEL.replace("connect =", "connect = 127.0.0.1:1\nconnect =") + "failover = prio\n",
    ("hitch", "plain"): HITCH,
    ("hitch", "two-names"): 'pem-file = "PLACE/news.pem"\n' + HITCH,
    ("hitch", "the-last-is-the-default"): HITCH + 'pem-file = "PLACE/news.pem"\n',
    ("hitch", "a-directory"): HITCH.replace('pem-file = "PLACE/mail.pem"', 'pem-dir = "PLACE/certs"'),
    ("hitch", "strict"): HITCH + "sni-nomatch-abort = on\n",
    ("hitch", "only-1.2-and-1.3"): HITCH + "tls-protos = TLSv1.2 TLSv1.3\n",
    ("hitch", "alpn"): HITCH + 'alpn-protos = "imap, h2"\n',
    ("hitch", "proxy-v1"): HITCH + "write-proxy-v1 = on\n",
    ("hitch", "proxy-v2"): HITCH + "write-proxy-v2 = on\n",
    ("hitch", "mutual"): HITCH + 'client-verify = required\nclient-verify-ca = "PLACE/ca.crt"\n',
    ("nginx", "plain"): nginx(),
    ("nginx", "only-1.3"): nginx("ssl_protocols TLSv1.3;"),
    ("nginx", "proxy"): nginx("proxy_protocol on;"),
    ("nginx", "mutual"): nginx("ssl_verify_client on; ssl_client_certificate PLACE/ca.crt;"),
    ("nginx", "asked"): nginx("ssl_verify_client optional; ssl_client_certificate PLACE/ca.crt;"),
    ("nginx", "a-backup"): nginx(more="upstream u { server 127.0.0.1:1; server 127.0.0.1:UPSTREAM backup; }")
    .replace("proxy_pass 127.0.0.1:UPSTREAM", "proxy_pass u"),
    ("haproxy", "plain"): haproxy(),
    ("haproxy", "two-names"): haproxy("crt PLACE/news.pem"),
    ("haproxy", "a-directory"): haproxy().replace("mail.pem", "certs"),
    ("haproxy", "strict"): haproxy("strict-sni"),
    ("haproxy", "alpn"): haproxy("alpn imap,h2"),
    ("haproxy", "only-1.3"): haproxy("ssl-min-ver TLSv1.3"),
    ("haproxy", "proxy-v1"): haproxy(server="send-proxy"),
    ("haproxy", "proxy-v2"): haproxy(server="send-proxy-v2"),
    ("haproxy", "mutual"): haproxy("ca-file PLACE/ca.crt verify required"),
    ("stunnel", "by-name"): STUNNEL + "[n]\nsni = s:news.example.test\ncert = PLACE/news.pem\nconnect = 127.0.0.1:OTHER\n",
    ("nginx", "by-name"): nginx(more="map $ssl_server_name $u { default 127.0.0.1:UPSTREAM; news.example.test 127.0.0.1:OTHER; }")
    .replace("proxy_pass 127.0.0.1:UPSTREAM", "proxy_pass $u"),
    ("haproxy", "by-name"):
        "frontend f\n    bind 127.0.0.1:PORT ssl crt PLACE/mail.pem crt PLACE/news.pem\n    default_backend b\n"
        "    use_backend n if { ssl_fc_sni -i news.example.test }\n"
        "backend b\n    server u 127.0.0.1:UPSTREAM\nbackend n\n    server u 127.0.0.1:OTHER send-proxy\n",
    ("haproxy", "a-frontend-and-its-backend"):
        "frontend f\n    bind 127.0.0.1:PORT ssl crt PLACE/mail.pem\n    default_backend b\n"
        "backend b\n    server u 127.0.0.1:UPSTREAM send-proxy\n",
}


DIFFERENCES = {("haproxy", "strict"): ("no name",), ("haproxy", "alpn"): ("other names",)}


@pytest.mark.parametrize("peer, name", CONFIGURATIONS, ids=["-".join(key) for key in CONFIGURATIONS])
def test_clients_see_no_difference(run, fronts, binary, pki, place, module_toys, peer, name):
    upstream = module_toys(answer).port
    other = module_toys(answer_other).port
    both = Both(run, fronts, binary, place, peer, CONFIGURATIONS[peer, name], run.port(), upstream, other)

    def observe():
        """Each line of the result is one client."""
        clients = {
            "mail": (tls.context(pki), "mail.example.test"),
            "news": (trusting(tls.context(pki)), "news.example.test"),
            "no name": (trusting(tls.context(pki)), None),
            "1.2": (tls.context(pki, "1.2"), "mail.example.test"),
            "1.3": (tls.context(pki, "1.3"), "mail.example.test"),
            "alice": (tls.context(pki, client=pki.alice), "mail.example.test"),
            "a stranger": (tls.context(pki, client=pki.stranger), "mail.example.test"),
        }
        if "alpn" in name:
            clients["alpn"] = tls.context(pki, alpn=["imap"]), "mail.example.test"
            clients["other names"] = tls.context(pki, alpn=["pop3"]), "mail.example.test"
        if "strict" in name:
            clients["unknown"] = trusting(tls.context(pki)), "nobody.example.test"
        return {who: seen_by(settings, both.port, sni, "127.0.0.1")
                for who, (settings, sni) in clients.items()}

    seen = both.compare(observe, ignored=DIFFERENCES.get((peer, name), ()))
    assert any(one != "refused" for one in seen.values()) or name == "mutual-by-name"
    assert (OTHER_GREETING in tuple(seen["news"])) == (name == "by-name")


UPGRADES = {"smtp": (b"EHLO client.test\r\n", b"STARTTLS\r\n", b"220"),
            "pop3": (b"CAPA\r\n", b"STLS\r\n", b"+OK"),
            "imap": (b"a CAPABILITY\r\n", b"a STARTTLS\r\n", b"a OK")}


def read_answer(client, protocol):
    """All lines of it."""
    end = {"smtp": rb"(?m)^\d\d\d .*\r\n\Z", "pop3": rb"(?m)^(\.\r\n|-ERR.*)\Z", "imap": rb"(?m)^a .*\r\n\Z"}
    text = client.read_until(b"\n")
    while not re.search(end[protocol], text):
        text += client.read_until(b"\n")
    return text


def upgraded(pki, port, protocol):
    """What a client of STARTTLS sees of it: whether it is offered, and whose certificate."""
    capabilities, upgrade, ready = UPGRADES[protocol]
    with PlainClient(port) as client:
        client.read_until(b"\n")
        client.send(capabilities)
        offered = upgrade.split()[-1] in read_answer(client, protocol).upper()
        client.send(upgrade)
        answered = client.read_until(b"\n").startswith(ready)
        with client.secure(tls.context(pki)) as secured:
            return offered, answered, serial_of(secured)


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_starttls_of_stunnel_is_the_same(run, fronts, binary, pki, place, protocol):
    upstream = Recording(protocol)
    both = Both(run, fronts, binary, place, "stunnel", STUNNEL + f"protocol = {protocol}\n", run.port(),
                upstream.port)
    try:
        seen = both.compare(lambda: upgraded(pki, both.port, protocol))
    finally:
        upstream.close()
    assert seen[:2] == (True, True)


@pytest.mark.parametrize("starttls", ["on", "only"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_starttls_of_nginx_is_the_same(run, fronts, binary, pki, place, protocol, starttls):
    upstream, port = Recording(protocol), run.port()
    text = f"""mail {{ auth_http 127.0.0.1:1/auth; server_name mail.example.test;
ssl_certificate PLACE/mail.crt; ssl_certificate_key PLACE/mail.key;
server {{ listen 127.0.0.1:PORT; protocol {protocol}; starttls {starttls}; }} }}
"""
    both = Both(run, fronts, binary, place, "nginx", text, port, upstream.port)

    def with_server(text):
        """As the operator has to: nginx would ask auth_http where it is."""
        edited, count = re.subn(r'upstream = "127.0.0.1:\d+"', f'upstream = "127.0.0.1:{upstream.port}"', text)
        assert count == 1 and "a guess: upstream" in text
        return edited

    try:
        seen = both.compare(lambda: upgraded(pki, port, protocol), edit=with_server)
    finally:
        upstream.close()
    assert seen[:2] == (True, True)


def test_the_peers_are_there():
    """They come with the tests' packages: nothing above is to be left out."""
    assert [peer for peer in ("stunnel4", "hitch", "nginx", "haproxy") if shutil.which(peer) is None] == []
