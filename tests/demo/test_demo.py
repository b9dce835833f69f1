#!/usr/bin/python3
"""That the demo proves itself, ends well and leaves nothing behind.

  TLSFRONT=PATH DEMO_MAILBOX=PATH tests/demo/test_demo.py

Each case runs in a session (setsid) and a temporary folder of its own; what is still there when the
case is over was left behind.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

DEMO = Path(__file__).resolve().parent / "run"
PATIENCE = 60  # seconds; a demo is ready within two


def processes_of_session(number):
    """Zombies apart. State and session are fields 3 and 6 of stat, behind "(name) "."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(") ")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if fields[0] != "Z" and int(fields[3]) == number:
            found.append(int(stat.parent.name))
    return found


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(what)


class Run:
    """A demo that has begun."""

    def __init__(self, folder, *arguments, tmp=None):
        self.files = {name: folder / name for name in ("out", "err")}
        self.tmp = tmp if tmp is not None else folder / "tmp"
        if tmp is None:
            self.tmp.mkdir()
        with open(self.files["out"], "wb") as out, open(self.files["err"], "wb") as err:
            # In the background of a shell INT is ignored, which the demo could not undo.
            self.process = subprocess.Popen(["env", "--default-signal=INT", DEMO, *arguments],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env={**os.environ, "TMPDIR": str(self.tmp)},
                                            start_new_session=True)

    def said(self, name):
        return self.files[name].read_text()

    def begins(self):
        """It serves, and says so."""
        wait_for(lambda: "Running until Ctrl-C" in self.said("out")
                 or self.process.poll() is not None, f"no demo runs: {self.said('err')}")

    def ends_with(self, status):
        """Nothing is left then."""
        got = self.process.wait(PATIENCE)
        left = processes_of_session(self.process.pid)
        assert got == status, f"exit status {got}: {self.said('out')}\n{self.said('err')}"
        assert not left, f"processes left: {left}"
        assert not self.tmp.is_dir() or not any(self.tmp.iterdir()), "files left"

    def kill(self):
        for pid in processes_of_session(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, *arguments, tmp=None):
        run = Run(self.folder, *arguments, tmp=tmp)
        self.addCleanup(run.kill)
        return run

    def assert_says(self, run, name, pattern):
        self.assertRegex(run.said(name), re.compile(pattern, re.MULTILINE))

    def mailbox(self):
        """The addresses of a server for (smtp, pop3), and its process."""
        path = self.folder / "mailbox"
        with open(path, "wb") as out:
            process = subprocess.Popen([os.environ["DEMO_MAILBOX"], "127.0.0.1:0", "[::1]:0"],
                                       stdout=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        found = wait_for(lambda: re.search(r"^smtp (\S+)\n(?:.*\n)*?pop3 (\S+)\n", path.read_text(),
                                           re.MULTILINE), "no demo-mailbox")
        return *found.groups(), process

    def test_the_built_in_demo_proves_itself(self):
        run = self.start("--once")
        run.ends_with(0)
        for pattern in (r"^proof: [0-9]{5,} bytes sent through smtps were read back through pop3s",
                        r"^smtps  127\.0\.0\.1:1[0-9]{4} +smtp +implicit",
                        r"^  curl --cacert .* pop3s://127\.0\.0\.1:1[0-9]{4}/1 --user demo:any$",
                        r"ends here\. Without --once it keeps running",
                        r"Stopped; nothing is left behind"):
            self.assert_says(run, "out", pattern)
        self.assertNotRegex(run.said("out"), re.compile("from another terminal|^configuration",
                                                        re.MULTILINE), "of what is gone by now")

    def test_a_running_demo_ends_on_a_signal(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number=number):
                run = Run(Path(tempfile.mkdtemp(dir=self.folder)))
                self.addCleanup(run.kill)
                run.begins()
                run.process.send_signal(number)
                run.ends_with(0)

    def test_the_printed_commands_work(self):
        run = self.start()
        run.begins()
        send = re.search(r"^  printf.*", run.said("out"), re.MULTILINE).group()
        read = re.search(r"^  curl .*pop3s.*", run.said("out"), re.MULTILINE).group()
        subprocess.run(["bash", "-c", send], check=True, timeout=PATIENCE, capture_output=True)
        done = subprocess.run(["bash", "-c", read], check=True, timeout=PATIENCE, capture_output=True)
        self.assertRegex(done.stdout, rb"(?m)^Subject: hello")
        run.process.send_signal(signal.SIGINT)
        run.ends_with(0)

    def test_given_servers_are_fronted(self):
        smtp, pop3, _ = self.mailbox()
        run = self.start("--once", "--upstream", f"pop3={pop3}", f"--upstream=smtp={smtp}",
                         "--upstream", f"tcp={smtp}")
        run.ends_with(0)
        for pattern in (r"^proof: pop3s: .* greeted with: \+OK demo mailbox$",
                        r"^proof: smtps: .* greeted with: 220 demo.invalid",
                        r"^proof: tcps: TLS handshake done, certificate verified$"):
            self.assert_says(run, "out", pattern)

    def test_a_server_of_another_protocol_is_told(self):
        _, pop3, _ = self.mailbox()
        run = self.start("--once", "--upstream", f"smtp={pop3}")
        run.ends_with(1)
        self.assert_says(run, "err", "should greet as smtp does, but this came")

    def test_a_server_that_is_down_is_told(self):
        _, pop3, process = self.mailbox()
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        run = self.start("--once", "--upstream", f"pop3={pop3}")
        run.ends_with(1)
        self.assert_says(run, "err", "should greet as pop3 does, but this came: -ERR")

    def test_a_tmpdir_that_is_too_long_for_sockets_is_told_and_done_without(self):
        long = self.folder / ("x" * 90)
        long.mkdir()
        run = self.start("--once", tmp=long)
        run.ends_with(0)
        self.assert_says(run, "err", "is too long for the path of a Unix socket; using /tmp")
        self.assert_says(run, "out", "^proof: ")

    def test_a_tmpdir_that_is_not_there_is_told(self):
        run = self.start("--once", tmp=self.folder / "nowhere")
        run.ends_with(1)
        self.assert_says(run, "err", "cure: see that .*/nowhere is there")

    def test_an_upstream_that_is_none_is_refused(self):
        for wrong in "pop4=localhost:110", "pop3", "pop3=localhost", 'pop3="x":1':
            with self.subTest(wrong=wrong):
                run = Run(Path(tempfile.mkdtemp(dir=self.folder)), "--once", "--upstream", wrong)
                self.addCleanup(run.kill)
                run.ends_with(2)
                self.assert_says(run, "err", "PROTOCOL=HOST:PORT is expected")


if __name__ == "__main__":
    unittest.main(verbosity=2)
