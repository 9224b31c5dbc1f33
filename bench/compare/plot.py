# SPDX-License-Identifier: Apache-2.0
"""Curves as SVG, with nothing but the standard library; readable on light and on dark paper.

    chart("Throughput", "in flight", "commits/s", {"verdict": [(1, 2000), (64, 40000)]}, log_x=True)
"""
import html
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 76, 160, 36, 48
# told apart also by those who see fewer colours, and by dashes and marks
COLOURS = ["#2f7ed8", "#e8871e", "#1f9e77", "#d1495b", "#8e6bbf", "#7a8b99"]
DASHES = ["", "6 3", "2 3", "8 3 2 3", "1 4", "12 4"]
STYLE = """<style>
text { font: 12px sans-serif; fill: #1f2328 } .title { font-size: 14px; font-weight: bold }
.axis { stroke: #57606a } .grid { stroke: #8c959f; stroke-opacity: .25 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .axis { stroke: #9ea7b3 } }
</style>"""


def human(number):
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit:
            return f"{number / limit:.3g}{unit}"
    return f"{number:.3g}"


def ticks(low, high, log):
    if log:
        steps = [10 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
        inside = [t for t in steps if low * 0.999 <= t <= high * 1.001]
        if len(inside) >= 3:
            return inside
        return [t for s in steps for t in (s, 2 * s, 5 * s) if low * 0.999 <= t <= high * 1.001]
    step = 10 ** math.floor(math.log10(max(high - low, 1e-12) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= 6)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


class Scale:
    def __init__(self, values, begin, end, log):
        low, high = min(values), max(values)
        self.log = log
        if not log:
            low, high = min(0, low), high * 1.05 or 1
        elif high / low < 1.5:
            low, high = low / 1.5, high * 1.5
        self.low, self.high, self.begin, self.end = low, high if high > low else low + 1, begin, end

    def at(self, value):
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = math.log(value) if self.log else value
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)


def chart(title, x_name, y_name, series, log_x=False, log_y=False):
    """series: {name: [(x, y), …]}; what cannot be drawn (None, or not above 0 on a logarithmic scale) is left out."""
    series = {name: sorted((x, y) for x, y in points if y is not None and (y > 0 or not log_y) and (x > 0 or not log_x))
              for name, points in series.items()}
    xs = [x for points in series.values() for x, _ in points] or [1, 2]
    ys = [y for points in series.values() for _, y in points] or [1, 2]
    x_scale = Scale(xs, LEFT, WIDTH - RIGHT, log_x)
    if not log_x:
        x_scale.low = min(xs)
    y_scale = Scale(ys, HEIGHT - BOTTOM, TOP, log_y)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">', STYLE,
           f'<text class="title" x="{LEFT}" y="20">{html.escape(title)}</text>']
    for t in ticks(y_scale.low, y_scale.high, log_y):
        y = y_scale.at(t)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                   f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{human(t)}</text>')
    for t in sorted(set(xs)) if len(set(xs)) <= 9 else ticks(x_scale.low, x_scale.high, log_x):
        x = x_scale.at(t)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
                   f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{human(t)}</text>')
    out.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{html.escape(x_name)}</text>')
    out.append(f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{html.escape(y_name)}</text>')
    for i, (name, points) in enumerate(series.items()):
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        path = " ".join(f"{x_scale.at(x):.1f},{y_scale.at(y):.1f}" for x, y in points)
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" points="{path}"/>')
        out += [f'<circle cx="{x_scale.at(x):.1f}" cy="{y_scale.at(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        y = TOP + 8 + 18 * i
        out.append(f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 34}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
                   f'<text x="{WIDTH - RIGHT + 40}" y="{y + 4}">{html.escape(name)}</text>')
    return "\n".join(out) + "\n</svg>\n"
