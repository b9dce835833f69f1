#!/usr/bin/python3
"""reload_run.py - many reloads under a steady load of new connections, and the figures.

    TLSFRONT=PATH tests/integration/reload_run.py [RELOADS] [ESTABLISHED]

Prints connections made and lost, established sessions that ended, and the memory, descriptors and
processes after the tenth reload and after the last. Exit status 1 when anything was lost or has
grown. 1000 reloads unless told otherwise.
"""

import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from clients import tls  # noqa: E402
from harness import process  # noqa: E402
from harness.config import route  # noqa: E402
from harness.daemon import STATUS_CONFIG_WRONG  # noqa: E402
from harness.fronts import Fronts  # noqa: E402
from harness.load import Load  # noqa: E402
from harness.pki import Pki  # noqa: E402
from harness.run import Run  # noqa: E402
from servers import toy  # noqa: E402

# What an allocator may keep back between two looks; a leak per reload would be far above it.
GROWTH_KIB = 1024
BAD_EVERY = 10


def figures(front):
    pids = [front.pid, *front.workers()]
    return {"processes": pids, "descriptors": [process.open_files(pid) for pid in pids],
            "resident KiB": [process.resident_kib(pid) for pid in pids]}


def show(title, values):
    print(f"{title}:")
    for name, value in values.items():
        print(f"  {name:13} {' '.join(map(str, value))}")


def main(reloads, established):
    run = Run()
    fronts = Fronts(run, os.environ["TLSFRONT"], "reload-run")
    upstream = toy.Toy(toy.echo)
    lost = grown = True
    try:
        pki = Pki(run.make_folder("pki"))
        port = run.port()
        blocks = (pki.mail.block(), pki.renewed.block(),
                  route("echo", port, upstream.port, certificate=("mail", "renewed")))
        front = fronts.start(*blocks)
        old = [tls.TlsClient(port, tls.context(pki, version)) for version in ("1.2", "1.3")
               for _ in range(established // 2)]
        load = Load(port, tls.context(pki))
        began, tenth, wrong = time.monotonic(), None, 0
        for number in range(1, reloads + 1):
            bad = number % BAD_EVERY == 0
            front.write(*blocks, *(["nonsense\n"] if bad else []))
            done = front.reload()
            if done.returncode != (STATUS_CONFIG_WRONG if bad else 0):
                wrong += 1
                print(done.stdout, done.stderr, file=sys.stderr)
            if number == 10:
                tenth = figures(front)
        spent = time.monotonic() - began
        load.stop()
        failures, made = load.failures, sum(load.made)
        alive = sum(tls.says(client) for client in old)
        time.sleep(1)  # the last sessions of the load close
        end = figures(front)
        for client in old:
            client.close()

        print(f"reloads: {reloads} in {spent:.1f} s, {reloads // BAD_EVERY} of them with a mistake "
              f"and refused; answered wrongly: {wrong}")
        print(f"new connections: {made} made, {len(failures)} lost")
        print(f"established sessions: {alive} of {len(old)} alive")
        show("after the tenth reload", tenth)
        show("at the end", end)
        for failure in failures[:10]:
            print(f"lost: {failure}", file=sys.stderr)
        lost = bool(failures) or alive < len(old) or wrong > 0
        grown = end["processes"] != tenth["processes"] or any(
            after > before for before, after in zip(tenth["resident KiB"], [
                value - GROWTH_KIB for value in end["resident KiB"]])) or any(
            after > before for before, after in zip(tenth["descriptors"], end["descriptors"]))
        fronts.finish()
    finally:
        upstream.close()
        run.close()
    return 1 if lost or grown else 0


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in (sys.argv[1:] + ["1000", "20"][len(sys.argv) - 1:]))))
