"""Who is measured: one entry of PEERS each.

A configuration gives a peer the certificates, TLS 1.2 and 1.3 with tickets, the curve that is
measured, and room for many connections; beyond that the peer's defaults stay. No peer logs
connections.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import Callable

SUITES_13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
SUITES_12 = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"


@dataclass
class Route:
    name: str
    port: int
    chain: str
    key: str
    pem: str  # certificate and key in one file
    backend: str  # address and port
    protocol: str = "tcp"  # "pop3" is with STARTTLS, required; "acme" has neither certificate nor backend
    limit: int = 0  # connections at a time
    client_ca: str = ""  # whose certificates clients must have
    others: list = field(default_factory=list)  # further certificates: chain and key


@dataclass
class Setting:
    """What a configuration is made of."""

    directory: str
    routes: list
    workers: int
    files: int  # how many a process may have open
    flooded: bool = False


@dataclass
class Peer:
    name: str
    program: str
    command: Callable  # (program, configuration file) -> arguments
    configuration: Callable  # Setting -> text
    version: Callable  # program -> text
    tls: bool = True
    is_rival: bool = True
    on_request: bool = False  # measured only where --peer names it
    offers: tuple = ()  # of what a Route may want: limit, client_ca, protocol
    hybrid: bool = False  # knows X25519MLKEM768


def ask(*command):
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, text=True, check=False, **both).stdout


def first(pattern, *command):
    found = re.search(pattern, ask(*command))
    return found.group(1) if found else "unknown"


def each(part, s):
    return "".join(part(route) for route in s.routes)


def tlsfront(s):
    def acme(r):
        os.mkdir(f"{s.directory}/challenges", 0o755)
        return f"""
route {r.name} {{
    listen = "127.0.0.1:{r.port}"
    protocol = acme
    challenges = "{s.directory}/challenges"
}}
"""

    def route(r):
        if r.protocol == "acme":
            return acme(r)
        files = [*r.others, (r.chain, r.key)]
        names = [f"{r.name}-{n}" for n in range(len(r.others))] + [r.name]
        certificates = "".join(
            f'certificate {name} {{ chain = "{chain}" key = "{key}" }}\n'
            for name, (chain, key) in zip(names, files))
        return f"""
{certificates}
route {r.name} {{
    listen = "127.0.0.1:{r.port}"
    protocol = {r.protocol}
    {"tls = required" if r.protocol == "pop3" else ""}
    {"relay-risk = accepted" if r.protocol == "smtp" else ""}
    certificate = {{{", ".join(names)}}}
    upstream = "{r.backend}"
    max-connections = {r.limit}
    {f'client-certificate = required{chr(10)}    client-ca = "{r.client_ca}"' if r.client_ca else ""}
}}
"""

    return f"""
workers = {s.workers}
user = nobody
control = "{s.directory}/control.sock"
state = "{s.directory}/state"
log-level = warn
drain-timeout = 1s
{each(route, s)}"""


CURVES = "X25519:P-256"
WITH_HYBRID = f"X25519MLKEM768:{CURVES}"


def haproxy(s, tls=True, options="", curves=CURVES):
    def listen(r):
        how = f"ssl crt {r.pem} curves {curves}" if tls else ""
        asks = f"ca-file {r.client_ca} verify required" if r.client_ca else ""
        limit = f"tcp-request connection reject if {{ fe_conn gt {r.limit} }}" if r.limit else ""
        return f"""
listen {r.name}
    bind 127.0.0.1:{r.port} {how} {asks}
    {limit}
    {options}
    server backend {r.backend}
"""

    return f"""
global
    nbthread {s.workers}
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphers {SUITES_12}
    ssl-default-bind-ciphersuites {SUITES_13}
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
{each(listen, s)}"""


def hitch(s):
    address, port = s.routes[0].backend.split(":")

    def frontend(r):
        return f"""
frontend = {{
    host = "127.0.0.1"
    port = "{r.port}"
    pem-file = "{r.pem}"
}}
"""

    return f"""
backend = "[{address}]:{port}"
workers = {s.workers}
{'user = "_hitch"' if os.geteuid() == 0 else ""}
daemon = off
quiet = on
syslog = off
backlog = 4096
tls-protos = TLSv1.2 TLSv1.3
ciphers = "{SUITES_12}"
ciphersuites = "{SUITES_13}"
ecdh-curve = "X25519:P-256"
ocsp-dir = ""
{each(frontend, s)}"""


NGINX_MODULE = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"


def nginx(s, module=NGINX_MODULE, curves=CURVES):
    reuse = "reuseport" if s.workers > 1 else ""
    # Cheaper, but those who come without end would keep it from ever doing anything else.
    accept = "off" if s.flooded else "on"

    def server(r):
        return f"""
    server {{
        listen 127.0.0.1:{r.port} ssl backlog=4096 {reuse};
        ssl_certificate {r.chain};
        ssl_certificate_key {r.key};
        {f"ssl_verify_client on; ssl_client_certificate {r.client_ca};" if r.client_ca else ""}
        {f"limit_conn each {r.limit};" if r.limit else ""}
        proxy_pass {r.backend};
    }}
"""

    return f"""
{module}
daemon off;
{"user nobody nogroup;" if os.geteuid() == 0 else ""}
worker_processes {s.workers};
worker_rlimit_nofile {s.files};
pid {s.directory}/nginx.pid;
error_log stderr error;
events {{
    worker_connections {s.files};
    multi_accept {accept};
}}
stream {{
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers {SUITES_12};
    ssl_ecdh_curve {curves};
    ssl_session_tickets on;
    proxy_timeout 1h;
    limit_conn_zone $server_port zone=each:1m;
    limit_conn_log_level info;
{each(server, s)}}}
"""


def stunnel(s):
    def service(r):
        return f"""
[{r.name}]
accept = 127.0.0.1:{r.port}
connect = {r.backend}
cert = {r.chain}
key = {r.key}
sslVersionMin = TLSv1.2
ciphers = {SUITES_12}
ciphersuites = {SUITES_13}
curves = X25519:P-256
TIMEOUTclose = 0
{f"verifyChain = yes{chr(10)}CAfile = {r.client_ca}" if r.client_ca else ""}
"""

    return f"""
foreground = quiet
pid =
syslog = no
debug = err
{each(service, s)}"""


def run_nginx(program, file):
    return [program, "-c", file]


def run_haproxy(program, file):
    return [program, "-q", "-db", "-f", file]


def splicing(s):
    return haproxy(s, False, "option splice-request\n    option splice-response")


def rival(name, program, command, configuration, version, offers=(), hybrid=False):
    """version: the arguments that make it say its version, and what to look for."""
    *arguments, pattern = version
    def ask_version(path):
        return first(pattern, path, *arguments)

    return Peer(name, program, command, configuration, ask_version, offers=offers, hybrid=hybrid)


def floor(name, configuration, what):
    """A plain TCP proxy: what is left when nothing is encrypted."""
    return Peer(name, HAPROXY, run_haproxy, configuration, lambda path: what, False, False)


HAPROXY = "/usr/sbin/haproxy"
STRONGEST = os.environ.get("BENCH_STRONGEST", "")  # where tests/bench/strongest has put them

def ours(name, configuration, **options):
    return Peer(
        name,
        "",  # TLSFRONT in the environment
        lambda program, file: [program, "run", "-c", file],
        configuration,
        lambda program: ask(program, "--version").strip().replace("\n", "; "),
        is_rival=False,
        offers=("limit", "client_ca", "protocol"),
        hybrid=True,
        **options,
    )


HAPROXY_VERSION = ["-v", r"version (\S+)"]
NGINX_VERSION = ["-v", r"nginx/(\S+)"]


def strongest():
    """The fastest of the rivals, on the fastest of the libraries, where they have been built."""
    if not STRONGEST:
        return []
    def hybrid_haproxy(s):
        return haproxy(s, curves=WITH_HYBRID)

    def hybrid_nginx(s):
        return nginx(s, "", WITH_HYBRID)

    return [
        rival("haproxy-aws-lc", f"{STRONGEST}/haproxy", run_haproxy, hybrid_haproxy, HAPROXY_VERSION,
              hybrid=True),
        rival("nginx-aws-lc", f"{STRONGEST}/nginx", run_nginx, hybrid_nginx, NGINX_VERSION,
              hybrid=True),
    ]


PEERS = [
    floor("tcp-copy", lambda s: haproxy(s, False), "haproxy in TCP mode, without TLS"),
    floor("tcp-splice", splicing, "the same with splice-request and splice-response"),
    rival("haproxy", HAPROXY, run_haproxy, haproxy, HAPROXY_VERSION, ("limit", "client_ca")),
    rival(
        "hitch",
        "/usr/sbin/hitch",
        lambda program, file: [program, f"--config={file}"],
        hitch,
        ["--version", r"hitch (\S+)"],
    ),
    rival(
        "nginx",
        "/usr/sbin/nginx",
        run_nginx,
        nginx,
        NGINX_VERSION,
        ("limit", "client_ca"),
    ),
    rival(
        "stunnel",
        "/usr/bin/stunnel4",
        lambda program, file: [program, file],
        stunnel,
        ["-version", r"stunnel (\S+)"],
        ("client_ca",),
    ),
    *strongest(),
    ours("tlsfront", tlsfront),
    ours(
        "keys-in-workers", lambda s: "key-isolation = off\n" + tlsfront(s), on_request=True
    ),
]
