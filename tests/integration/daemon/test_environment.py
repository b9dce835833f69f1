"""What surrounds a command is poor: standard descriptors that are closed or full, disks without room,
limits on files, no /proc. No command dies of it, each tells the truth by its exit status, and nothing
of STATE is spoilt."""

import itertools
import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from clients import tls
from harness.config import route
from harness.daemon import STATUS_CONFIG_WRONG
from harness.keys import KeyManager
from harness.wait import wait_until
from servers import toy

READING = ("--version", "--help", "check", "reload", "status", "status --json", "key list", "key show mail")
WRITING = ("key new other --host other.example.test", "key self-signed other --host other.example.test",
           "key install mail {leaf} {intermediate}", "key import mail {pair} --force --host localhost",
           "key renew mail --replace", "key remove mail --request")
CLOSED = [closed for count in (1, 2, 3) for closed in itertools.combinations(range(3), count)]


class Scene:
    """A daemon that runs, with a certificate that the key manager keeps and a request that waits."""

    def __init__(self, front, manager, pki):
        self.front, self.manager = front, manager
        manager.issue()
        manager.done("renew", "mail")
        self.words = {"leaf": manager.sign(), "intermediate": pki.intermediate.certificate,
                      "pair": self.pair(pki)}
        self.saved = front.folder / "saved"
        shutil.copytree(manager.state, self.saved)
        front.start()

    def pair(self, pki):
        file = self.front.folder / "pair.pem"
        file.write_bytes(pki.mail.key.read_bytes() + pki.mail.chain.read_bytes())
        return file

    def restore(self):
        """STATE as it was; the folder stays the same one."""
        for path in self.manager.state.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        shutil.copytree(self.saved, self.manager.state, dirs_exist_ok=True)

    def argv(self, command, file=None):
        words = [word.format(**self.words) for word in command.split()]
        return [self.front.binary, *words] + \
            ([] if command.startswith("--") else ["-c", file or self.front.file])

    def ran(self, command, *, prepare=None, wrapper=(), file=None, **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE} | streams
        return subprocess.run([*wrapper, *map(str, self.argv(command, file))], preexec_fn=prepare,
                              timeout=60, check=False, text=True, **streams)

    def assert_whole(self):
        """Files of STATE are what they were made as; nothing was printed into one."""
        for name, content in self.manager.content().items():
            assert re.fullmatch(rb"(-----BEGIN [A-Z ]+-----\n[A-Za-z0-9+/=\n]+-----END [A-Z ]+-----\n)*",
                                content), f"{name}: {content!r}"


@pytest.fixture(scope="module")
def scene(fronts, run, pki, module_toys):
    front = fronts.new("certificate mail { }\n", route("echo", run.port(), module_toys(toy.echo).port))
    return Scene(front, KeyManager(front, pki), pki)


@pytest.fixture(autouse=True)
def fresh(scene):
    scene.restore()


def closing(descriptors):
    def close():
        for number in descriptors:
            os.close(number)
    return close


# ---- descriptors ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", READING + WRITING)
def test_closed_descriptors_spoil_nothing_and_lost_output_is_a_failure(scene, command):
    usual = scene.ran(command)
    assert usual.returncode == 0 and usual.stdout != "", usual
    for closed in CLOSED:
        scene.restore()
        done = scene.ran(command, prepare=closing(closed))
        lost = 1 in closed or (2 in closed and usual.stderr != "")
        assert done.returncode == (1 if lost else 0), f"without {closed}: {done}"
        if 1 in closed and 2 not in closed:
            assert "output could not be written" in done.stderr
        scene.assert_whole()


@pytest.mark.parametrize("command", READING + WRITING)
def test_a_full_disk_under_the_output_is_a_failure_that_is_told(scene, command):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = scene.ran(command, stdout=full)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        scene.restore()
        assert scene.ran(command, stdout=full, stderr=full).returncode == 1


@pytest.mark.parametrize("closed", [*CLOSED, "full"], ids=str)
def test_a_refusal_that_nobody_can_read_is_a_refusal(scene, closed):
    wrong = scene.front.folder / "wrong.conf"
    wrong.write_text("nonsense = 1\n")
    with open("/dev/full", "w", encoding="ascii") as full:
        how = {"stdout": full, "stderr": full} if closed == "full" else {"prepare": closing(closed)}
        for command in ("check", "run"):
            done = scene.ran(command, file=wrong, **how)
            assert done.returncode == STATUS_CONFIG_WRONG, f"{command}: {done}"


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_a_configuration_that_was_to_come_from_a_closed_input_is_told(scene, closed):
    for command in ("check", "run"):
        done = scene.ran(command, file="-", prepare=closing(closed))
        assert done.returncode == STATUS_CONFIG_WRONG
        if 0 in closed and 2 not in closed:
            assert "cannot read standard input" in done.stderr and "cure:" in done.stderr


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_a_daemon_without_standard_descriptors_serves_and_reloads(fronts, run, pki, toys, closed):
    port = run.port()
    front = fronts.new(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                       before_exec=closing(closed)).start()
    assert front.reload().returncode == 0
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.send(b"hello")
        assert client.read_exactly(5) == b"hello"
    for pid in (front.pid, *front.workers()):
        for number in range(3):
            target = os.readlink(f"/proc/{pid}/fd/{number}")
            assert target == "/dev/null" or number not in closed, f"{number} is {target}"


# ---- no room on disks -------------------------------------------------------------------------

FULL_STATE = """
set -e
mount -t tmpfs -o size=128k,mode=0700 tmpfs "$1"
cp -a "$2/." "$1/"
cat /dev/zero > "$1/filler" 2>/dev/null || true
saved=$2 state=$1 status=0
shift 2
"$@" || status=$?
rm "$state/filler"
diff -r "$saved" "$state" >&2 || exit 99
exit $status
"""


@pytest.mark.parametrize("command", [one for one in WRITING if "remove" not in one])
def test_a_full_disk_under_state_changes_nothing(scene, command):
    done = scene.ran(command, wrapper=("unshare", "--mount", "sh", "-c", FULL_STATE, "sh",
                                       scene.manager.state, scene.saved))
    assert done.returncode == 1, done
    assert "No space left on device" in done.stderr


def limit_files(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [0, 100, 1000])
@pytest.mark.parametrize("command", WRITING)
def test_a_limit_on_files_is_an_error_like_any_other(scene, command, size):
    before = scene.manager.content()
    done = scene.ran(command, prepare=limit_files(size))
    assert done.returncode in (0, 1), done
    scene.assert_whole()
    if done.returncode == 1:
        assert "File too large" in done.stderr
        assert scene.manager.content() == before


@pytest.mark.parametrize("command", READING)
def test_what_writes_no_files_needs_none(scene, command):
    done = scene.ran(command, prepare=limit_files(0))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_daemon_that_may_not_make_files_says_so(scene, fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("echo", run.port(), run.port()))
    done = scene.ran("run", prepare=limit_files(0), file=front.file)
    assert done.returncode == 1
    assert "File too large" in done.stderr


@pytest.mark.parametrize("size", [1 << 20, 32 << 20])
def test_a_limit_below_the_counters_ends_the_start_with_its_cure(scene, fronts, run, pki, size):
    """They are memory, which the kernel counts as a file."""
    front = fronts.new(pki.mail.block(), route("echo", run.port(), run.port()))
    done = scene.ran("run", prepare=limit_files(size), file=front.file)
    assert done.returncode == 1
    assert f"(RLIMIT_FSIZE) is {size} bytes" in done.stderr
    assert "cure: raise it: LimitFSIZE=infinity" in done.stderr


FULL_LOG = 'mount -t tmpfs -o size=64k,mode=0777 tmpfs "$1" && shift && exec "$@"'


def visit(port, pki):
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.send(b"ping")
        assert client.read_exactly(4) == b"ping"


def test_a_full_disk_under_the_log_stops_nobody(fronts, run, pki, toys):
    """What is lost meanwhile is counted, and told when there is room again."""
    folder, port = run.make_folder("full-log"), run.port()
    front = fronts.new(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                       log=folder / "tlsfront.log",
                       wrapper=("unshare", "--mount", "sh", "-c", FULL_LOG, "sh", folder)).start()
    there = Path(f"/proc/{front.pid}/root") / folder.relative_to("/")
    filler = there / "filler"
    with pytest.raises(OSError, match="No space left"), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    for _ in range(50):
        visit(port, pki)
    assert front.reload().returncode == 0
    filler.unlink()
    visit(port, pki)

    def told():
        visit(port, pki)
        return re.search(r"lost|dropped", (there / "tlsfront.log").read_text())
    wait_until(told, "the log to tell of its loss")
    assert "No space left on device" in (there / "tlsfront.log").read_text()


# As much as is written besides: a configuration and its files, the counters.
LOG_LIMIT = 64 << 20


def test_a_limit_on_the_log_s_size_stops_nobody(fronts, run, pki, toys):
    folder, port = run.make_folder("limited-log"), run.port()
    folder.chmod(0o777)
    front = fronts.new(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                       log=folder / "tlsfront.log")
    front.before_exec = limit_files(LOG_LIMIT)
    front.start()
    with open(folder / "tlsfront.log", "ab") as file:
        file.truncate(LOG_LIMIT)
    visit(port, pki)
    assert front.reload().returncode == 0
    visit(port, pki)


# ---- a strict umask -----------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o177, 0o377, 0o777])
def test_a_umask_takes_no_right_from_the_owner_of_what_the_daemon_makes(fronts, run, pki, toys, mask):
    folder, port = run.make_folder(f"strict-{mask:o}"), run.port()
    front = fronts.new(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                       log=folder / "tlsfront.log", start_with="last-good")
    front.before_exec = lambda: os.umask(mask)
    front.start()
    visit(port, pki)
    assert stat.S_IMODE((folder / "tlsfront.log").stat().st_mode) == 0o600
    kept = front.folder / "state" / ".last-good"
    wait_until(lambda: list(kept.iterdir()), "a configuration to be kept")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, *kept.iterdir())] == [0o700, 0o600]
    assert front.reload().returncode == 0
    visit(port, pki)


# ---- few files, no threads, blocked signals -----------------------------------------------------


def limit_open(number):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


@pytest.mark.parametrize("command", READING + WRITING)
def test_a_limit_on_open_files_is_an_error_like_any_other(scene, command):
    for number in (4, 5, 6, 8, 12):
        before = scene.manager.content()
        done = scene.ran(command, prepare=limit_open(number))
        assert done.returncode in (0, 1, STATUS_CONFIG_WRONG), f"with {number}: {done}"
        assert done.returncode == 0 or "Too many open files" in done.stderr, f"with {number}: {done}"
        assert done.returncode != STATUS_CONFIG_WRONG or "cure: raise the limit" in done.stderr
        scene.assert_whole()
        assert done.returncode == 0 or scene.manager.content() == before
        scene.restore()


@pytest.mark.parametrize("number", [4, 6, 8, 31])
def test_a_daemon_with_too_few_files_does_not_start(scene, number):
    done = scene.ran("run", prepare=limit_open(number))
    assert done.returncode == 1
    assert f"no more than {number} files" in done.stderr and "cure: raise the limit" in done.stderr


def test_a_daemon_without_threads_does_not_start(scene):
    """Root has no such limit."""
    def prepare():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

    done = scene.ran("run", prepare=prepare)
    assert done.returncode == 1
    assert "threads" in done.stderr and "cure: raise the limits" in done.stderr


def test_signals_that_came_blocked_are_heard(fronts, run, pki, toys):
    """As are those that whoever started it did not want to hear."""
    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
        for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    front = fronts.new(pki.mail.block(), route("echo", run.port(), toys(toy.echo).port),
                       before_exec=block).start()
    front.send(signal.SIGHUP)
    front.wait_for_log("reloaded")
    front.terminate()


# ---- no /proc ---------------------------------------------------------------------------------

WITHOUT_PROC = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /proc && exec "$@"', "sh")


@pytest.mark.parametrize("command", READING + WRITING)
def test_commands_need_no_proc(scene, command, memory_factor):
    if memory_factor > 1:
        pytest.skip("the sanitizers need it: for their options, and to look for leaks")
    usual = scene.ran(command)
    scene.restore()
    done = scene.ran(command, wrapper=WITHOUT_PROC)
    assert (done.returncode, done.stderr) == (usual.returncode, usual.stderr)


def test_a_daemon_without_proc_says_what_it_needs(scene, fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("echo", run.port(), run.port()))
    done = scene.ran("run", wrapper=WITHOUT_PROC, file=front.file)
    assert done.returncode == 1
    assert "/proc" in done.stderr and "cure:" in done.stderr


def test_a_daemon_lives_when_proc_goes_away(fronts, run, pki, toys):
    """Reloads and status go on; what needs it says so."""
    port = run.port()
    front = fronts.new(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                       wrapper=("env", "ASAN_OPTIONS=detect_leaks=0", "unshare", "--mount")).start()
    hidden = subprocess.run(["nsenter", "-t", str(front.pid), "-m", "mount", "-t", "tmpfs", "tmpfs",
                             "/proc"], capture_output=True, text=True, check=False)
    assert hidden.returncode == 0, hidden.stderr
    assert front.reload().returncode == 0
    assert json.loads(front.command("status", "-c", front.file, "--json").stdout)
    visit(port, pki)
