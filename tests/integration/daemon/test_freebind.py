"""Addresses that are not there yet: a standby's, which keepalived brings later."""

import pytest

from clients import tls
from clients.plain import PlainClient
from harness.binary import own_binary
from harness.config import route
from servers import toy

VIRTUAL = {4: "198.18.1.100", 6: "fd00:1::100"}
BITS = {4: 32, 6: 128}


@pytest.fixture(params=[4, 6], ids=["inet", "inet6"])
def version(request):
    return request.param


@pytest.fixture
def virtual(spaces, version):
    """An address that comes and goes, as a socket's and as a configuration has it."""
    address = VIRTUAL[version]

    class Virtual:
        host, text, here = address, f"[{address}]" if version == 6 else address, False

        def come(self):
            spaces.ip("front", "addr", "add", f"{address}/{BITS[version]}", "dev", "client",
                      *(["nodad"] if version == 6 else []))
            self.here = True

        def go(self):
            spaces.ip("front", "addr", "del", f"{address}/{BITS[version]}", "dev", "client")
            self.here = False

    made = Virtual()
    yield made
    if made.here:
        made.go()


@pytest.fixture
def echo(spaces):
    made = spaces.run("front", lambda: toy.Toy(toy.echo))
    yield made.port
    made.close()


def serves(spaces, pki, virtual, port):
    plain = spaces.run("client", lambda: PlainClient(port, host=virtual.host))
    with plain.secure(tls.context(pki)) as client:
        return tls.says(client)


def assert_absent(text, virtual, port):
    assert f"cannot listen on {virtual.text}:{port}: Cannot assign requested address" in text
    assert "freebind = on" in text


def test_the_start_is_refused_and_the_cure_is_named(fronts, run, pki, spaces, virtual):
    port = run.port()
    front = fronts.new(pki.mail.block(), route("later", f"{virtual.text}:{port}", run.port()))
    process = run.start("absent", [*spaces.wrapper("front"), front.binary, "run", "-c", front.file],
                        log=front.folder / "absent.log")
    assert process.wait(60) == 1
    assert_absent((front.folder / "absent.log").read_text(), virtual, port)


def test_the_address_serves_as_soon_as_it_is_there(fronts, run, pki, spaces, virtual, echo):
    port = run.port()
    front = fronts.start(pki.mail.block(),
                         route("later", f"{virtual.text}:{port}", echo, freebind="on"),
                         wrapper=spaces.wrapper("front"))
    for _ in range(2):
        virtual.come()
        assert serves(spaces, pki, virtual, port)
        virtual.go()
        assert front.reload().returncode == 0
    front.terminate()


def test_a_reload_brings_it_and_wants_it_to_be_there(fronts, run, pki, spaces, virtual, echo):
    ports = [run.port(), run.port()]
    there = route("there", ports[0], echo)

    def later(**options):
        return route("later", f"{virtual.text}:{ports[1]}", echo, **options)

    front = fronts.start(pki.mail.block(), there, wrapper=spaces.wrapper("front"))
    front.write(pki.mail.block(), there, later())
    refused = front.reload()
    assert refused.returncode != 0
    assert_absent(refused.stderr, virtual, ports[1])
    front.write(pki.mail.block(), there, later(freebind="on"))
    assert front.reload().returncode == 0
    front.write(pki.mail.block(), there, later())
    refused = front.reload()  # it would not start so
    assert refused.returncode != 0
    assert_absent(refused.stderr, virtual, ports[1])
    virtual.come()
    assert serves(spaces, pki, virtual, ports[1])  # what was there before goes on
    assert front.reload().returncode == 0
    assert serves(spaces, pki, virtual, ports[1])
    front.terminate()


def test_an_upgrade_hands_it_over(run, binary, pki, spaces, virtual, echo, version):
    port = run.port()
    mine, fronts = own_binary(run, binary, f"freebind-{version}")
    front = fronts.start(pki.mail.block(),
                         route("later", f"{virtual.text}:{port}", echo, freebind="on"),
                         wrapper=spaces.wrapper("front"))
    done = mine.upgrade(front)
    assert done.returncode == 0, done.stderr
    virtual.come()
    assert serves(spaces, pki, virtual, port)
    front.terminate()


@pytest.mark.parametrize("listen", ['":{port}"', '"unix:{path}"'])
def test_it_is_told_that_everything_is_always_there(fronts, run, pki, listen):
    front = fronts.new(pki.mail.block())
    text = listen.format(port=run.port(), path=front.folder / "s").strip('"')
    front.write(pki.mail.block(), route("one", text, run.port(), freebind="on"))
    checked = front.check()
    assert checked.returncode == 0
    assert "freebind has no effect" in checked.stdout + checked.stderr
