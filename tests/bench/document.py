"""Renews the measured parts of docs/benchmarks.md and docs/overload.md, which stand between two marks, and
the plot of the first."""

import time
from pathlib import Path

from plot import svg
from processes import BenchError
from report import as_markdown, cells

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- figures: written by ./dev bench --write -->\n", "<!-- end of figures -->\n"


def when_and_where(result):
    machine, today = result["machine"], time.strftime("%d %B %Y", time.gmtime())
    return (f"Measured on {today}: {machine['cpu']}, {machine['cpus']} CPUs, Linux"
            f" {machine['kernel']}, {result['rounds']} rounds.")


def measured_part(result, rows, peers):
    lines = [
        when_and_where(result),
        "",
        as_markdown(cells(rows, peers)),
        "",
        "![Each case relative to the best rival](benchmarks.svg)",
        "",
        *versions_of(result),
        *(f"- {note}" for note in result["notes"]),
        "",
    ]
    return "\n".join(lines)


def versions_of(result):
    return [f"- {name}: {version}" for name, version in result["versions"].items()]


def replaced(text, middle):
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"the page lacks the marks {BEGIN.strip()} and {END.strip()}")
    return head + begin + middle + end + tail


def renew(page, middle):
    page.write_text(replaced(page.read_text("utf-8"), middle), "utf-8")


def write(result, rows, peers):
    renew(DOCS / "benchmarks.md", measured_part(result, rows, peers))
    (DOCS / "benchmarks.svg").write_text(svg(rows, peers), "utf-8")


def write_overload(result, tables):
    """The tables come with the goals at their end."""
    lines = [when_and_where(result), "", tables + "\n".join(versions_of(result)), ""]
    renew(DOCS / "overload.md", "\n".join(lines))
