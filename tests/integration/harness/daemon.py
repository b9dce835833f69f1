"""tlsfront itself: configured, checked, started in the foreground, watched, stopped."""

import json
import re
import signal
import subprocess
from pathlib import Path

from harness import config, logs, process
from harness.wait import wait_until

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "runtime error:", "LeakSanitizer")
# What LeakSanitizer says where a process is killed while it looks for leaks: no finding, and no line of ours.
SANITIZER_INTERRUPTED = re.compile(r"==\d+==Unable to get registers from thread \d+\.")
STATUS_CONFIG_WRONG = 78


class Tlsfront:
    """`certificates` and routes (blocks of text) under one run folder of their own."""

    def __init__(self, run, binary, name, blocks, *, workers=2, user="nobody", wrapper=(),
                 before_exec=None, **options):
        self.run, self.binary = run, Path(binary)
        self.tool = self.binary  # for commands
        self.folder = run.make_folder(name)
        self.file = self.folder / "tlsfront.conf"
        self.wrapper, self.before_exec = tuple(wrapper), before_exec
        self.options = {
            "workers": workers, "user": user, "control": self.folder / "control.sock",
            "state": self.folder / "state"} | options
        self.family, self.finished = set(), False
        self.process = None
        self.write(*blocks)

    # ---- configuration ---------------------------------------------------------------------

    def write(self, *blocks, **options):
        """Replace the configuration file, at once, so that nobody reads half of it. `options` change
        the global settings for good."""
        self.options |= options
        new = self.file.with_suffix(".new")
        new.write_text(config.settings(self.options) + "".join(blocks))
        new.replace(self.file)

    def command(self, *arguments, text=None, timeout=60):
        return subprocess.run([self.tool, *map(str, arguments)], input=text, text=True,
                              capture_output=True, timeout=timeout, check=False)

    def check(self):
        return self.command("check", "-c", self.file)

    def reload(self):
        return self.command("reload", "-c", self.file)

    def status(self):
        done = self.command("status", "-c", self.file, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def active(self, name):
        """Connections of a route, by name."""
        return self.route_status(name)["connections"]["active"]

    def route_status(self, name):
        return next(one for one in self.status()["routes"] if one["name"] == name)

    # ---- life ------------------------------------------------------------------------------

    def start(self):
        checked = self.check()
        assert checked.returncode == 0, f"check refused:\n{checked.stdout}{checked.stderr}"
        return self.start_unchecked()

    def start_unchecked(self):
        self.process = self.run.start(
            self.folder.name, [*self.wrapper, self.binary, "run", "-c", self.file],
            log=self.folder / "tlsfront.log", before_exec=self.before_exec)
        wait_until(self.serves, "tlsfront to say that it has started", 30)
        return self

    def serves(self):
        """It answers while it is starting too, before its workers are what they are to become."""
        assert self.process.running(), f"tlsfront ended while starting:\n{self.process.text()}"
        done = self.command("status", "-c", self.file, "--json")
        return done.returncode == 0 and json.loads(done.stdout)["state"] != "starting"

    @property
    def pid(self):
        return self.process.pid

    def processes(self, kind):
        """What the supervisor has started as `tlsfront KIND INDEX`."""
        pids = process.children(self.pid)
        self.family |= set(pids)
        return [pid for pid in pids if f" {kind} " in process.command_of(pid)]

    def workers(self):
        return self.processes("worker")

    def send(self, number):
        self.process.send(number)

    def terminate(self, timeout=60):
        """SIGTERM; asserts all that a good end is. For sessions that should be cut off, first
        close them or send a second signal."""
        self.workers()
        if self.process.running():
            self.send(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.stop()
            raise AssertionError("tlsfront did not end on SIGTERM") from None
        self.verify_end(status)

    def verify_end(self, status=0):
        self.finished = True
        text = self.process.text()
        for report in SANITIZER_REPORTS:
            assert report not in text, f"sanitizer report:\n{text}"
        assert "its sandbox forbids" not in text, f"a worker made a call that it may not:\n{text[-4000:]}"
        assert status == 0, f"tlsfront ended with status {status}:\n{text[-4000:]}"
        # The number of one that has ended may be somebody else's by now.
        left = [pid for pid in self.family if process.running(pid)
                and process.command_of(pid).startswith(str(self.binary))]
        assert left == [], f"tlsfront left processes behind: {left}"

    # ---- log -------------------------------------------------------------------------------

    def log_file(self):
        return self.process.log

    def log(self, event=None, **wanted):
        """Parsed log lines; every line must parse. `wanted` selects by field values."""
        found = []
        # The last may be half written.
        for line in self.log_file().read_text(errors="replace").split("\n")[:-1]:
            if SANITIZER_INTERRUPTED.fullmatch(line):
                continue
            fields = logs.parse(line)
            assert fields is not None, f"log line that does not parse: {line}"
            if event is not None:
                wanted = wanted | {"event": event}
            if all(fields.get(key.replace("_", "-")) == item for key, item in wanted.items()):
                found.append(fields)
        return found

    def wait_for_log(self, event, **wanted):
        """The last line that fits, once there is one."""
        return wait_until(lambda: self.log(event, **wanted),
                          f"a log line event={event} {wanted}")[-1]
