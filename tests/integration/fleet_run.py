#!/usr/bin/python3
"""fleet_run.py - what clients notice when a fleet of three is restarted, renewed, upgraded or loses a
machine, and the same of three haproxy that do TLS themselves: the figures of docs/fleet.md.

    TLSFRONT=PATH tests/integration/fleet_run.py [BEFORE]

With BEFORE, the binary of an older release: only what is noticed of a rolling upgrade from there, while
both are side by side.
As root: it makes network namespaces of its own. The balancer is haproxy in TCP mode. Prints a table:
how many visits were refused and lost, of how many, and how many of those served were resumed. Exit
status 1 when tlsfront refused or lost anything while none of its machines died.
"""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from harness import fleet_scenes as scenes  # noqa: E402
from harness.fleet import Fleet  # noqa: E402
from harness.pki import Pki  # noqa: E402
from harness.run import Run  # noqa: E402

KINDS = ("tlsfront", "haproxy")


# Each: rows of a name, a tally, and what became of open sessions.

def death(fleet, pki):
    before, after, alive = scenes.death(fleet)
    return [("one machine dies: until that is noticed", before, "-"),
            ("one machine dies: from then on", after, f"{alive} of 9")]


def restart(fleet, pki):
    return [("rolling restart", scenes.restart_by_signal(fleet), "-")]


def renew(fleet, pki):
    tally, alive = scenes.rolled(fleet, lambda one: one.renew(pki.renewed))
    return [("renewed certificate", tally, f"{alive} of 6")]


def tickets(fleet, pki):
    return [("new ticket key", scenes.tickets_rolled(fleet), "-")]


def upgrade(fleet, pki):
    tally, alive = scenes.rolled(fleet, lambda one: one.upgrade(one.next_version()))
    return [("rolling upgrade", tally, f"{alive} of 6")]


SCENES = (restart, death, renew, tickets, upgrade)


def row(name, kind, tally, alive):
    share = f"{100 * scenes.resumed(tally):.0f} %"
    came = tally.served + len(tally.refused) + len(tally.lost)
    return f"| {name} | {kind} | {came} | {len(tally.refused)} | {len(tally.lost)} | {share} | {alive} |"


def measure(run, pki, binary, kind):
    """Lines, and whether anybody was refused or lost."""
    fleet = Fleet(run, pki, binary, f"figures-{kind}", kind=kind, drain_delay="3s",
                  drain_newcomers="reset")
    lines, bad = [], False
    try:
        for scene in SCENES:
            for name, tally, alive in scene(fleet, pki):
                lines.append(row(name, kind, tally, alive))
                bad |= scene is not death and bool(tally.refused or tally.lost)
    finally:
        fleet.close()
    return lines, bad


HEAD = ("| scene | TLS by | visits | refused | lost | resumed | open sessions that go on |\n"
        "| --- | --- | --- | --- | --- | --- | --- |")


def measure_from(run, pki, before, binary):
    """A row, and whether anybody was refused or lost. What an older release may not know is left out."""
    fleet = Fleet(run, pki, before, "figures-before", observe_agent=None,
                  ticket_key=run.folder / "figures-before" / "ticket.key")
    try:
        tally, alive = scenes.rolled(fleet, lambda one: one.upgrade_to(binary))
    finally:
        fleet.close()
    name = "rolling upgrade from another release"
    return row(name, "tlsfront", tally, f"{alive} of 6"), bool(tally.refused or tally.lost)


def main(before=None):
    binary = Path(os.environ["TLSFRONT"]).resolve()
    run = Run()
    try:
        pki = Pki(run.make_folder("pki"))
        if before is not None:
            line, bad = measure_from(run, pki, Path(before).resolve(), binary)
            print(HEAD, line, sep="\n")
            return bad
        results = {kind: measure(run, pki, binary, kind) for kind in KINDS}
    finally:
        run.close()
    print(HEAD)
    for lines in zip(*(results[kind][0] for kind in KINDS)):
        print("\n".join(lines))
    return results["tlsfront"][1]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
