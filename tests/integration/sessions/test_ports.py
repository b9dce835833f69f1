"""All ports towards an upstream are taken: that is not the upstream's doing."""

import contextlib
from pathlib import Path

import pytest

from clients import tls
from clients.plain import PlainClient
from harness.config import route
from servers import toy

PORTS = 8
FIRST, SECOND = 7, 9  # the upstreams' ports, in a namespace of our own
FAMILIES = {"inet": ("198.18.1.1", "198.18.2.2"), "inet6": ("[fd00:1::1]", "[fd00:2::2]")}


@pytest.fixture
def few_ports(spaces):
    before = spaces.run("front", Path("/proc/sys/net/ipv4/ip_local_port_range").read_text)
    spaces.command("front", "sysctl", "-q", f"net.ipv4.ip_local_port_range=40000 {40000 + PORTS - 1}")
    yield
    spaces.command("front", "sysctl", "-q", f"net.ipv4.ip_local_port_range={before}")


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES)
def family(request):
    return request.param


@pytest.fixture
def serve(spaces):
    made = []

    def at(host, port, handler):
        made.append(spaces.run("server", lambda: toy.Toy(handler, (host.strip("[]"), port))))
        return made[-1]

    yield at
    for upstream in made:
        upstream.close()


def test_the_server_is_not_blamed_and_another_serves_meanwhile(fronts, run, pki, spaces, few_ports,
                                                               family, serve):
    host, server = family
    alone, pair = run.port(), run.port()
    for port, name in ((FIRST, b"first"), (SECOND, b"second")):
        serve(server, port, toy.greeter(b"+OK " + name + b"\r\n"))
    front = fronts.start(
        pki.mail.block(),
        route("alone", f"{host}:{alone}", f"{server}:{FIRST}", protocol="pop3"),
        route("pair", f"{host}:{pair}", (f"{server}:{FIRST}", f"{server}:{SECOND}"), protocol="pop3"),
        wrapper=spaces.wrapper("front"))

    with contextlib.ExitStack() as stack:
        def greeting(port):
            plain = spaces.run("client", lambda: PlainClient(port, host=host.strip("[]")))
            return stack.enter_context(plain.secure(tls.context(pki))).read_until(b"\r\n")

        assert [greeting(alone) for _ in range(PORTS)] == [b"+OK first\r\n"] * PORTS
        assert greeting(alone).startswith(b"-ERR")
        assert greeting(pair) == b"+OK second\r\n"
    front.wait_for_log("end", route="alone", fault="tlsfront",
                       end="refused: no source to dial the upstream from")
    why = {line["why"] for line in front.log("upstream-failed")}
    assert why == {"no port is left to connect from: net.ipv4.ip_local_port_range"}
    front.terminate()
