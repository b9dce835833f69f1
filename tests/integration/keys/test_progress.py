"""What takes long is told at a terminal, and nowhere else."""

import fcntl
import os

import pytest

from harness.config import route
from harness.keys import KeyManager
from harness.pki import openssl
from harness.terminal import Terminal

SLOW = '#!/bin/sh\nsleep 3\nPATH=${PATH#*:} exec openssl "$@"\n'


@pytest.fixture
def slow(fronts, run, pki):
    """A key manager whose openssl takes its time, a file for it, and that one's passphrase."""
    manager = KeyManager(fronts.new("certificate mail { }\n", route("echo", run.port(), run.port())), pki)
    tools = manager.front.folder / "tools"
    tools.mkdir()
    (tools / "openssl").write_text(SLOW)
    (tools / "openssl").chmod(0o755)
    file, passphrase = manager.answers / "mail.pfx", manager.answers / "passphrase"
    openssl("pkcs12", "-export", "-inkey", pki.mail.key, "-in", pki.mail.leaf, "-certfile",
            pki.intermediate.certificate, "-passout", "pass:x", "-out", file)
    passphrase.write_text("x\n")
    arguments = ("key", "import", "mail", file, "--passphrase-file", passphrase, "-c", manager.front.file)
    return manager, arguments, f"{tools}:{os.environ['PATH']}"


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_a_terminal_is_told_what_takes_long_and_keeps_nothing_of_it(slow, kind):
    manager, arguments, path = slow
    terminal = Terminal([manager.front.binary, *arguments], kind=kind, PATH=path)
    try:
        terminal.wait_for(b"\ropenssl reads the file... 1 s", b"\ropenssl reads the file... 2 s")
        rest = terminal.finish()
        assert terminal.process.returncode == 0, rest
    finally:
        terminal.close()
    cleared = rest.rfind(b"... ")
    assert b"\r" + b" " * 20 in rest[cleared:], "the line has to be wiped"
    assert b"imported" in rest[cleared:]
    assert b"\x1b" not in rest


def test_a_pipe_is_told_the_outcome_alone(slow):
    manager, arguments, path = slow
    done = manager.key(*arguments[1:-2], wrapper=("env", f"PATH={path}"))
    assert done.returncode == 0, done.stderr
    assert "..." not in done.stdout + done.stderr and "\r" not in done.stdout + done.stderr


def test_who_waits_for_another_key_command_is_told_so(fronts, run, pki):
    manager = KeyManager(fronts.new("certificate mail { }\n", route("echo", run.port(), run.port())), pki)
    manager.done("new", "mail", "--host", "mail.example.test")
    lock = os.open(manager.state / ".lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    terminal = Terminal([manager.front.binary, "key", "remove", "mail", "-c", manager.front.file])
    try:
        terminal.wait_for(b"\rwaiting for another `tlsfront key`... 1 s")
        os.close(lock)
        rest = terminal.finish()
        assert b"is in use" in rest and terminal.process.returncode == 1, rest
    finally:
        terminal.close()
