"""Every key of every block with every odd value, by every way that a configuration comes in: a finding
with place and cure, or it works; never a death, and nothing on a terminal that is no text."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from clients import tls
from harness.daemon import STATUS_CONFIG_WRONG
from servers import toy

SCHEMA = Path(__file__).parent.parent.parent / "config" / "schema.c"
NOBODY = 65534

ODD = {
    "empty": b'""', "nothing": b"{}", "empties": b'{"", ""}', "blank": b'" "',
    "list": b'{"a", "b"}', "number": b"4711", "negative": b"-1", "zero": b"0",
    "overflow": b"99999999999999999999", "fraction": b"1.5", "huge": b'"' + b"a" * 70000 + b'"',
    "many": b"{" + b", ".join(b"x%d" % i for i in range(300)) + b"}",
    "control": b'"a\x01\x1b[31mb"', "newline": b'"a\nb"', "nul": b'"a\x00b"', "escape": b'"a\\x1bb"',
    "latin": b'"\xe4\xff\xfe"', "utf-8": '"\N{SNOWMAN}"'.encode(), "percent": b'"%s%n%99999d"',
    "variable": b'"${HOME}"', "quote": b"'a\"b'", "folder": b'"/"', "here": b'"."',
    "device": b'"/dev/zero"', "nowhere": b'"/no/such/place"', "long path": b'"/' + b"x/" * 3000 + b'"',
    "root": b"root", "all": b'"*"', "addresses": b'"::"', "on": b"on", "block": b"{ a = b }",
}


def keys():
    """(block, key) for all of them, as config/schema.c has them."""
    text = SCHEMA.read_text()
    for scope, rows in re.findall(r"^static const struct key (\w+)_keys\[\] = \{\n(.*?)^\};", text,
                                  re.MULTILINE | re.DOTALL):
        for name in re.findall(r'^    \{"([a-z0-9-]+)"', rows, re.MULTILINE):
            yield scope, name


KEYS = list(keys())


def test_the_schema_is_understood_by_this_test():
    assert {scope for scope, _ in KEYS} == {"global", "certificate", "route"}
    assert ("global", "user") in KEYS and ("route", "listen") in KEYS and len(KEYS) > 40


def as_root():
    pass


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


class Base:
    """A good configuration, and the same with one value exchanged; of root or of somebody else."""

    def __init__(self, run, pki, upstream, become):
        self.become, self.port = become, run.port()
        self.folder = run.make_folder(f"odd-values-{become.__name__}")
        self.file, self.where = self.folder / "tlsfront.conf", self.folder / "where.conf"
        chain, key = self.folder / "chain.pem", self.folder / "key.pem"
        shutil.copy(pki.mail.chain, chain)
        shutil.copy(pki.mail.key, key)
        if become is as_nobody:
            for path in (self.folder, key):
                os.chown(path, NOBODY, NOBODY)
        control = b'"%s"' % bytes(self.folder / "control.sock")
        self.where.write_bytes(b"control = %s\n" % control)
        self.blocks = {
            "global": {"user": b"nobody", "control": control,
                       "state": b'"%s"' % bytes(self.folder / "state")},
            "certificate": {"chain": b'"%s"' % bytes(chain), "key": b'"%s"' % bytes(key)},
            "route": {"listen": b'"127.0.0.1:%d"' % self.port, "protocol": b"tcp",
                      "certificate": b"mail", "upstream": b'"127.0.0.1:%d"' % upstream}}

    def write(self, scope=None, key=None, value=None):
        blocks = {name: dict(block) for name, block in self.blocks.items()}
        if key == "challenges":
            blocks["route"] = {"listen": blocks["route"]["listen"], "protocol": b"acme"}
        if scope:
            blocks[scope][key] = value

        def body(name):
            return b"".join(b"%s = %s\n" % (k.encode(), v) for k, v in blocks[name].items())
        self.file.write_bytes(body("global") + b"certificate mail {\n" + body("certificate") +
                              b"}\nroute r {\n" + body("route") + b"}\n")

    def command(self, binary, command, file=None):
        return subprocess.run([binary, command, "-c", file or self.file], capture_output=True,
                              timeout=60, check=False, preexec_fn=self.become)


@pytest.fixture(scope="module", params=[as_root, as_nobody], ids=["root", "nobody"])
def base(run, pki, module_toys, request):
    return Base(run, pki, module_toys(toy.echo).port, request.param)


def assert_text(done, what):
    """Fit for a terminal."""
    output = done.stdout + done.stderr
    assert re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", output) is None, f"{what}: {output!r}"
    output.decode("utf-8")


def assert_told(base, done, what):
    """Refused with a cause and a cure for each finding, and the place of at least one."""
    assert done.returncode == STATUS_CONFIG_WRONG, f"{what}: {done}"
    assert_text(done, what)
    found = re.findall(rb"^(.*?): error: (.*)\n(    cure: .*)?", done.stderr, re.MULTILINE)
    assert found and all(cause and cure for _, cause, cure in found), f"{what}: {done.stderr!r}"
    assert any(place.startswith(bytes(base.file) + b":") for place, _, _ in found), f"{what}: {found}"


@pytest.mark.parametrize("scope, key", KEYS, ids=[f"{scope}.{key}" for scope, key in KEYS])
def test_what_is_odd_is_told_or_works(binary, base, scope, key):
    for name, value in ODD.items():
        base.write(scope, key, value)
        done = base.command(binary, "check")
        assert_text(done, f"{key} = {name}")
        if done.returncode != 0:
            assert_told(base, done, f"check {key} = {name}")
            assert_told(base, base.command(binary, "run"), f"run {key} = {name}")


@pytest.fixture(scope="module")
def front(fronts, base):
    """A daemon that is told odd things."""
    this = fronts.new(before_exec=base.become)
    this.file = base.file
    base.write()
    return this.start()


@pytest.mark.parametrize("scope, key", KEYS, ids=[f"{scope}.{key}" for scope, key in KEYS])
def test_a_running_daemon_lives_through_what_is_odd(front, base, pki, scope, key):
    """Told by the command and by the signal; its sessions go on, and newcomers are served."""
    base.write()
    assert front.reload().returncode == 0
    with tls.TlsClient(base.port, tls.context(pki)) as session:
        for name, value in ODD.items():
            base.write(scope, key, value)
            done = base.command(front.binary, "reload", base.where)
            assert_text(done, f"{key} = {name}")
            assert done.returncode in (0, 1, STATUS_CONFIG_WRONG), f"{key} = {name}: {done}"
            front.send(signal.SIGHUP)
        session.send(b"still here")
        assert session.read_exactly(10) == b"still here"
    base.write()
    done = front.reload()
    assert done.returncode == 0, done.stderr
    with tls.TlsClient(base.port, tls.context(pki)) as client:
        client.send(b"newcomer")
        assert client.read_exactly(8) == b"newcomer"
