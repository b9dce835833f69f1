"""The sandboxes of all processes, as the kernel and the status see them. That it is in nobody's way is
what all other tests are for: each of them fails when a process makes a call that is forbidden."""

import ctypes
import os
import platform
import pwd
import re
import signal
import socket
from pathlib import Path

import pytest

from clients import tls
from harness.config import route
from harness.daemon import STATUS_CONFIG_WRONG
from harness.process import LIBC, command_of, status_field
from harness.wait import wait_until
from servers import toy

# The same number everywhere.
LANDLOCK_CREATE_RULESET, LANDLOCK_CREATE_RULESET_VERSION = 444, 1
HIGHEST_LANDLOCK = 6  # that tlsfront makes use of

# linux/capability.h
KEPT = {"CAP_DAC_OVERRIDE": 1, "CAP_DAC_READ_SEARCH": 2, "CAP_KILL": 5, "CAP_SETGID": 6,
        "CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13}


@pytest.fixture(scope="module", autouse=True)
def not_with_a_sanitizer(memory_factor):
    if memory_factor != 1:
        pytest.skip("a build with a sanitizer has no sandbox")


def landlock_of_the_kernel():
    return max(0, min(HIGHEST_LANDLOCK, LIBC.syscall(LANDLOCK_CREATE_RULESET, None, 0,
                                                     LANDLOCK_CREATE_RULESET_VERSION)))


def filtered(pid):
    return status_field(pid, "Seccomp") == ["2"]


def may_start_processes(pid):
    limits = Path(f"/proc/{pid}/limits").read_text()
    return re.search(r"^Max processes +0 +0 ", limits, re.MULTILINE) is None


@pytest.fixture
def serve(fronts, run, pki, toys):
    """Starts a daemon before an echo: (front, a function that has it serve somebody)."""
    def make(start=True, **options):
        port = run.port()
        front = (fronts.start if start else fronts.new)(
            pki.mail.block(), route("echo", port, toys(toy.echo).port), **options)

        def served():
            with tls.TlsClient(port, tls.context(pki)) as client:
                return tls.says(client)
        return front, served
    return make


def sandboxes(front, kind="workers"):
    return [one["sandbox"] for one in front.status()[kind]]


IN_FORCE = {"seccomp": True, "landlock": landlock_of_the_kernel()}
OFF = {"seccomp": False, "landlock": 0}


def test_each_worker_is_in_a_sandbox_and_the_status_tells(serve):
    front, served = serve()
    assert sandboxes(front) == [IN_FORCE] * 2 == sandboxes(front, "signers")
    for pid in front.workers() + front.processes("signer"):
        assert filtered(pid) and not may_start_processes(pid)
    text = front.command("status", "-c", front.file).stdout
    assert len(re.findall("^(?:worker|signer) .*, sandbox seccomp", text, re.MULTILINE)) == 4
    assert front.status()["sandbox"] == IN_FORCE and filtered(front.pid)
    assert re.search(rf"^supervisor: pid {front.pid}, sandbox seccomp", text, re.MULTILINE)
    assert served()
    assert (front.log("sandbox") == []) == (IN_FORCE["landlock"] > 0)


def test_the_successor_of_a_worker_has_one_too(serve):
    front, served = serve(workers=1)
    victim, = front.workers()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: front.workers() not in ([], [victim]) and sandboxes(front) == [IN_FORCE],
               "a new worker in its sandbox")
    assert filtered(*front.workers())
    assert served()


def test_without_one_all_serves_and_the_status_tells(serve):
    front, served = serve(sandbox="off")
    assert sandboxes(front) == [OFF] * 2 and front.status()["sandbox"] == OFF
    for pid in front.workers():
        assert not filtered(pid) and may_start_processes(pid)
    assert not filtered(front.pid)
    text = front.command("status", "-c", front.file).stdout
    assert len(re.findall("^worker .*, sandbox off$", text, re.MULTILINE)) == 2
    assert served()
    assert front.log("sandbox") == []


@pytest.mark.parametrize("before, after, stays", [("on", "off", IN_FORCE), ("off", "on", OFF)])
def test_a_change_waits_for_a_restart_and_the_reload_says_so(serve, before, after, stays):
    front, served = serve(sandbox=before)
    lines = front.file.read_text().splitlines(keepends=True)
    front.file.write_text("".join(line.replace(before, after) if line.startswith("sandbox") else line
                                  for line in lines))
    done = front.reload()
    assert done.returncode == 0, done.stderr
    assert "`sandbox` has changed" in done.stdout and "cure: restart the daemon" in done.stdout
    victim = front.workers()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(front.workers()) == 2 and victim not in front.workers(), "a new worker")
    wait_until(lambda: sandboxes(front) == [stays] * 2, "all workers to be what they were")
    assert served()


def test_logs_that_are_opened_later_are_written(serve, run):
    first, second = run.folder / "sandboxed-1.log", run.folder / "sandboxed-2.log"
    front, served = serve(log=first)
    first.rename(run.folder / "sandboxed-0.log")
    front.send(signal.SIGUSR1)
    wait_until(first.exists, "the log to be opened again")
    wait_until(lambda: served() and "event=end" in first.read_text(), "a worker's line in it")
    front.file.write_text(front.file.read_text().replace(str(first), str(second)))
    assert front.reload().returncode == 0
    wait_until(lambda: served() and "event=end" in second.read_text(), "a worker's line in it")


# ---- a kernel that refuses -----------------------------------------------------------------------

CALLS = {"x86_64": {"seccomp": 317, "prctl": 157}, "aarch64": {"seccomp": 277, "prctl": 167}}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
NUMBER, ARGUMENT = 0, 16  # in struct seccomp_data
ALLOW, ERRNO = 0x7fff0000, 0x00050000
EPERM, ENOSYS = 1, 38


def refuse(rules):
    """For this process and its children; `rules`: (call, its first argument or None, errno)."""
    program = []
    for call, argument, errno in rules:
        program += [(LOAD, 0, 0, NUMBER), (JUMP_IF_EQUAL, 0, 1 if argument is None else 3, call)]
        if argument is not None:
            program += [(LOAD, 0, 0, ARGUMENT), (JUMP_IF_EQUAL, 0, 1, argument)]
        program += [(RETURN, 0, 0, ERRNO | errno)]
    program += [(RETURN, 0, 0, ALLOW)]

    class Instruction(ctypes.Structure):
        _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8),
                    ("value", ctypes.c_uint32)]

    class Program(ctypes.Structure):
        _fields_ = [("size", ctypes.c_uint16), ("code", ctypes.c_void_p)]

    code = (Instruction * len(program))(*program)
    whole = Program(len(program), ctypes.addressof(code))
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
            LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(whole), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def no_landlock():
    refuse([(LANDLOCK_CREATE_RULESET, None, ENOSYS)])


def no_seccomp():
    calls = CALLS[platform.machine()]
    refuse([(calls["seccomp"], None, EPERM), (calls["prctl"], PR_SET_SECCOMP, EPERM)])


def neither():
    no_landlock()
    no_seccomp()


@pytest.mark.skipif(platform.machine() not in CALLS, reason="numbers of calls are not known")
@pytest.mark.parametrize("refusal, left, words", [
    (no_landlock, {"seccomp": True, "landlock": 0},
     "workers run without Landlock (Function not implemented)"),
    (no_seccomp, IN_FORCE | {"seccomp": False},
     "workers run without a system call filter (Operation not permitted)"),
    (neither, OFF, "workers run without Landlock (Function not implemented)"),
])
def test_what_the_kernel_refuses_is_told_once_and_service_goes_on(serve, refusal, left, words):
    front, served = serve(before_exec=refusal)
    assert sandboxes(front) == [left] * 2 == sandboxes(front, "signers")
    assert front.status()["sandbox"] == left
    assert served()
    for who in "workers run", "signers run", "the supervisor runs":
        line, = (one for one in front.log("sandbox", level="warn") if one["msg"].startswith(who))
        assert words.replace("workers run", who) in line["msg"] and "sandbox = off" in line["msg"]


def only_the_older_call():
    refuse([(CALLS[platform.machine()]["seccomp"], None, EPERM)])


@pytest.mark.skipif(platform.machine() not in CALLS, reason="numbers of calls are not known")
def test_a_unit_that_does_not_name_seccomp_has_it_all_the_same(serve):
    front, served = serve(before_exec=only_the_older_call)
    assert sandboxes(front) == [IN_FORCE] * 2
    assert served()


# ---- the supervisor ------------------------------------------------------------------------------

def test_the_supervisor_keeps_of_roots_capabilities_what_it_uses(serve):
    front, served = serve()
    kept = sum(1 << number for number in KEPT.values())
    for pid in (front.pid, *front.workers()):
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status_field(pid, kind)[0], 16) & ~kept == 0
        assert status_field(pid, "NoNewPrivs") == ["1"]
    assert int(status_field(front.pid, "CapEff")[0], 16) & 1 << KEPT["CAP_SETUID"]
    assert served()


def another(front, run, pki, toys, **options):
    """A configuration with a second route, whose files were not there before."""
    folder = run.make_folder(f"{front.folder.name}-later")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(pki.mail.chain.read_bytes())
    key.write_bytes(pki.mail.key.read_bytes())
    key.chmod(0o600)
    first = front.file.read_text()
    port = options.pop("port", None) or run.port()
    front.file.write_text(first + f'certificate later {{ chain = "{chain}"  key = "{key}" }}\n' +
                          route("later", port, toys(toy.echo).port, certificate=("later",), **options))
    return port


def privileged_port():
    """One below 1024 that nobody has."""
    for port in range(1023, 511, -1):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("every port below 1024 is taken")


def test_a_reload_reads_new_files_binds_new_ports_and_replaces_workers(serve, run, pki, toys):
    """All that the supervisor does later, from inside its sandbox."""
    front, _ = serve(watch="on")
    port = another(front, run, pki, toys, port=privileged_port())
    done = front.reload()
    assert done.returncode == 0, done.stdout + done.stderr
    victims = front.workers() + front.processes("signer")
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(front.workers() + front.processes("signer")) == 4 and
               not set(victims) & set(front.workers() + front.processes("signer")), "new processes")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
    assert front.log("watch-failed") == []


def test_a_daemon_that_was_not_started_as_root_is_in_one_too(serve, run, pki, toys):
    front, served = serve(start=False)
    nobody = pwd.getpwnam("nobody")
    for path in front.folder, pki.mail.key:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    front.before_exec = lambda: os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    try:
        front.start_unchecked()
        assert front.status()["sandbox"] == IN_FORCE
        assert all(filtered(pid) for pid in (front.pid, *front.workers()))
        assert served()
        assert front.reload().returncode == 0
        assert served()
    finally:
        os.chown(pki.mail.key, 0, 0)


needs_landlock = pytest.mark.skipif(IN_FORCE["landlock"] == 0, reason="a kernel without Landlock")


@needs_landlock
def test_a_log_elsewhere_needs_a_restart_and_the_reload_says_so(serve, run):
    front, served = serve()
    target = run.make_folder("log-elsewhere") / "tlsfront.log"
    before = front.file.read_text()
    front.file.write_text(f'log = "{target}"\n' + before)
    done = front.reload()
    assert done.returncode == STATUS_CONFIG_WRONG
    assert f"{front.file}:1: error: log file {target}" in done.stderr
    assert "cure: restart the daemon" in done.stderr
    assert not target.exists() and served()
    front.terminate()
    front.start()
    assert served()
    wait_until(lambda: "event=end" in target.read_text(), "the end line in the new file")


@needs_landlock
def test_a_socket_elsewhere_needs_a_restart_and_one_beside_does_not(serve, run, pki, toys):
    front, served = serve()
    before = front.file.read_text()
    for place, status in ((run.make_folder("socket-elsewhere"), STATUS_CONFIG_WRONG), (front.folder, 0)):
        front.file.write_text(before + route("local", f"unix:{place}/local.sock", toys(toy.echo).port))
        done = front.reload()
        assert done.returncode == status, done.stdout + done.stderr
        assert (place / "local.sock").is_socket() == (status == 0)
        assert ("cure: restart the daemon" in done.stderr) == (status != 0)
    assert served()


@needs_landlock
def test_a_log_directory_that_was_made_anew_is_told(serve, run):
    folder = run.make_folder("log-made-anew")
    front, served = serve(log=folder / "tlsfront.log")
    folder.rename(folder.with_suffix(".old"))
    folder.mkdir()
    front.send(signal.SIGUSR1)
    old = folder.with_suffix(".old") / "tlsfront.log"
    wait_until(lambda: "event=log-reopen" in old.read_text(), "the refusal in the log that there is")
    line = next(one for one in old.read_text().splitlines() if "event=log-reopen" in one)
    assert "level=error" in line and "Permission denied" in line and "restart" in line
    assert served()


def test_nothing_comes_along_into_the_supervisor(fronts, run, pki, toys):
    secret = os.memfd_create("secret", 0)
    front = fronts.new(pki.mail.block(), route("echo", run.port(), toys(toy.echo).port),
                       wrapper=("env", "SECRET=do-not-tell"),
                       before_exec=lambda: os.dup2(secret, 77, inheritable=True))
    front.start_unchecked()
    os.close(secret)
    environment = Path(f"/proc/{front.pid}/environ").read_bytes()
    assert b"SECRET" not in environment and b"PATH" not in environment
    links = [os.readlink(f"/proc/{front.pid}/fd/{number}")
             for number in os.listdir(f"/proc/{front.pid}/fd")]
    assert not any("secret" in link for link in links)
    assert "tlsfront run" in command_of(front.pid)
