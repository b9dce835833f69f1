"""From figures to tables: medians, spread, ratios and verdicts. Pure."""

from statistics import median


def spread(values):
    """Half the range, relative to the median: the +-% of a cell."""
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


class Row:
    """One case over all rounds."""

    def __init__(self, case, figures, peers):
        self.case = case
        self.figures = {name: values for name, values in figures.items() if values}
        self.medians = {name: median(values) for name, values in self.figures.items()}
        rivals = [peer.name for peer in peers if peer.is_rival and peer.name in self.medians]
        self.best = min(rivals, key=self.medians.get, default=None)

    @property
    def ours(self):
        return self.medians.get("tlsfront")

    @property
    def ratio(self):
        """To the best rival, round by round, so that what slowed a whole round does not count."""
        if self.best is None or self.ours is None:
            return None
        pairs = zip(self.figures["tlsfront"], self.figures[self.best])
        return median(ours / theirs for ours, theirs in pairs)

    @property
    def target(self):
        """As it is said in the table."""
        case = self.case
        if case.target is not None:
            return f"{case.target:.2f}"
        if case.at_most is not None:
            return f"<= {case.at_most:g} {case.unit}"
        return "" if case.at_least is None else f">= {case.at_least:g} {case.unit}"

    @property
    def met(self):
        """True, False, or None when this run cannot tell."""
        case = self.case
        if case.target is not None:
            return None if self.ratio is None else self.ratio <= case.target
        if self.ours is None:
            return None
        if case.at_most is not None:
            return self.ours <= case.at_most
        return None if case.at_least is None else self.ours >= case.at_least

    def cell(self, name):
        if name not in self.medians:
            return "-"
        percent = 100 * spread(self.figures[name])
        return f"{self.medians[name]:.{self.case.digits}f} ±{percent:.0f}%"

    def as_dict(self):
        return {
            "case": self.case.name,
            "title": str(self.case),
            "unit": self.case.unit,
            "figures": self.figures,
            "medians": self.medians,
            "best": self.best,
            "ratio": self.ratio,
            "target": self.target,
            "met": self.met,
        }


VERDICT = {True: "met", False: "missed", None: ""}


def cells(rows, peers):
    """The table as lists of text, its head first."""
    names = [peer.name for peer in peers]
    table = [["case", "unit", *names, "ratio", "target", ""]]
    for row in rows:
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        figures = [row.cell(name) for name in names]
        verdict = [ratio, row.target, VERDICT[row.met]]
        table.append([str(row.case), row.case.unit, *figures, *verdict])
    return table


def as_text(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = []
    for line in table:
        first = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
        rest = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:])]
        lines.append("  ".join(first + rest).rstrip())
    return "\n".join(lines)


def as_markdown(table):
    head, *body = table
    lines = [head, ["---", "---"] + ["---:"] * (len(head) - 2), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
