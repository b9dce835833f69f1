"""Renews the measured part of docs/benchmarks.md, which stands between two marks, and its plot."""

import time
from pathlib import Path

from plot import svg
from processes import BenchError
from report import as_markdown, cells

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- figures: written by ./dev bench --write -->\n", "<!-- end of figures -->\n"


def measured_part(result, rows, peers):
    machine, versions = result["machine"], result["versions"]
    today = time.strftime("%d %B %Y", time.gmtime())
    lines = [
        f"Measured on {today}: {machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']},"
        f" {result['rounds']} rounds.",
        "",
        as_markdown(cells(rows, peers)),
        "",
        "![Each case relative to the best rival](benchmarks.svg)",
        "",
        *(f"- {name}: {version}" for name, version in versions.items()),
        *(f"- {note}" for note in result["notes"]),
        "",
    ]
    return "\n".join(lines)


def replaced(text, middle):
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"docs/benchmarks.md lacks the marks {BEGIN.strip()} and {END.strip()}")
    return head + begin + middle + end + tail


def write(result, rows, peers):
    page = DOCS / "benchmarks.md"
    page.write_text(replaced(page.read_text("utf-8"), measured_part(result, rows, peers)), "utf-8")
    (DOCS / "benchmarks.svg").write_text(svg(rows, peers), "utf-8")
