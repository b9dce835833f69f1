"""Names of upstreams: asked by a process of their own, which has no privileges, and as they change."""

import os
import pwd
import signal

import pytest

from clients import tls
from harness import process
from harness.config import route
from harness.wait import wait_until
from servers import names, toy


@pytest.fixture
def start(fronts, run, pki, name_server):
    """Starts a daemon whose names are the test's: (front, its folder of /etc/hosts, ports)."""
    def begin(*upstreams, hosts="127.0.0.1 localhost\n", **options):
        folder = run.make_folder(f"names-{len(fronts.made)}")
        ports = [run.port() for _ in upstreams]
        front = fronts.start(
            pki.mail.block(),
            *(route(f"r{port}", port, upstream, protocol="pop3")
              for port, upstream in zip(ports, upstreams)),
            wrapper=names.machine(folder, name_server, hosts), **options)
        return front, folder, ports
    return begin


@pytest.fixture
def upstream(toys):
    return toys(toy.greeter(b"+OK by name\r\n")).port


def served(port, pki):
    with tls.TlsClient(port, tls.context(pki)) as client:
        return client.read_until(b"\r\n") == b"+OK by name\r\n"


def becomes_served(port, pki):
    wait_until(lambda: served(port, pki), "the name to lead somewhere", 30)


def the_resolver(front):
    pid, = front.processes("resolver")
    return pid


def holders(port):
    """The processes that hold the UDP socket of that port."""
    with open("/proc/net/udp", encoding="ascii") as table:
        inodes = {line.split()[9] for line in list(table)[1:]
                  if int(line.split()[1].split(":")[1], 16) == port}
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue  # it has ended
        if any(f"socket:[{inode}]" in links for inode in inodes):
            found.add(int(pid))
    return found


def test_the_resolver_asks_and_nobody_else(start, name_server, pki, upstream):
    seen = {}
    name_server.asked = lambda name, port: seen.setdefault(name, []).append(holders(port))
    name_server.names["mail.test"] = ["127.0.0.1"]
    front, _, (port,) = start(f"mail.test:{upstream}")
    assert served(port, pki)
    assert len(seen["mail.test"]) >= 1
    assert all(pids == {the_resolver(front)} for pids in seen["mail.test"])


def test_it_is_nobody_in_a_sandbox_and_the_status_tells(start, name_server, pki, upstream, memory_factor):
    name_server.names["mail.test"] = ["127.0.0.1"]
    front, _, (port,) = start(f"mail.test:{upstream}")
    pid = the_resolver(front)
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    assert process.status_field(pid, "Uid") == [nobody] * 4
    assert process.status_field(pid, "Groups") == []
    assert process.status_field(pid, "NoNewPrivs") == ["1"]
    assert all(int(process.status_field(pid, kind)[0], 16) == 0
               for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
    status = front.status()
    assert status["resolver"]["pid"] == pid
    assert status["resolver"]["restarts"] == 0
    if memory_factor == 1:  # a build with a sanitizer has no sandbox
        assert process.status_field(pid, "Seccomp") == ["2"]
        assert status["resolver"]["sandbox"] == status["workers"][0]["sandbox"]
        assert status["resolver"]["sandbox"]["seccomp"]
    text = front.command("status", "-c", front.file).stdout
    assert f"\nresolver: pid {pid}, 0 restarts, sandbox " in text
    assert served(port, pki)


def test_without_a_name_there_is_none_and_a_reload_may_bring_one(start, name_server, pki, upstream, run):
    name_server.names["mail.test"] = ["127.0.0.1"]
    front, _, (port,) = start(upstream)
    assert front.processes("resolver") == []
    assert "resolver" not in front.status()
    another = run.port()
    front.write(pki.mail.block(), route("first", port, upstream, protocol="pop3"),
                route("second", another, f"mail.test:{upstream}", protocol="pop3"))
    assert front.reload().returncode == 0
    assert served(another, pki)
    assert front.status()["resolver"]["pid"] == the_resolver(front)


def test_hundreds_of_names_without_an_address_keep_nobody_from_serving(start, pki, upstream, run):
    """What workers are told of them takes more than one message."""
    front, _, (port,) = start(upstream)
    front.write(pki.mail.block(), route("first", port, upstream, protocol="pop3"),
                *(route(f"nobody{i}", run.port(), [f"n{i}-{k}.test:1" for k in range(54)], protocol="pop3")
                  for i in range(4)))
    assert front.reload().returncode == 0
    assert served(port, pki)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1", "127.0.0.1"],
                                       ["127.0.0.9", "127.0.0.1", "::1"]])
def test_a_name_may_have_addresses_of_both_families(start, name_server, pki, upstream, addresses):
    """Of more than one, the first to try is found out by looking at the machine's own."""
    name_server.names["mail.test"] = addresses
    front, _, (port,) = start(f"mail.test:{upstream}")
    assert served(port, pki)
    assert front.log("resolve-failed") == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9"])
def test_a_name_that_leads_back_is_warned_about(start, pki, upstream, run, address):
    """By a start, and by a reload in its sandbox."""
    front, _, (port,) = start(upstream, hosts=f"127.0.0.1 localhost\n{address} mail.test\n")
    listen = f"0.0.0.0:{run.port()}" if address != "127.0.0.1" else f"127.0.0.1:{run.port()}"
    front.write(pki.mail.block(), route("first", port, upstream, protocol="pop3"),
                route("back", listen, f"mail.test:{listen.split(':')[1]}", protocol="pop3"))
    done = front.reload()
    assert done.returncode == 0, done.stderr
    assert "warning: route back: upstream \"mail.test:" in done.stdout
    assert "leads back here" in done.stdout and "where route back listens" in done.stdout
    assert "cure: name the server's own address and port" in done.stdout


def test_the_machines_own_table_counts(start, pki, upstream):
    _, _, ports = start(f"mail.test:{upstream}", f"localhost:{upstream}",
                        hosts="127.0.0.1 localhost\n127.0.0.1 mail.test\n")
    assert all(served(port, pki) for port in ports)


def test_a_name_that_fails_is_asked_about_again(start, name_server, pki, upstream):
    front, folder, ports = start(f"mail.test:{upstream}", f"other.test:{upstream}")
    for name in ("mail.test", "other.test"):
        assert front.log("resolve-failed", msg=f"upstream {name}: Name or service not known")
    assert not served(ports[0], pki)
    name_server.names["mail.test"] = ["127.0.0.1"]
    with (folder / "hosts").open("a", encoding="ascii") as table:
        table.write("127.0.0.1 other.test\n")
    for port in ports:
        becomes_served(port, pki)


def test_names_whose_servers_are_dead_keep_the_others_not_waiting(start, name_server, pki, upstream):
    dead = [f"dead{n}.test:{upstream}" for n in range(20)]
    for name in dead:
        name_server.names[name.partition(":")[0]] = name_server.SILENT
    name_server.names["mail.test"] = ["127.0.0.1"]
    front, _, ports = start(*dead, f"mail.test:{upstream}")
    assert served(ports[-1], pki)
    assert front.log("resolve-failed") == []  # the dead ones have not even failed yet
    assert front.status()["resolver"]["restarts"] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_one_that_dies_is_back_and_answers(start, name_server, pki, upstream, number):
    name_server.names["late.test"] = name_server.SILENT
    name_server.names["mail.test"] = ["127.0.0.1"]
    front, _, ports = start(f"mail.test:{upstream}", f"late.test:{upstream}")
    before = the_resolver(front)
    name_server.names["late.test"] = ["127.0.0.1"]
    os.kill(before, number)
    becomes_served(ports[1], pki)  # what it was asked its successor is asked
    assert served(ports[0], pki)
    assert the_resolver(front) != before
    assert front.status()["resolver"]["restarts"] == 1
    assert f"(pid {before}) was killed by signal {number}" in front.wait_for_log("resolver-died")["msg"]


def test_it_ends_with_the_supervisor(start, name_server, upstream):
    name_server.names["mail.test"] = name_server.SILENT
    front, _, _ = start(f"mail.test:{upstream}")
    pid = the_resolver(front)
    front.finished = True
    front.send(signal.SIGKILL)
    wait_until(lambda: not process.running(pid), "the resolver to end")
