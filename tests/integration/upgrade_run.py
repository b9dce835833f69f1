#!/usr/bin/python3
"""upgrade_run.py - many upgrades under a steady load of new connections, and the figures.

    TLSFRONT=PATH tests/integration/upgrade_run.py [UPGRADES] [ESTABLISHED]

The binary is replaced by a copy of itself each time; every tenth upgrade meets a mistake in the
configuration, every tenth a binary that does not run. Prints connections made and lost, established
sessions that ended, what was counted, and the memory, descriptors and processes after the tenth
upgrade and after the last. Exit status 1 when anything was lost or has grown. 100 upgrades unless
told otherwise.
"""

import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from clients import tls  # noqa: E402
from harness import process  # noqa: E402
from harness.binary import own_binary  # noqa: E402
from harness.config import route  # noqa: E402
from harness.daemon import STATUS_CONFIG_WRONG  # noqa: E402
from harness.load import Load  # noqa: E402
from harness.pki import Pki  # noqa: E402
from harness.run import Run  # noqa: E402
from harness.wait import wait_until  # noqa: E402
from reload_run import GROWTH_KIB, show  # noqa: E402
from servers import toy  # noqa: E402


def running(front):
    return [one["pid"] for one in front.status()["workers"] if one["state"] == "running"]


def figures(front):
    pids = [front.pid, *running(front)]
    return {"processes": [len(process.children(front.pid))],
            "descriptors": [process.open_files(pid) for pid in pids],
            "resident KiB": [process.resident_kib(pid) for pid in pids]}


def upgrade(own, front, number, blocks):
    """Whether it went as it had to."""
    expected = {5: STATUS_CONFIG_WRONG, 0: 1}.get(number % 10, 0)
    front.write(*blocks, *(["nonsense\n"] if expected == STATUS_CONFIG_WRONG else []))
    if expected == 1:
        own.program("return 1;")
    else:
        own.replace()
    done = own.upgrade(front)
    if done.returncode == expected:
        return True
    print(done.stdout, done.stderr, file=sys.stderr)
    return False


def main(upgrades, established):
    run = Run()
    own, fronts = own_binary(run, Path(os.environ["TLSFRONT"]).resolve(), "upgrade-run")
    upstream = toy.Toy(toy.echo)
    lost = grown = True
    try:
        pki = Pki(run.make_folder("pki"))
        port = run.port()
        blocks = (pki.mail.block(), pki.renewed.block(),
                  route("echo", port, upstream.port, certificate=("mail", "renewed")))
        front = fronts.start(*blocks)
        pid = front.pid
        old = [tls.TlsClient(port, tls.context(pki, version)) for version in ("1.2", "1.3")
               for _ in range(established // 2)]
        load = Load(port, tls.context(pki))
        began, tenth, wrong, backwards, accepted = time.monotonic(), None, 0, 0, 0
        for number in range(1, upgrades + 1):
            wrong += not upgrade(own, front, number, blocks)
            now = front.route_status("echo")["connections"]["accepted"]
            backwards += now < accepted
            accepted = now
            if number == 9:
                time.sleep(1)
                tenth = figures(front)
        spent = time.monotonic() - began
        load.stop()
        failures, made = load.failures, sum(load.made)
        alive = sum(tls.says(client) for client in old)
        time.sleep(1)  # the last sessions of the load close
        end = figures(front)
        counted = front.route_status("echo")["connections"]["accepted"]
        for client in old:
            client.close()
        wait_until(lambda: len(front.status()["workers"]) == 2, "the workers of before to leave")

        print(f"upgrades: {upgrades} in {spent:.1f} s, every fifth of them refused; "
              f"answered wrongly: {wrong}")
        print(f"new connections: {made} made, {len(failures)} lost; {counted} counted, "
              f"{made + len(old)} expected, {backwards} times less than before")
        print(f"established sessions: {alive} of {len(old)} alive; main process "
              f"{'the same' if front.status()['pid'] == pid else 'another'}")
        show("after the ninth upgrade", tenth)
        show("at the end", end)
        for failure in failures[:10]:
            print(f"lost: {failure}", file=sys.stderr)
        lost = bool(failures) or alive < len(old) or wrong > 0 or backwards > 0 or \
            counted != made + len(old)
        grown = end["processes"][0] > tenth["processes"][0] or any(
            after > before + GROWTH_KIB
            for before, after in zip(tenth["resident KiB"], end["resident KiB"])) or any(
            after > before for before, after in zip(tenth["descriptors"], end["descriptors"]))
        fronts.finish()
    finally:
        upstream.close()
        run.close()
    return 1 if lost or grown else 0


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in (sys.argv[1:] + ["100", "20"][len(sys.argv) - 1:]))))
