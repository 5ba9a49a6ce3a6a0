"""The drawing board under the charts: axes with nice ticks, measured text, and SVG that is always well-formed.

Only classes and coordinates are written, no style attributes, so a page with a strict content policy can serve
`CHART_CSS` itself and ask for charts with `styled=False`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ds_workflow.reports.tables import Interval, esc, finite, typographic

_LIGHT = (
    "--cc-ink:#1c2430;--cc-soft:#566070;--cc-grid:#e6eaef;--cc-axis:#aab3bf;--cc-faint:#d3dae3;--cc-paper:#fff;"
    "--cc-champion:#7b8798;--cc-challenger:#0b63c5;--cc-good:#17713a;--cc-bad:#b92c28;--cc-unsure:#8a5a00;--cc-off:#66707f"
)
_DARK = (
    "--cc-ink:#e7ebf1;--cc-soft:#a5b0bf;--cc-grid:#2a313b;--cc-axis:#5d6877;--cc-faint:#3a4450;--cc-paper:#14181e;"
    "--cc-champion:#98a4b5;--cc-challenger:#6cb0ff;--cc-good:#56cf83;--cc-bad:#ff8a80;--cc-unsure:#efb84a;--cc-off:#9aa5b4"
)
CHART_CSS = (
    f"svg.cc{{{_LIGHT}}}"
    f"@media (prefers-color-scheme:dark){{svg.cc{{{_DARK}}}}}"
    f"[data-theme=light] svg.cc{{{_LIGHT}}}[data-theme=dark] svg.cc{{{_DARK}}}"
    f"@media print{{svg.cc,[data-theme] svg.cc{{{_LIGHT};print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}"
    "svg.cc{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
    "font-variant-numeric:tabular-nums;display:block;max-width:100%;height:auto}"
    "svg.cc text{fill:var(--cc-ink);font-size:12.5px}"
    "svg.cc .s{fill:var(--cc-soft);font-size:11.5px}svg.cc .b{font-weight:600}"
    "svg.cc .halo{paint-order:stroke;stroke:var(--cc-paper);stroke-width:4px;stroke-linejoin:round}"
    "svg.cc .grid{stroke:var(--cc-grid)}svg.cc .axis{stroke:var(--cc-axis)}"
    "svg.cc .zero{stroke:var(--cc-ink);stroke-width:1.25}"
    "svg.cc .margin{stroke:var(--cc-bad);stroke-dasharray:5 4;stroke-width:1.25}"
    "svg.cc .band{fill:var(--cc-grid);opacity:.45}svg.cc .rows{fill:var(--cc-faint)}"
    "svg.cc .whisker{stroke:var(--cc-ink);stroke-width:1.4;fill:none}"
    + "".join(
        f"svg.cc .f-{name}{{fill:var(--cc-{name})}}svg.cc .l-{name}{{stroke:var(--cc-{name});fill:none;stroke-width:2}}"
        f"svg.cc .h-{name}{{stroke:var(--cc-{name});fill:var(--cc-paper);stroke-width:2}}"
        for name in ("champion", "challenger", "good", "bad", "unsure", "off")
    )
    + "svg.cc .dash{stroke-dasharray:6 4}"
)

BOLD = 14.6  # the size at which bold text of 12.5 is measured
NARROW = 520  # pixels; below it a chart puts its labels above the marks
SERIES = (("champion", "circle"), ("challenger", "square"))

_THIN, _NARROW, _WIDE = frozenset("ijlI.,:;'|! "), frozenset("tfr()[]-\u2026"), frozenset("mwMWGOQ%@\u2212")


def text_width(text: str, size: float = 12.5) -> float:
    """Pixels that `text` takes, rather over- than underestimated: no font is at hand to ask."""
    ems = sum(
        0.33
        if c in _THIN
        else 0.43
        if c in _NARROW
        else 0.88
        if c in _WIDE
        else 1.0
        if ord(c) > 0x2E80
        else 0.7
        if c.isupper()
        else 0.63
        for c in text
    )
    return ems * size


def fit(text: str, room: float, size: float = 12.5) -> str:
    """`text`, cut in its middle with an ellipsis when it is wider than `room`: both ends of a name tell it apart."""
    if text_width(text, size) <= room:
        return text
    keep = len(text)
    while keep > 2:
        keep -= 1
        head = (keep + 1) // 2
        short = f"{text[:head].rstrip()}\u2026{text[len(text) - (keep - head) :].lstrip() if keep > head else ''}"
        if text_width(short, size) <= room:
            return short
    return "\u2026"


def nice_step(width: float, wanted: int) -> float:
    """The 1-2-2.5-5 step that cuts `width` into about `wanted` parts (Heckbert, Graphics Gems, 1990)."""
    raw = width / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= raw * 0.999999)


@dataclass(frozen=True)
class Axis:
    """A linear scale from data to pixels, with nice ticks that cover the data.

    `factor` turns data into what is printed (100 for shares); ticks are nice in the printed unit. With `logarithmic`
    the data are natural logs, and what they are the logs of is printed.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    left: float
    right: float
    factor: float = 1.0
    decimals: int = 0
    logarithmic: bool = False

    @staticmethod
    def over(
        values: Iterable[float], *, left: float, right: float, factor: float = 1.0, room: float = 62.0, pad: float = 0.0
    ) -> Axis:
        """The axis over the finite `values`; `room` is the pixels one tick label needs."""
        known = [factor * v for v in (finite(v) for v in values) if v is not None]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        if high - low <= 1e-12 * max(abs(high), abs(low), 1e-9):
            wide = max(abs(high) * 0.5, 1e-6 if high else 1.0)
            low, high = low - wide, high + wide
        low, high = low - pad * (high - low), high + pad * (high - low)
        step = nice_step(high - low, max(2, int(abs(right - left) / room)))
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        power = math.floor(math.log10(step))
        exact = 1 if round(step / 10.0**power, 6) == 2.5 else 0
        decimals = max(0, exact - power)
        ticks = tuple(round(k * step, decimals + 2) / factor for k in range(first, last + 1))
        return Axis(ticks[0], ticks[-1], ticks, left, right, factor, decimals)

    @staticmethod
    def of_ratios(logs: Iterable[float], *, left: float, right: float, room: float = 62.0) -> Axis:
        """The axis over natural logs of ratios, from a hundredth to a hundred at most: what lies beyond stands at its
        edge. Ticks are powers of one ratio on both sides of 1, the smallest of some common ones that leaves `room`
        pixels for a label."""
        known = [min(max(v, -math.log(100)), math.log(100)) for v in map(finite, logs) if v is not None] or [0.0]
        for ratio in (1.1, 1.25, 1.5, 2.0, 4.0, 10.0, 100.0):
            step = math.log(ratio)
            first, last = math.floor(min(known) / step + 1e-9), math.ceil(max(known) / step - 1e-9)
            first, last = (first, last) if last > first else (-1, 1)
            if (right - left) / (last - first) >= room:
                break
        ticks = tuple(k * step for k in range(first, last + 1))
        return Axis(ticks[0], ticks[-1], ticks, left, right, logarithmic=True)

    @staticmethod
    def of_magnitudes(logs: Iterable[float], *, left: float, right: float, room: float = 62.0) -> Axis:
        """The axis over natural logs of amounts above 0, all of them inside. Ticks are 1, 2 and 5 times the powers of
        ten; where these leave less than `room` pixels for a label, powers of ten, then every second of them and so
        on."""
        known = [v for v in map(finite, logs) if v is not None] or [0.0]
        low, high = min(known) / math.log(10), max(known) / math.log(10)
        first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
        last = max(last, first + 1)
        fine = [k + math.log10(m) for k in range(first, last) for m in (1, 2, 5)] + [float(last)]
        start = max((k for k, v in enumerate(fine) if v <= low + 1e-9), default=0)
        end = min((k for k, v in enumerate(fine) if v >= high - 1e-9), default=len(fine) - 1)
        powers = fine[start : max(end, start + 1) + 1]
        step = 1
        while abs(right - left) / (len(powers) - 1) < room and step <= last - first:
            powers = [float(first + k) for k in range(0, last - first + step, step)]
            step += 1
        ticks = tuple(v * math.log(10) for v in powers)
        return Axis(ticks[0], ticks[-1], ticks, left, right, logarithmic=True)

    def at(self, value: float) -> float:
        """The pixel of `value`, held inside the axis."""
        held = min(max(value, self.low), self.high)
        return self.left + (held - self.low) / (self.high - self.low) * (self.right - self.left)

    def label(self, tick: float, *, signed: bool = False) -> str:
        """The tick as printed: all ticks of a linear axis carry the same decimals."""
        if self.logarithmic:
            amount = math.exp(tick)
            return f"{amount:,.0f}" if 1_000 <= amount < 1e9 else f"{amount:.3g}"
        text = f"{self.factor * tick:{'+' if signed else ''},.{self.decimals}f}"
        return typographic(text.lstrip("+-") if float(text.replace(",", "")) == 0 else text)


def px(value: float) -> str:
    """A coordinate with at most one decimal: the same picture on every machine."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


@dataclass
class Canvas:
    """Collects SVG elements; `render` closes them into one picture with a title and a description."""

    width: float
    height: float
    title: str
    desc: str
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, css: str = "", *, anchor: str = "start", full: str = "") -> None:
        """Text at a baseline; `full` is shown on hover where the text was cut."""
        hint = f"<title>{esc(full)}</title>" if full and full != text else ""
        cls = f' class="{css}"' if css else ""
        end = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.parts.append(f'<text x="{px(x)}" y="{px(y)}"{cls}{end}>{esc(text)}{hint}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        """A straight line."""
        self.parts.append(f'<line x1="{px(x1)}" y1="{px(y1)}" x2="{px(x2)}" y2="{px(y2)}" class="{css}"/>')

    def rect(
        self, x: float, y: float, width: float, height: float, css: str, *, hint: str = "", radius: float = 0
    ) -> None:
        """A rectangle; a negative size is drawn as nothing."""
        inner = f"<title>{esc(hint)}</title>" if hint else ""
        round_ = f' rx="{px(radius)}"' if radius else ""
        size = f'width="{px(max(width, 0))}" height="{px(max(height, 0))}"'
        self.parts.append(f'<rect x="{px(x)}" y="{px(y)}" {size}{round_} class="{css}">{inner}</rect>')

    def path(self, points: Sequence[tuple[float, float]], css: str, *, closed: bool = False, hint: str = "") -> None:
        """A polyline or a polygon through `points`."""
        way = "L".join(f"{px(x)} {px(y)}" for x, y in points)
        inner = f"<title>{esc(hint)}</title>" if hint else ""
        self.parts.append(f'<path d="M{way}{"Z" if closed else ""}" class="{css}">{inner}</path>')

    def mark(self, x: float, y: float, shape: str, css: str, *, size: float = 5.0, hint: str = "") -> None:
        """A point: circle, square, diamond, triangle or cross; the shape says the same as the colour."""
        if shape == "circle":
            inner = f"<title>{esc(hint)}</title>" if hint else ""
            self.parts.append(f'<circle cx="{px(x)}" cy="{px(y)}" r="{px(size)}" class="{css}">{inner}</circle>')
            return
        corners: dict[str, Callable[[float], list[tuple[float, float]]]] = {
            "square": lambda r: [(-r, -r), (r, -r), (r, r), (-r, r)],
            "diamond": lambda r: [(0, -1.4 * r), (1.4 * r, 0), (0, 1.4 * r), (-1.4 * r, 0)],
            "triangle": lambda r: [(0, -1.3 * r), (1.25 * r, r), (-1.25 * r, r)],
        }
        self.path([(x + dx, y + dy) for dx, dy in corners[shape](size * 0.9)], css, closed=True, hint=hint)

    def render(self, *, styled: bool) -> str:
        """The whole picture as one string."""
        style = f"<style>{CHART_CSS}</style>" if styled else ""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="cc" role="img" aria-label="{esc(self.title)}" '
            f'viewBox="0 0 {px(self.width)} {px(self.height)}" width="{px(self.width)}" height="{px(self.height)}">'
        )
        body = "\n".join(self.parts)
        return f"{head}\n<title>{esc(self.title)}</title><desc>{esc(self.desc)}</desc>{style}\n{body}\n</svg>\n"


def grid(canvas: Canvas, axis: Axis, *, top: float, bottom: float, signed: bool = False, caption: str = "") -> None:
    """Vertical grid lines with tick labels under `bottom`, and the axis caption centred below them."""
    for tick in axis.ticks:
        x = axis.at(tick)
        canvas.line(x, top, x, bottom, "grid")
        canvas.text(x, bottom + 16, axis.label(tick, signed=signed), "s", anchor="middle")
    canvas.line(axis.left, bottom, axis.right, bottom, "axis")
    if caption:
        canvas.text((axis.left + axis.right) / 2, bottom + 33, caption, "s", anchor="middle")


def factor_of(unit: str) -> float:
    return 100.0 if unit == "share" else 1.0


def unit_words(unit: str, *, difference: bool) -> str:
    if unit == "share":
        return "percentage points" if difference else "per cent"
    return unit


def whisker(canvas: Canvas, axis: Axis, ends: Interval, y: float, *, cap: float = 4) -> None:
    """An interval; an end beyond the axis becomes an arrowhead at the axis' edge."""
    x1, x2 = axis.at(ends[0]), axis.at(ends[1])
    canvas.line(x1, y, x2, y, "whisker")
    for x, end, way in ((x1, ends[0], 1), (x2, ends[1], -1)):
        beyond = end < axis.low if way == 1 else end > axis.high
        if beyond:
            canvas.path([(x + 6 * way, y - cap), (x, y), (x + 6 * way, y + cap)], "whisker")
        else:
            canvas.line(x, y - cap, x, y + cap, "whisker")


def legend(canvas: Canvas, labels: Sequence[str], x: float, y: float, room: float, *, bars: bool = False) -> float:
    """Names of the series with their shapes; returns the height used. Stacked where a line would be too long."""
    widths = [text_width(label, 11.5) + 30 for label in labels]
    stacked = sum(widths) > room
    for k, label in enumerate(labels):
        name, shape = SERIES[k % len(SERIES)]
        at_x = x if stacked else x + sum(widths[:k])
        at_y = y + 17 * k if stacked else y
        canvas.mark(at_x + 5, at_y - 4, "square" if bars else shape, f"{'h' if k == 0 else 'f'}-{name}", size=4)
        canvas.text(at_x + 16, at_y, fit(label, room - 20, 11.5), "s", full=label)
    return 17.0 * len(labels) if stacked else 17.0
