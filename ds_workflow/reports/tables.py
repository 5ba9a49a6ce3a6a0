"""Numbers, tables and escaping that all reports share.

Plain text and Markdown use the hyphen as minus, so that they can be searched and pasted; HTML and pictures use the
true minus through `typographic`. A figure that was not measured is printed as `n/a`, never as 0.
"""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

MISSING = "n/a"
NOT_PROVIDED = "NOT PROVIDED"
_CURRENCIES = ("USD", "EUR", "GBP")
Interval = tuple[float, float]

_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
_UNIT = re.compile(r"(?<=[\d\]]) (?=(?:%|pp|rows|points)(?!\w))")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#$])")


def finite(value: Any) -> float | None:
    """`value` as a float, or None when it is absent, not a number, NaN or infinite."""
    if value is None or isinstance(value, (str, bool)):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def pair(value: Any) -> Interval | None:
    """An interval as two floats in order (an end may be infinite), or None when an end is missing or NaN."""
    if value is None or len(value) != 2 or any(end is None or math.isnan(float(end)) for end in value):
        return None
    low, high = float(value[0]), float(value[1])
    return (low, high) if low <= high else (high, low)


def plain(text: object) -> str:
    """Text without control or direction-changing characters: a name can neither move the cursor nor break XML."""
    return _CONTROL.sub("", str(text))


def esc(text: object) -> str:
    """Text made safe for HTML and SVG, in element content and in quoted attributes."""
    return html.escape(plain(text), quote=True)


def typographic(text: str) -> str:
    """The same text with a true minus before numbers, and units that stay on their number's line."""
    return _UNIT.sub("\u00a0", _MINUS.sub("\u2212", text))


def number(value: Any, *, digits: int = 4, signed: bool = False) -> str:
    """About `digits` significant digits, thousands grouped, no exponent between 1e-4 and 1e15."""
    x = finite(value)
    if x is None:
        return MISSING
    sign = "+" if signed and x > 0 else ""
    if x == 0:
        return "0"
    size = math.floor(math.log10(abs(x)))
    if size < -4 or size >= 15:
        return f"{sign}{x:.{max(digits - 1, 0)}g}"
    decimals = 0 if x == int(x) and abs(x) < 1e15 else max(0, digits - 1 - size)
    text = f"{x:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return sign + text


def count(value: Any) -> str:
    """A whole number with grouped thousands."""
    x = finite(value)
    return MISSING if x is None else f"{round(x):,}"


def _fixed(x: float, decimals: int, *, signed: bool) -> str:
    text = f"{x:+,.{decimals}f}" if signed else f"{x:,.{decimals}f}"
    return text[1:] if float(text.replace(",", "")) == 0 and text[0] in "+-" else text


def percent(value: Any, *, decimals: int = 1, signed: bool = False) -> str:
    """A share as per cent: 0.1637 is `16.4 %`."""
    x = finite(value)
    return MISSING if x is None else f"{_fixed(100 * x, decimals, signed=signed)} %"


def points(value: Any, *, decimals: int = 2) -> str:
    """A difference of two shares in percentage points: -0.0081 is `-0.81 pp`."""
    x = finite(value)
    return MISSING if x is None else f"{_fixed(100 * x, decimals, signed=True)} pp"


def money(value: Any, *, currency: str = "USD", signed: bool = False) -> str:
    """An amount without cents from 100 up: `1,250,000 USD`."""
    x = finite(value)
    if x is None:
        return MISSING
    return f"{_fixed(x, 0 if abs(x) >= 100 else 2, signed=signed)} {currency}"


def measure(value: Any, unit: str = "", *, difference: bool = False) -> str:
    """A figure in its unit: `share` as per cent (a difference in percentage points), currencies as money."""
    if finite(value) is None:
        return MISSING
    if unit == "share":
        return points(value) if difference else percent(value, decimals=2)
    if unit in _CURRENCIES:
        return money(value, currency=unit, signed=difference)
    return number(value, signed=difference)


def span(interval: Any, unit: str = "", *, difference: bool = False) -> str:
    """An interval in its unit, `[-1.20, -0.48] pp`; an infinite end is said in words."""
    ends = pair(interval)
    if ends is None:
        return MISSING
    if unit in ("share", *_CURRENCIES):
        texts = ["no limit" if math.isinf(end) else measure(end, unit, difference=difference) for end in ends]
    else:  # both ends with the same decimals
        widest = max((abs(end) for end in ends if math.isfinite(end)), default=0.0)
        decimals = max(0, 2 - math.floor(math.log10(widest))) if widest else 0
        tiny = decimals > 8  # with fixed decimals both ends would be a row of zeros

        def text(end: float) -> str:
            return number(end, digits=3, signed=difference) if tiny else _fixed(end, decimals, signed=difference)

        texts = ["no limit" if math.isinf(end) else text(end) for end in ends]
    suffix = next((t.rsplit(" ", 1)[1] for t in texts if t != "no limit" and " " in t), "")
    cut = [t.removesuffix(f" {suffix}") if suffix else t for t in texts]
    return f"[{cut[0]}, {cut[1]}]{' ' + suffix if suffix else ''}"


def metric_unit(name: str) -> str:
    """The unit of a known metric, or empty."""
    from ds_workflow.domain.metrics import METRICS  # numpy: not for a status line

    return METRICS[name].unit if name in METRICS else ""


def metric_title(name: str) -> str:
    """The title of a known metric, or its name."""
    from ds_workflow.domain.metrics import METRICS

    return METRICS[name].title if name in METRICS else name


def md(text: object) -> str:
    """Text made inert in Markdown, on one line, also inside a table cell."""
    flat = " ".join(plain(text).split())
    return re.sub(r"^([-+]|\d+\.)(?=\s)", r"\\\1", _MARKDOWN.sub(r"\\\1", flat))


def code(text: object) -> str:
    """Text as Markdown code, safe inside a table cell."""
    flat = " ".join(plain(text).split()).replace("`", "'").replace("|", "\\|")
    return f"`{flat}`" if flat else ""


def md_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, align: str = "") -> list[str]:
    """A Markdown table; the cells are Markdown already. `align` holds one of l, r, c per column."""
    marks = {"l": "---", "r": "---:", "c": ":---:"}
    lined = align.ljust(len(headers), "l")[: len(headers)]
    head = [f"| {' | '.join(headers)} |", f"| {' | '.join(marks[a] for a in lined)} |"]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def text_table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, align: str = "", indent: str = "  ", limit: int = 46
) -> list[str]:
    """Lines of an aligned table for the terminal; a cell longer than `limit` is wrapped inside its column."""
    lined = align.ljust(len(headers), "l")[: len(headers)]
    headers = [plain(head) for head in headers]
    body = [[textwrap.wrap(plain(cell), limit) or [""] for cell in row] for row in rows]
    widths = [
        max([len(head), *(len(line) for row in body for line in row[i])], default=0) for i, head in enumerate(headers)
    ]

    def put(cells: Sequence[str]) -> str:
        padded = [c.rjust(w) if a == "r" else c.ljust(w) for c, w, a in zip(cells, widths, lined, strict=True)]
        return (indent + "  ".join(padded)).rstrip()

    lines = [put(headers), indent + "  ".join("-" * w for w in widths)]
    for row in body:
        for k in range(max(len(cell) for cell in row)):
            lines.append(put([cell[k] if k < len(cell) else "" for cell in row]))
    return lines


def paragraph(text: str, *, width: int = 100, indent: str = "") -> list[str]:
    """Lines of running text; a long word (a digest, a path) is never cut."""
    return textwrap.wrap(
        plain(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
