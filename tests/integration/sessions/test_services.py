"""Upstreams that are a service's name (SRV, RFC 2782): priorities, weights, and as they change."""

import collections
import os
import time

import pytest

from clients import tls
from harness.binary import own_binary
from harness.config import route
from harness.wait import wait_until
from servers import common, names, toy

SERVICE = "_pop3._tcp.example.test"


@pytest.fixture
def pops(toys):
    """Servers by name."""
    return {name: toys(toy.greeter(b"+OK " + name.encode() + b"\r\n")) for name in ("one", "two")}


@pytest.fixture
def serve(fronts, run, pki, name_server):
    """Start, and give a function that connects and tells who greets."""
    def start(*, machine=None, **options):
        port = run.port()
        folder = run.make_folder(f"services-{len(fronts.made)}")
        front = fronts.start(pki.mail.block(),
                             route("srv", port, f"srv:{SERVICE}", protocol="pop3", **options),
                             wrapper=machine or names.machine(folder, name_server))

        def greeting():
            with tls.TlsClient(port, tls.context(pki)) as client:
                return client.read_until(b"\r\n").split()[1].decode()

        return front, greeting
    return start


def both(pops, one, two, **options):
    """Their records, by (priority, weight)."""
    return [names.service(*one, pops["one"].port, "one.example.test", **options),
            names.service(*two, pops["two"].port, "two.example.test", **options)]


def addresses(name_server):
    name_server.names |= {f"{name}.example.test": ["127.0.0.1"] for name in ("one", "two")}


def test_the_first_priority_serves_and_the_next_stands_by(serve, name_server, pops):
    addresses(name_server)
    name_server.names[SERVICE] = both(pops, (20, 0), (10, 0))
    _, greeting = serve()
    assert [greeting() for _ in range(4)] == ["two"] * 4
    pops["two"].close()
    assert greeting() == "one"


@pytest.mark.parametrize("balance", ["first", "rotate"])
def test_weights_share_the_sessions(serve, name_server, pops, balance):
    addresses(name_server)
    name_server.names[SERVICE] = both(pops, (1, 1), (1, 4))
    _, greeting = serve(balance=balance)
    seen = collections.Counter(greeting() for _ in range(60))
    assert 0 < seen["one"] < seen["two"]


def test_priorities_come_before_the_balance(serve, name_server, pops):
    addresses(name_server)
    name_server.names[SERVICE] = both(pops, (1, 1), (2, 1))
    _, greeting = serve(balance="least")
    assert [greeting() for _ in range(4)] == ["one"] * 4


def test_a_change_is_seen_when_the_time_is_out(serve, name_server, pops):
    addresses(name_server)
    one, two = both(pops, (1, 1), (1, 1))
    name_server.names[SERVICE] = [one]
    _, greeting = serve()
    assert greeting() == "one"
    name_server.names[SERVICE] = [two]
    wait_until(lambda: greeting() == "two" or time.sleep(0.1), "the other to serve", 30)


def test_a_domain_may_say_that_it_has_none(serve, name_server, pops):
    addresses(name_server)
    name_server.names[SERVICE] = [names.service(0, 0, 0, ".")]
    front, greeting = serve()
    assert "no such service" in front.wait_for_log("resolve-failed")["msg"]
    assert greeting() == "[SYS/TEMP]"
    name_server.names[SERVICE] = both(pops, (1, 0), (2, 0))
    wait_until(lambda: greeting() == "one" or time.sleep(0.1), "service", 30)
    name_server.names[SERVICE] = [names.service(0, 0, 0, ".")]  # what was known is out of date
    wait_until(lambda: greeting() == "[SYS/TEMP]" or time.sleep(0.1), "no service", 30)


def test_a_name_server_that_fails_changes_nothing(serve, name_server, pops):
    addresses(name_server)
    name_server.names[SERVICE] = both(pops, (1, 0), (2, 0))
    front, greeting = serve()
    assert greeting() == "one"
    del name_server.names[SERVICE]
    front.wait_for_log("resolve-failed")
    assert greeting() == "one"


def test_its_servers_are_visited(serve, name_server, pops):
    addresses(name_server)
    name_server.names[SERVICE] = both(pops, (1, 0), (2, 0), ttl=60)
    front, greeting = serve(health_check="2s")
    assert greeting() == "one"
    pops["one"].close()
    front.wait_for_log("upstream-down")
    assert greeting() == "two"
    assert [one["state"] for one in front.route_status("srv")["upstreams"]] == ["up"]


def test_an_upgrade_asks_anew(run, binary, pki, name_server, pops):
    addresses(name_server)
    name_server.names[SERVICE] = both(pops, (1, 0), (2, 0), ttl=60)
    mine, fronts = own_binary(run, binary, "services-upgrade")
    folder, port = run.make_folder("services-upgrade-names"), run.port()
    front = fronts.start(pki.mail.block(), route("srv", port, f"srv:{SERVICE}", protocol="pop3"),
                         wrapper=names.machine(folder, name_server))
    name_server.names[SERVICE] = both(pops, (2, 0), (1, 0), ttl=60)
    done = mine.upgrade(front)
    assert done.returncode == 0, done.stderr
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert client.read_until(b"\r\n") == b"+OK two\r\n"
    front.terminate()


def test_a_real_name_server_is_understood(serve, run, pops, fronts):
    """dnsmasq, on an address of our own."""
    program = common.program("dnsmasq", "dnsmasq-base", "/usr/sbin")

    class Address:
        address = f"127.54.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"

    run.start("dnsmasq", [
        program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
        f"--listen-address={Address.address}", "--port=53", "--user=root", "--pid-file=", "--except-interface=none",
        f"--srv-host={SERVICE},one.example.test,{pops['one'].port},10,5",
        f"--srv-host={SERVICE},two.example.test,{pops['two'].port},20,5",
        "--address=/one.example.test/127.0.0.1", "--address=/two.example.test/127.0.0.1"])
    folder = run.make_folder("services-dnsmasq")
    _, greeting = serve(machine=names.machine(folder, Address))
    wait_until(lambda: greeting() == "one" or time.sleep(0.1), "the name to lead somewhere", 30)
    pops["one"].close()
    assert greeting() == "two"


@pytest.mark.parametrize("wrong", ["srv:example.test", "srv:_pop3.example.test", "srv:_pop3._tcp", "srv:",
                                   "srv:_pop3._tcp.example.test:110"])
def test_what_is_no_service_is_refused(fronts, run, pki, wrong):
    front = fronts.new(pki.mail.block(), route("srv", run.port(), wrong, protocol="pop3"))
    checked = front.check()
    assert checked.returncode == 78
    assert "is not the name of a service" in checked.stdout + checked.stderr
