"""The command line: help, version, exit statuses, status, and the daemon that is not there."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

from clients import tls
from clients.observer import fetch
from harness.config import route, server_name
from harness.daemon import STATUS_CONFIG_WRONG
from servers import toy

COMMANDS = ("run", "check", "reload", "drain", "status")


def tlsfront(binary, *arguments):
    return subprocess.run([binary, *arguments], capture_output=True, text=True, check=False,
                          timeout=30)


def test_version_names_all_that_matters(binary):
    done = tlsfront(binary, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("tlsfront ")
    assert "mbedTLS 3.6" in done.stdout and "libuv 1." in done.stdout


def test_help_lists_every_command(binary):
    done = tlsfront(binary, "--help")
    assert done.returncode == 0
    assert all(f"tlsfront {command}" in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(binary, command):
    done = tlsfront(binary, command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: tlsfront {command}")


@pytest.mark.parametrize("arguments, why", [
    ((), "COMMAND is missing"), (("key",), "COMMAND is missing"),
    (("nonsense",), 'no command "nonsense"'), (("run", "--nonsense"), "unrecognized option"),
    (("check", "-c"), "requires an argument"), (("check", "surplus"), '"surplus" is one argument'),
    (("reload", "--json"), "reload knows no --json"), (("status", "-x"), "invalid option"),
    (("status", "--json", "--ready"), "--ready cannot be had together")])
def test_wrong_usage_is_status_2_with_the_reason_before_the_usage(binary, arguments, why):
    done = tlsfront(binary, *arguments)
    assert done.returncode == 2
    reason, _, usage = done.stderr.partition("\n")
    assert why in reason
    assert "tlsfront" in usage
    assert done.stdout == ""


@pytest.mark.parametrize("arguments, meant", [
    (("statsu",), "tlsfront status"), (("relaod",), "tlsfront reload"), (("kye",), "tlsfront key"),
    (("key", "instal"), "tlsfront key install"), (("key", "rolback"), "tlsfront key rollback"),
    (("status", "--jsno"), "--json"), (("status", "--raedy"), "--ready"), (("run", "--confg", "x"), "--config"),
    (("key", "new", "--hots", "x"), "--host"), (("key", "install", "--comit"), "--commit")])
def test_what_was_mistyped_is_guessed(binary, arguments, meant):
    done = tlsfront(binary, *arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[1] == f"    cure: did you mean {meant}?"


@pytest.mark.parametrize("arguments", [
    ("nonsense",), ("x",), ("key", "nonsense"), ("run", "--nonsense"), ("run", "--jsno"),
    ("reload", "--raedy"), ("key", "list", "--comit"), ("status", "-x")])
def test_what_is_close_to_nothing_is_not_guessed(binary, arguments):
    done = tlsfront(binary, *arguments)
    assert done.returncode == 2
    assert "did you mean" not in done.stderr


@pytest.mark.parametrize("command", ["reload", "status"])
def test_without_a_daemon_it_says_so_and_fails(binary, run, command):
    file = run.folder / f"no-daemon-{command}.conf"
    file.write_text(f'control = "{run.folder}/no-daemon.sock"\n')
    done = tlsfront(binary, command, "-c", file)
    assert done.returncode == 1
    assert "no-daemon.sock" in done.stderr
    assert "cure:" in done.stderr


@pytest.mark.parametrize("command", [*COMMANDS, "upgrade"])
def test_a_missing_file_is_status_78(binary, command):
    """For those that ask a daemon, too: the default one is not meant."""
    done = tlsfront(binary, command, "-c", "/no/such/file.conf")
    assert done.returncode == STATUS_CONFIG_WRONG
    assert "/no/such/file.conf" in done.stderr


@pytest.mark.parametrize("command", ["drain", "upgrade", "reload", "status"])
@pytest.mark.parametrize("text", ['control = ""', "control : /run/x", "contol = /run/x",
                                  'include("/no/such/file.conf")'])
def test_a_file_that_hides_its_control_socket_names_no_daemon(binary, run, command, text):
    file = run.folder / "hidden.conf"
    file.write_text(text + "\n")
    done = tlsfront(binary, command, "-c", file)
    assert done.returncode == STATUS_CONFIG_WRONG
    assert f"{file}:1: error: " in done.stderr and "cure:" in done.stderr
    assert f"{file} does not tell which daemon is meant" in done.stderr


def test_run_refuses_what_check_refuses(fronts, binary, pki, run):
    front = fronts.new(pki.mail.block(), route("x", run.port(), run.port(), nonsense="1"))
    done = front.command("run", "-c", front.file)
    assert done.returncode == STATUS_CONFIG_WRONG
    assert "nonsense" in done.stderr


def test_a_second_daemon_with_the_same_control_socket_is_refused(fronts, run, pki, toys):
    upstream = toys(toy.echo).port
    first = fronts.start(pki.mail.block(), route("one", run.port(), upstream))
    second = fronts.new(pki.mail.block(), route("two", run.port(), upstream),
                        control=first.folder / "control.sock")
    done = second.command("run", "-c", second.file)
    assert done.returncode == 1
    assert "control.sock" in done.stderr
    assert re.search(rf"another tlsfront runs since \d{{4}}-\d\d-\d\dT\S+Z with {re.escape(str(first.file))}: "
                     rf"process {first.pid} listens on the control socket ", done.stderr)
    assert "cure:" in done.stderr
    assert first.status()["state"] == "running"


def test_a_second_start_of_a_daemon_names_the_first_and_not_its_addresses(fronts, run, pki, toys):
    first = fronts.start(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    done = first.command("run", "-c", first.file)
    assert done.returncode == 1
    assert f"process {first.pid} " in done.stderr
    assert "in use" not in done.stderr
    assert first.status()["state"] == "running"


def test_a_daemon_that_is_stuck_is_named_all_the_same(fronts, run, pki, toys):
    first = fronts.start(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    os.kill(first.pid, signal.SIGSTOP)
    done = first.command("run", "-c", first.file)
    os.kill(first.pid, signal.SIGCONT)
    assert done.returncode == 1
    assert f"another tlsfront runs: process {first.pid} " in done.stderr


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_in_the_way_of_the_control_socket_is_named(fronts, run, pki, toys, kind):
    """And nothing has told anybody by then that the daemon serves."""
    front = fronts.new(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    path = front.folder / "control.sock"
    {"folder": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to("nowhere")}[kind]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(front.folder / "notify"))
        manager.setblocking(False)
        done = subprocess.run([front.binary, "run", "-c", front.file], text=True, check=False,
                              env={"NOTIFY_SOCKET": str(front.folder / "notify")}, timeout=30,
                              capture_output=True)
        with pytest.raises(BlockingIOError):
            manager.recv(1000)
    assert done.returncode == STATUS_CONFIG_WRONG
    assert str(path) in done.stderr and "cure:" in done.stderr
    assert "another tlsfront" not in done.stderr
    assert "event=started" not in done.stderr
    assert path.is_symlink() or path.exists()


def test_ready_is_told_when_all_of_it_stands(fronts, run, pki, toys):
    front = fronts.new(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(front.folder / "notify"))
        manager.settimeout(30)
        front.wrapper = ("env", f"NOTIFY_SOCKET={front.folder / 'notify'}")
        front.start_unchecked()
        assert manager.recv(1000).startswith(b"READY=1")
    assert front.status()["state"] == "running"
    assert front.log("started")


def test_the_sockets_of_another_daemon_are_not_removed(fronts, run, pki, toys):
    """Ours were removed by hand, and the other one has bound their paths since."""
    upstream = toys(toy.echo).port
    listen = run.folder / "both.sock"
    first = fronts.start(pki.mail.block(), route("one", f"unix:{listen}", upstream))
    control = first.folder / "control.sock"
    listen.unlink()
    control.unlink()
    second = fronts.start(pki.mail.block(), route("one", f"unix:{listen}", upstream),
                          control=control)
    first.terminate()
    assert listen.exists() and control.exists()
    assert second.status()["state"] == "running"
    second.terminate()
    assert not listen.exists() and not control.exists()


def test_an_address_in_use_is_told_with_its_cure(fronts, run, pki, toys):
    upstream = toys(toy.echo).port
    front = fronts.new(pki.mail.block(), route("taken", upstream, run.port()))
    done = front.command("run", "-c", front.file)
    assert done.returncode == 1
    assert f"127.0.0.1:{upstream}" in done.stderr
    assert "cure:" in done.stderr


def test_the_control_socket_is_for_the_owner_alone(fronts, run, pki, toys):
    front = fronts.start(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    mode = os.stat(front.folder / "control.sock").st_mode & 0o777
    assert mode & 0o077 == 0


def test_status_tells_about_routes_certificates_connections_and_workers(fronts, run, pki, toys):
    port, upstream = run.port(), toys(toy.echo).port
    front = fronts.start(pki.mail.block(), route("echo", port, upstream), workers=2)
    with tls.TlsClient(port, tls.context(pki, "1.3")) as client:
        client.send(b"12345")
        client.read_exactly(5)
        status = front.status()
        one, = status["routes"]
        assert (one["name"], one["protocol"], one["tls"]) == ("echo", "tcp", "implicit")
        assert one["listen"] == [f"127.0.0.1:{port}"]
        assert one["upstream"] == [f"127.0.0.1:{upstream}"]
        assert one["connections"]["active"] == 1
        assert one["connections"]["accepted"] == 1
        assert one["handshakes"]["completed"] == one["handshakes"]["tls1.3"] == 1
        assert (one["bytes_in"], one["bytes_out"]) == (5, 5)
        certificate, = status["certificates"]
        assert certificate["serial"] == pki.mail.serial()
        assert "mail.example.test" in certificate["names"]
        assert certificate["routes"] == ["echo"]
        assert 85 <= certificate["days_left"] <= 90
        assert status["generation"] == 1
        assert sorted(w["pid"] for w in status["workers"]) == front.workers()
        text = front.command("status", "-c", front.file)
        assert text.returncode == 0
        assert all(word in text.stdout for word in ("echo", "mail.example.test", "generation 1"))


def test_callers_that_say_nonsense_do_not_disturb_the_control_socket(fronts, run, pki, toys):
    front = fronts.start(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    for text in (b"", b"\n", b"x" * 100000, b"\0\xff\n", b"status", b"reload now\n"):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(front.folder / "control.sock"))
            try:
                caller.sendall(text)
            except BrokenPipeError:
                pass
    assert front.status()["generation"] == 1


def test_a_status_that_is_too_long_is_none(fronts, run, pki):
    """Nothing is better than a part that looks like the whole."""
    at, port = run.port(), run.port()
    upstreams = [f"unix:/run/{number:090}" for number in range(64)]
    front = fronts.new(pki.mail.block(), route(
        "r", port, upstreams, names=[server_name(f"n{number}.example.test", max_connections=1)
                                     for number in range(2400)]), observe=[f"127.0.0.1:{at}"])
    front.serves = lambda: front.command("status", "-c", front.file, "--ready").returncode == 0
    front.start()
    done = front.command("status", "-c", front.file, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "longer than 32 MiB" in done.stderr
    status, _, text = fetch(at, "/status.json")
    assert status == 503 and "too long" in text


def test_status_json_is_one_json_object(fronts, run, pki, toys):
    front = fronts.start(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    done = front.command("status", "-c", front.file, "--json")
    assert isinstance(json.loads(done.stdout), dict)
