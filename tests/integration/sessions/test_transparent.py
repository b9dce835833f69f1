"""source = transparent: the upstream sees connections come from the client's own address. Needs
routing on the machine that tlsfront runs on; here that is a namespace of its own, and the workers
are not root."""

import pytest

from clients import tls
from clients.plain import PlainClient
from harness.config import route
from harness.modes import HOSTNAME, MODES
from servers.recording import Recording

CLIENT = {4: "198.18.1.2", 6: "fd00:1::2"}
FRONT = {4: "198.18.1.1", 6: "fd00:1::1"}
SERVER = {4: "198.18.2.2", 6: "fd00:2::2"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
ALL_MODES = (*MODES, "implicit")
ANSWER = b"+OK heard\r\n"
UPSTREAM_PORT = 110  # in namespaces of our own


@pytest.fixture(scope="module", params=[4, 6], ids=["inet", "inet6"])
def version(request):
    return request.param


# The lines of docs/transparent.md, which see.
TABLE = "route add local default dev lo table 100"
BY_PORT = f"ipproto tcp sport {UPSTREAM_PORT} lookup 100"
PLACES = {"another machine": ("server", SERVER, f"rule add iif server {BY_PORT}"),
          "another machine, by nft": ("server", SERVER, "rule add fwmark 1 lookup 100"),
          "the same machine": ("front", LOOPBACK, f"rule add iif lo {BY_PORT}")}
NFT = """
table inet tlsfront {
    chain divert {
        type filter hook prerouting priority mangle; policy accept;
        iifname "server" meta l4proto tcp socket transparent 1 meta mark set 1
    }
}
"""


@pytest.fixture(scope="module", params=PLACES)
def place(request, spaces, version):
    """Where the upstream is. What it answers to the client's address must come back to tlsfront."""
    role, addresses, rule = PLACES[request.param]
    lines = [(f"-{version}", *line.split()) for line in (rule, TABLE)]
    for line in lines:
        spaces.ip("front", *line)
    if "fwmark" in rule:
        spaces.command("front", "nft", "-f", "-", text=NFT)
    address = addresses[version]
    upstream = spaces.run(role, lambda: Recording("pop3", where=(address, UPSTREAM_PORT)))
    yield upstream, address
    upstream.close()
    if "fwmark" in rule:
        spaces.command("front", "nft", "flush", "ruleset")
    for line in lines:
        spaces.ip("front", *(word.replace("add", "del") for word in line))


def bracketed(address):
    return f"[{address}]" if ":" in address else address


@pytest.fixture(scope="module")
def floor(fronts, run, pki, spaces, place, version):
    upstream, address = place
    ports = {mode: run.port() for mode in ALL_MODES}
    front = fronts.start(pki.mail.block(), *(
        route(mode, f"{bracketed(FRONT[version])}:{port}",
              f"{bracketed(address)}:{UPSTREAM_PORT}", protocol="pop3", tls=mode,
              hostname=HOSTNAME, source="transparent") for mode, port in ports.items()),
        wrapper=spaces.wrapper("front"))
    yield front, ports, upstream
    front.terminate()


def connect(spaces, floor, pki, mode, version):
    _, ports, _ = floor
    client = spaces.run("client", lambda: PlainClient(ports[mode], host=FRONT[version]))
    if mode == "implicit":
        return client.secure(tls.context(pki))
    client.read_until(b"\r\n")
    if mode == "optional":
        assert client.command(b"NOOP").startswith(b"+OK heard")
    assert client.command(b"STLS").startswith(b"+OK")
    return client.secure(tls.context(pki))


@pytest.mark.parametrize("mode", ALL_MODES)
def test_the_upstream_sees_the_clients_address(spaces, floor, pki, mode, version):
    _, _, upstream = floor
    upstream.forget()
    with connect(spaces, floor, pki, mode, version) as session:
        if mode == "implicit":
            session.read_until(b"ready\r\n")
        session.send(b"NOOP\r\n" * 10000)
        assert session.read_exactly(len(ANSWER) * 10000) == ANSWER * 10000
        ours = session.socket.getsockname()[1]
    assert {one.peer[0] for one in upstream.sessions} == {CLIENT[version]}
    assert len(upstream.sessions) == (2 if mode == "optional" else 1)
    assert ours not in {one.peer[1] for one in upstream.sessions}  # the port is another


def test_many_sessions_side_by_side(spaces, floor, pki, version):
    _, _, upstream = floor
    upstream.forget()
    sessions = [connect(spaces, floor, pki, "implicit", version) for _ in range(50)]
    for session in sessions:
        session.read_until(b"ready\r\n")
        session.send(b"NOOP\r\n")
    for session in sessions:
        session.read_until(b"heard\r\n")
        session.close()
    assert {one.peer[0] for one in upstream.sessions} == {CLIENT[version]}
    assert len({one.peer[1] for one in upstream.sessions}) == 50


def test_workers_keep_that_one_capability_only(floor):
    front, _, _ = floor
    for pid in front.workers():
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 1 << 13  # CAP_NET_RAW
        assert status["Uid"].split() != ["0"] * 4


def test_a_client_of_the_other_family_is_told(fronts, run, pki, spaces):
    """An IPv6 client cannot be impersonated to an IPv4 server."""
    port = run.port()
    front = fronts.start(
        pki.mail.block(), route("other", f"[{FRONT[6]}]:{port}", f"{SERVER[4]}:{UPSTREAM_PORT}",
                                protocol="pop3", source="transparent"),
        wrapper=spaces.wrapper("front"))
    client = spaces.run("client", lambda: PlainClient(port, host=FRONT[6]))
    with client.secure(tls.context(pki)) as session:
        assert session.read_all().startswith(b"-ERR [SYS/TEMP] ")
    failed = front.wait_for_log("upstream-failed")
    assert failed["upstream"] == f"{SERVER[4]}:{UPSTREAM_PORT}"
    assert "another family" in failed["why"]
    assert front.wait_for_log("end")["fault"] == "tlsfront"
    front.terminate()
