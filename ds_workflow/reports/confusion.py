"""The confusion matrix for people: the four counts, the rates with their intervals, and a picture."""

from __future__ import annotations

from collections.abc import Sequence

from ds_workflow.domain.confusion import RATES, Confusion, Matrix, Rate
from ds_workflow.reports.svg import NARROW, Canvas, fit
from ds_workflow.reports.tables import count, md, md_table, number, percent, span, typographic

TITLE = "Answers beside the truth"
_SHOWN = ("accuracy", "recall", "specificity", "precision", "negative_precision")
_WORDS = {"negative_precision": "negative precision", "false_alarms": "false alarms", "class_1": "class 1"}


def markdown(found: Confusion, *, target: str) -> str:
    """The matrix over all rows, every rate, and the leading rates by segment. `target` names class 1."""
    m = found.overall
    what = "rows of the population" if found.weighted else "holdout rows"
    zeros = m.false_positive + m.true_negative
    ones = m.true_positive + m.false_negative
    out = [
        f"{count(m.rows)} holdout rows; a row is flagged when its probability of {md(target)} reaches "
        f"{number(found.threshold)}. Counts are of {what}.",
        "",
        *md_table(
            ["truth", "flagged", "left alone", "all"],
            [
                [f"{md(target)} = 1", count(m.true_positive), count(m.false_negative), count(ones)],
                [f"{md(target)} = 0", count(m.false_positive), count(m.true_negative), count(zeros)],
            ],
            align="lrrr",
        ),
        "",
        *md_table(
            ["rate", "share of", "value", "95 % interval"],
            [[_word(name), md(RATES[name]), *_figure(rate)] for name, rate in m.rates.items()],
            align="llrr",
        ),
        "",
        "Wilson intervals; rows of one cluster rise and fall together, which widens them.",
    ]
    if found.segments:
        heads = ["segment", "rows", *(_word(name) for name in _SHOWN)]
        body = [[md(s.place), count(s.rows), *(_both(s.rates[name]) for name in _SHOWN)] for s in found.segments]
        out += ["", *md_table(heads, body, align="lr" + "r" * len(_SHOWN))]
    return "\n".join(out) + "\n"


def chart(found: Confusion, *, target: str, width: int, styled: bool = False) -> str:
    """The four counts as a square, each with its share of the truth's row."""
    m = found.overall
    narrow = width < NARROW
    left = 96.0 if narrow else 190.0
    cell, height, top = min((width - left - 8) / 2, 230.0), 74.0, 44.0
    words = ", ".join(f"{name} {typographic(text)}" for name, text in _told(m))
    canvas = Canvas(width, top + 2 * height + 34, TITLE, f"{words}.")
    canvas.text(left + cell, 16, f"answer: probability of {target}", "s", anchor="middle")
    for k, word in enumerate((f"{number(found.threshold)} and more", "below")):
        canvas.text(left + cell * (k + 0.5), 35, word, "b", anchor="middle")
    rows: Sequence[tuple[str, float, float, int]] = (
        (f"{target} = 1", m.true_positive, m.false_negative, 0),
        (f"{target} = 0", m.false_positive, m.true_negative, 1),
    )
    for r, (name, flagged, alone, right) in enumerate(rows):
        y, whole = top + height * r, flagged + alone
        canvas.text(0, y + height / 2 - 2, fit(name, left - 12), "b", full=name)
        canvas.text(0, y + height / 2 + 14, f"{count(whole)} rows", "s")
        for k, value in enumerate((flagged, alone)):
            good = k == right
            share = percent(value / whole) if whole else "no rows"
            x = left + cell * k
            canvas.rect(x + 2, y + 2, cell - 4, height - 4, "h-good" if good else "h-bad", radius=4)
            canvas.text(x + cell / 2, y + height / 2 - 2, count(value), "b", anchor="middle")
            canvas.text(x + cell / 2, y + height / 2 + 16, typographic(share), "s", anchor="middle")
            canvas.text(x + 10, y + 18, "right" if good else "wrong", "s")
    canvas.text(left + cell, top + 2 * height + 20, "shares are of the row", "s", anchor="middle")
    return canvas.render(styled=styled)


def _told(m: Matrix) -> list[tuple[str, str]]:
    return [
        ("class 1 flagged", count(m.true_positive)),
        ("class 1 left alone", count(m.false_negative)),
        ("class 0 flagged", count(m.false_positive)),
        ("class 0 left alone", count(m.true_negative)),
    ]


def _word(name: str) -> str:
    return _WORDS.get(name, name)


def _figure(rate: Rate) -> list[str]:
    return [percent(rate.value, decimals=2), md(span(rate.interval, "share"))]


def _both(rate: Rate) -> str:
    value, ends = _figure(rate)
    return f"{value} {ends}" if rate.interval else value
