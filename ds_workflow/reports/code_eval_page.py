"""The console's parts of an evaluation of code: scores, how completions ended, categories, two models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ds_workflow.domain.code_eval.scores import Paired, score, tallies
from ds_workflow.reports.charts import ForestRow, forest_plot
from ds_workflow.reports.charts_bars import horizontal_bars
from ds_workflow.reports.code_eval import WORDS, p_words, side_by_side
from ds_workflow.reports.page import bullets, figure, para, section, table
from ds_workflow.reports.tables import count, esc, measure, number, percent, span

__all__ = ["body", "pair_body", "side_by_side"]

WIDE, SLIM = 870, 350
Outcomes = Sequence[Mapping[str, Any]]


def body(
    summary: Mapping[str, Any], outcomes: Outcomes, *, address: str, choice: Mapping[str, str], source: str
) -> str:
    """Scores of the whole, then of what was chosen: how completions ended, by category and difficulty, findings."""
    query = urlencode({k: v for k, v in choice.items() if v})
    link = f"{address}/outcomes.csv{'?' + query if query else ''}"
    line = f'<p class="small soft">From {esc(source)} · <a href="{esc(link)}">outcomes.csv</a></p>'
    if not outcomes:
        return _tiles(summary) + para("No completion fits this choice.")
    parts = [
        _tiles(summary),
        _scores(summary, line),
        _ended(outcomes, line),
        *(_by(outcomes, by, line) for by in ("category", "difficulty")),
        _invented(outcomes),
    ]
    return "\n".join(part for part in parts if part)


def _tiles(summary: Mapping[str, Any]) -> str:
    shown = [
        f'<div class="tile"><div class="name">pass@{esc(k)}</div><b>{value:.3f}</b>'
        f'<div class="was">95 %: {esc(span(summary["intervals"][k]))}</div></div>'
        for k, value in summary["pass_at"].items()
    ]
    for name, words in (
        ("likeness", "Likeness to the reference"),
        ("complexity", "McCabe complexity"),
        ("tfidf_prompt_code", "TF-IDF, prompt and code"),
    ):
        value = summary.get("means", {}).get(name)
        if value is not None:
            shown.append(
                f'<div class="tile"><div class="name">{words}</div><b>{esc(number(value, digits=3))}</b></div>'
            )
    return f'<div class="tiles">{"".join(shown)}</div>'


def _scores(summary: Mapping[str, Any], line: str) -> str:
    rows = [ForestRow(f"pass@{k}", v, tuple(summary["intervals"][k])) for k, v in summary["pass_at"].items()]

    def draw(width: int) -> str:
        return forest_plot(rows, title="pass@k", unit="share", difference=False, width=width, styled=False)

    said = "The chance that one of k tries passes every test, over all tasks, with 95 % intervals."
    return section("Scores", figure("pass@k", said, draw(WIDE), draw(SLIM)), line)


def _ended(outcomes: Outcomes, line: str) -> str:
    ended = Counter(str(o["kind"]) for o in outcomes)
    shares: dict[str, float | None] = {k.replace("_", " "): n / len(outcomes) for k, n in ended.items()}

    def draw(width: int) -> str:
        return horizontal_bars(shares, title="Outcomes", unit="share", width=width, styled=False)

    rows = [[esc(WORDS.get(kind, kind)), count(n), percent(n / len(outcomes))] for kind, n in ended.most_common()]
    return section(
        "How completions ended",
        figure("Outcomes", f"Share of {count(len(outcomes))} completions.", draw(WIDE), draw(SLIM)),
        line,
        table(["Outcome", "Completions", "Share"], rows, align="lrr"),
    )


def _by(outcomes: Outcomes, by: str, line: str) -> str:
    names = sorted({str(o.get(by) or "") for o in outcomes} - {""})
    if not names:
        return ""
    rows, cells = [], []
    for name in names:
        mine = [o for o in outcomes if o.get(by) == name]
        found = score(tallies([(str(o["task_id"]), bool(o["passed"])) for o in mine]), 1)
        rows.append(ForestRow(name, found.value, found.interval))
        failed = Counter(str(o["kind"]) for o in mine if not o["passed"]).most_common(1)
        worst = f"{failed[0][0].replace('_', ' ')} ({failed[0][1]})" if failed else ""
        cells.append([esc(name), str(found.tasks), f"{found.value:.3f}", esc(span(found.interval)), esc(worst)])

    def draw(width: int) -> str:
        return forest_plot(rows, title=by, unit="share", difference=False, width=width, styled=False)

    heads = [by.capitalize(), "Tasks", "pass@1", "95 % interval", "Commonest failure"]
    return section(
        f"By {by}",
        figure(by.capitalize(), "pass@1 with 95 % intervals.", draw(WIDE), draw(SLIM)),
        line,
        table(heads, cells, align="lrrll"),
    )


def _invented(outcomes: Outcomes) -> str:
    named = Counter(str(o["detail"]) for o in outcomes if o["kind"] == "hallucination")
    return section("Named and existing nowhere", bullets(f"{what} ({n})" for what, n in named.most_common(20)))


def pair_body(left: str, right: str, found: Paired) -> str:
    """The paired comparison: scores, difference, test."""
    rows = [
        ForestRow(f"{right} minus {left}", found.difference, found.interval, _standing(found.interval)),
    ]

    def draw(width: int) -> str:
        return forest_plot(rows, title="Difference in pass@1", unit="share", width=width, styled=False)

    said = (
        f"{left}: {percent(found.champion)}; {right}: {percent(found.challenger)}. Difference "
        f"{measure(found.difference, 'share', difference=True)}, 95 % "
        f"{span(found.interval, 'share', difference=True)} ({found.interval_by}, of which there are "
        f"{count(found.tasks)}). "
        f"{right} is better on {count(found.only_challenger)} tasks, {left} on {count(found.only_champion)} "
        f"({found.test}: {p_words(found.p_value)})."
    )
    return section(
        "Beside each other", para(said), figure("Difference in pass@1", "Paired by task.", draw(WIDE), draw(SLIM))
    )


def _standing(interval: tuple[float, float]) -> str:
    if interval[0] <= 0 <= interval[1]:
        return "unclear"
    return "better" if interval[0] > 0 else "worse"
