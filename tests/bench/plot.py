"""The plot of docs/benchmarks.md: bars relative to the best rival, as SVG."""

from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP, TITLE = 890, 120, 170, 11, 16, 17
LONGEST = 3.0  # times the best rival; longer bars are cut, and say so
FIGURES = WIDTH - RIGHT + 10  # where they begin: right of every bar and line

STYLE = """
text { font: 12px sans-serif; fill: #333 }
.title { font-weight: bold }
.name { text-anchor: end }
.rival { fill: #a9b4c2 }
.ours { fill: #2b6cb0 }
.best { stroke: #333; stroke-dasharray: 3 3 }
.target { stroke: #c05621; stroke-width: 2 }
"""


def x_of(ratio):
    return LEFT + min(ratio, LONGEST) / LONGEST * (WIDTH - LEFT - RIGHT)


def bar(row, name, y):
    value, ratio = row.medians[name], row.medians[name] / row.medians[row.best]
    kind = "ours" if name == "tlsfront" else "rival"
    cut = " (bar cut)" if ratio > LONGEST else ""
    label = f"{value:.{row.case.digits}f} {row.case.unit}, {ratio:.2f}{cut}"
    middle = y + BAR - 2
    size = f'width="{x_of(ratio) - LEFT:.1f}" height="{BAR - 1}"'
    return [
        f'<text class="name" x="{LEFT - 6}" y="{middle}">{escape(name)}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{y}" {size}/>',
        f'<text class="figure" x="{FIGURES}" y="{middle}">{escape(label)}</text>',
    ]


def group(row, names, y):
    height = len(names) * (BAR + 2)
    parts = [f'<text class="title" x="{LEFT}" y="{y}">{escape(str(row.case))}</text>']
    top = y + 5
    for number, name in enumerate(names):
        parts += bar(row, name, top + number * (BAR + 2))
    marks = [("best", 1.0)]
    if row.case.target is not None:
        marks.append(("target", row.case.target))
    for kind, ratio in marks:
        x = f"{x_of(ratio):.1f}"
        parts.append(f'<line class="{kind}" x1="{x}" y1="{top - 2}" x2="{x}" y2="{top + height}"/>')
    return parts, height + TITLE + GAP


def svg(rows, peers):
    parts, y = [], 40
    for row in rows:
        if row.best is None:
            continue
        names = [peer.name for peer in peers if peer.tls and peer.name in row.medians]
        more, height = group(row, names, y)
        parts += more
        y += height
    head = "Relative to the best rival (dashed line = 1); lower is better. Orange: the target."
    size = f'width="{WIDTH}" height="{y}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" {size}>',
            f'<style>{STYLE}</style><rect {size} fill="white"/>',
            f'<text x="{LEFT}" y="18">{head}</text>',
            *parts,
            "</svg>\n",
        ]
    )
