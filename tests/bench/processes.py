"""Processes: starting and ending them, and what the kernel has counted of them."""

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager


class BenchError(Exception):
    """The bench cannot give a figure; the text says why."""


def allow_many_files():
    """Raises our limit of open files, which children inherit; returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for wish in (131072, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wish, max(wish, hard)))
            return wish
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def family(pid):
    """The process and all its descendants."""
    found = [pid]
    for parent in found:  # grows while we walk
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except FileNotFoundError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as file:
                    found += [int(child) for child in file.read().split()]
            except FileNotFoundError:
                continue
    return found


def cpu_seconds(pid):
    """CPU time of one process, its ended threads included, in the scheduler's own accounting: what
    clock_getcpuclockid(3) reads, exact to the nanosecond and without waiting times."""
    return time.clock_gettime((~pid << 3) | 2)


def threads(pids):
    for pid in pids:
        try:
            yield from (int(thread) for thread in os.listdir(f"/proc/{pid}/task"))
        except FileNotFoundError:
            continue


@contextmanager
def urgent(pids):
    """Meanwhile nobody else's work delays these processes, if we may ask for that."""

    def schedule(policy, priority):
        for thread in threads(pids):
            try:
                os.sched_setscheduler(thread, policy, os.sched_param(priority))
            except (PermissionError, ProcessLookupError):
                continue

    schedule(os.SCHED_FIFO, 1)
    try:
        yield
    finally:
        schedule(os.SCHED_OTHER, 0)


RUNS, STANDS = 0.008, 0.032  # seconds


@contextmanager
def rationed(pid):
    """Meanwhile the process and its descendants may run for a fifth of the time only, and find all
    at once what has come in the rest."""
    pids, over = family(pid), threading.Event()

    def tell(number):
        for each in pids:
            os.kill(each, number)

    def ration():
        while not over.wait(RUNS):
            tell(signal.SIGSTOP)
            time.sleep(STANDS)
            tell(signal.SIGCONT)

    clock = threading.Thread(target=ration)
    clock.start()
    try:
        yield
    finally:
        over.set()
        clock.join()


def memory_bytes(pid):
    """Proportional resident memory: pages that processes share are counted once."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise BenchError(f"no Pss of process {pid}")


class Process:
    """A program pinned to some CPUs, with its output in a file of the bench's directory."""

    def __init__(self, name, command, cpus, directory, pipes=False):
        self.name = name
        self.log = os.path.join(directory, f"{name}.log")
        pinned = ["taskset", "-c", ",".join(map(str, cpus)), *command]
        pipe = subprocess.PIPE if pipes else None
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(  # pylint: disable=consider-using-with
                pinned, stdin=pipe or subprocess.DEVNULL, stdout=pipe or log, stderr=log, text=True
            )
        self.pid = self.child.pid

    def fail(self, what):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            said = file.read()[-2000:]
        raise BenchError(f"{self.name}: {what}\n{said}".rstrip())

    def cpu_times(self):
        """CPU seconds of each of its processes."""
        if self.child.poll() is not None:
            self.fail(f"ended by itself with status {self.child.returncode}")
        return {pid: cpu_seconds(pid) for pid in family(self.pid)}

    def memory(self):
        return sum(memory_bytes(pid) for pid in family(self.pid))

    def wait_for_port(self, port):
        for _ in range(200):
            if self.child.poll() is not None:
                self.fail(f"ended by itself with status {self.child.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        self.fail(f"does not listen on port {port}")

    def stop(self):
        """Nothing of the family is left afterwards."""
        pids = family(self.pid)
        for sign in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.child.poll() is None:
                self.child.send_signal(sign)
            try:
                self.child.wait(3)
                break
            except subprocess.TimeoutExpired:
                continue
        for pid in pids[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                pipe.close()
