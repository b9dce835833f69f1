"""Processes that the tests start, and only those.

The test run is the subreaper of all that it starts: a daemon that forks away is still its
descendant, so what is left over at the end can be told exactly, and nobody else's process is ever
touched.
"""

import ctypes
import os
import re
import resource
import signal
import subprocess
from pathlib import Path

from harness.wait import wait_until

# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option, value):
    if LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def adopt_orphans():
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on (proc(5): number 3), None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2:].split()


def status_field(pid, name):
    """The words of a line of /proc/PID/status."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="latin-1")
    return re.search(rf"^{name}:[ \t]*(.*)$", text, re.MULTILINE)[1].split()


def running(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def cpu_seconds(pid):
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="latin-1").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def take_descriptor(pid, number):
    """A copy of another process's descriptor (pidfd_getfd(2))."""
    pidfd_getfd = 438
    pidfd = os.pidfd_open(pid)
    try:
        fd = LIBC.syscall(pidfd_getfd, pidfd, number, 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), f"descriptor {number} of process {pid}")
        return fd
    finally:
        os.close(pidfd)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = stat_fields(int(entry))
            if fields is not None and int(fields[1]) == pid and fields[0] not in "ZX":
                found.append(int(entry))
    return sorted(found)


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def command_of(pid):
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return "(gone)"
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


class Process:
    """One program in a session of its own, its output in a file."""

    def __init__(self, name, argv, log, *, user=None, group=None, env=None, cwd="/", stdin=None,
                 before_exec=None, stop_signal=signal.SIGTERM):
        self.name = name
        self.stop_signal = stop_signal
        self.log = Path(log)

        def prepare():
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a killed run leaves nothing either
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if before_exec is not None:
                before_exec()

        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                [str(a) for a in argv], stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=out,
                user=user, group=group, extra_groups=[] if user else None, env=env, cwd=cwd,
                start_new_session=True, preexec_fn=prepare)
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=30):
        return self.popen.wait(timeout)

    def stop(self, timeout=10):
        """Ask, then insist. Ends the whole tree below; returns the exit status."""
        family = descendants(self.pid)
        if self.running():
            self.send(self.stop_signal)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.wait()
        for pid in family:
            kill_own(pid)
        return self.popen.returncode


def kill_own(pid):
    """Kill a process that has been found to be a descendant of this run."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    reap(pid)


def reap(pid):
    """Collect an adopted orphan; one that is somebody else's child is none of ours."""
    try:
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, f"the end of process {pid}", 5)
    except ChildProcessError:
        pass


def memory_of(pid):
    """Not of a sanitized process, whose shadow is too large."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            area, rights = line.split()[:2]
            if rights.startswith("r") and not line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                begin, end = (int(one, 16) for one in area.split("-"))
                memory.seek(begin)
                try:
                    yield memory.read(end - begin)
                except OSError:
                    continue


def memory_holds(pid, needles):
    return any(needle in area for area in memory_of(pid) for needle in needles)
