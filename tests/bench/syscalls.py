"""System calls of a proxy per unit of work, counted by strace."""

import os
import signal
import subprocess
import time

import measure
from cases import CASES
from processes import BenchError, family
from report import as_text
from stage import settle

MB = 1_000_000

# Which cases, how much of each, how many units that is, and what to call one. One connection at a
# time, so that the counts do not depend on who is quicker.
COUNTED = {
    "tls13-ecdsa": (200, 200, "TLS 1.3 connection"),
    "tls13-resumed": (200, 200, "TLS 1.3 resumed"),
    "tls12-ecdsa": (200, 200, "TLS 1.2 connection"),
    "roundtrip": (1000, 1000, "round trip"),
    "download-aes128": (16 * MB, 1, "16 MB down"),
    "upload-aes128": (16 * MB, 1, "16 MB up"),
}


def parse(text):
    """strace -c's table -> calls by name."""
    calls = {}
    for line in text.splitlines():
        words = line.split()
        # % time, seconds, usecs/call, calls, [errors,] syscall
        if len(words) in (5, 6) and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] = calls.get(words[-1], 0) + int(words[3])
    return calls


def traced(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in file)


def attach(pids, output):
    command = ["strace", "-f", "-c", "-o", output]
    for pid in pids:
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for _ in range(200):
        if all(map(traced, pids)):
            return tracer
        if tracer.poll() is not None:
            break
        time.sleep(0.02)
    tracer.kill()
    raise BenchError(f"strace cannot watch the proxy: {tracer.communicate()[1].strip()}")


def count(stage, proxy, case, amount):
    output = os.path.join(stage.directory, "strace")
    client = stage.client(proxy, case.work, count=amount, **case.tls, **{**case.more, "conns": 1})
    try:
        settle()
        tracer = attach(family(proxy.pid), output)
        client.start()
        client.result()
        settle()
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
    finally:
        client.dismiss()
    with open(output, encoding="ascii") as file:
        return parse(file.read())


def table(columns):
    """columns: title -> calls per unit by name."""
    names = {name for calls in columns.values() for name in calls}
    order = sorted(names, key=lambda name: -sum(calls.get(name, 0) for calls in columns.values()))
    lines = [["system call", "", *columns]]
    for name in order:
        figures = [calls.get(name) for calls in columns.values()]
        lines.append([name, "", *("" if n is None else f"{n:.2f}" for n in figures)])
    lines.append(["all", "", *(f"{sum(calls.values()):.2f}" for calls in columns.values())])
    return lines


def print_counts(stage, peers, names):
    chosen = [case for case in CASES if case.name in (names or COUNTED) and case.name in COUNTED]
    if not chosen:
        raise BenchError(f"system calls are counted for: {', '.join(COUNTED)}")
    for peer in peers:
        proxy = measure.fresh(stage, peer)
        columns = {}
        for case in chosen:
            amount, units, title = COUNTED[case.name]
            calls = count(stage, proxy, case, amount)
            columns[title] = {name: number / units for name, number in calls.items()}
        stage.stop_proxy(proxy)
        print(f"{peer.name}: system calls\n{as_text(table(columns))}\n")
