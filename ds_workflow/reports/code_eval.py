"""One model's evaluation on programming tasks, and two models beside each other: text and a self-contained page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

from ds_workflow.domain.code_eval.evaluation import Evaluation, Group, Outcome
from ds_workflow.domain.code_eval.scores import Paired
from ds_workflow.reports.charts_bars import horizontal_bars
from ds_workflow.reports.page import bullets, figure, page, para, section, table
from ds_workflow.reports.tables import esc, number, paragraph, percent, points, span, text_table

SHOWN = 60  # failures whose code stands on the page
LINES = 200  # of one program
WORDS: Mapping[str, str] = {
    "passed": "passed",
    "wrong_answer": "wrong answer",
    "runtime_error": "runtime error",
    "syntax_error": "syntax error",
    "import_error": "import error: a module that exists and is not at hand in the sandbox",
    "hallucination": "hallucination: names what does not exist",
    "timeout": "timeout",
    "memory": "resource limit: memory",
    "output_limit": "resource limit: output",
    "recursion": "resource limit: depth of recursion",
    "forbidden": "forbidden: tried what the sandbox does not allow",
    "exit": "ended itself",
    "crash": "crash of the interpreter",
}
_MEANS = {
    "levenshtein": "Levenshtein distance to the reference (characters)",
    "likeness": "likeness to the reference, 1 - distance / longer length",
    "tfidf_code_reference": "TF-IDF similarity of code and reference",
    "tfidf_prompt_code": "TF-IDF similarity of prompt and code",
    "complexity": "McCabe complexity",
    "nesting": "depth of nesting",
    "lines": "lines of code",
}
_CSS = """<style>
.diff{table-layout:fixed}.diff td{width:50%;font:12px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
white-space:pre-wrap;padding:.1rem .5rem;border:0;overflow-wrap:anywhere}.diff td.gone{background:var(--bad-bg)}
.diff td.come{background:var(--good-bg)}.diff th{padding:.2rem .5rem}details{margin:.6rem 0}summary{cursor:pointer}
</style>"""


def text(found: Evaluation) -> str:
    """For the terminal."""
    tasks, completions = len(found.tallies), len(found.outcomes)
    lines = [f"{found.model}: {completions:,} completions of {tasks:,} tasks of {found.tasks}", ""]
    lines += text_table(
        ["k", "pass@k", "95 % interval"],
        [[str(s.k), f"{s.value:.4f}", span(s.interval)] for s in found.scores],
        align="rrl",
    )
    lines += ["", *text_table(["outcome", "completions", "share"], _failures(found), align="lrr")]
    for by in ("category", "difficulty"):
        groups = found.grouped(by)
        if groups:
            heads = [by, "tasks", "pass@1", "95 % interval", "commonest failure"]
            lines += ["", *text_table(heads, _groups(groups), align="lrrll")]
    invented = _invented(found.outcomes)
    if invented:
        lines += ["", "Named and existing nowhere:", *(f"  {what}  ({n})" for what, n in invented[:10])]
    lines += ["", *text_table(["mean over completions", ""], _figures(found), align="lr", limit=60)]
    if found.style:
        said = ", ".join(f"{rule} {n}" for rule, n in list(found.style.items())[:8])
        lines += ["", *paragraph(f"Style: {said}.")]
    if found.unanswered:
        lines += ["", *paragraph(_unanswered(found))]
    return "\n".join(lines)


def _unanswered(found: Evaluation) -> str:
    return (
        f"{len(found.unanswered)} tasks have no completion and are not counted: {', '.join(found.unanswered[:5])}"
        f"{' and others' if len(found.unanswered) > 5 else ''}."
    )


def _failures(found: Evaluation) -> list[list[str]]:
    total = len(found.outcomes)
    return [[WORDS[kind], f"{n:,}", percent(n / total)] for kind, n in found.failures.items()]


def _groups(groups: Mapping[str, Group]) -> list[list[str]]:
    rows = []
    for name, group in groups.items():
        failed = next(((k, n) for k, n in group.failures.items() if k != "passed"), None)
        worst = f"{failed[0].replace('_', ' ')} ({failed[1]})" if failed else ""
        rows.append([name, str(group.score.tasks), f"{group.score.value:.3f}", span(group.score.interval), worst])
    return rows


def _figures(found: Evaluation) -> list[list[str]]:
    return [[_MEANS[name], number(value)] for name, value in found.means.items() if value is not None]


def _invented(outcomes: Iterable[Outcome]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for o in outcomes:
        if o.failure.kind == "hallucination":
            counts[o.failure.detail] = counts.get(o.failure.detail, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def html(found: Evaluation) -> str:
    """The page: figures, failures, categories, and each failed completion beside its reference."""
    title = f"{found.model} on {found.tasks}"
    body = [
        _CSS,
        _head(found, title),
        section("How completions ended", _distribution(found), _table("outcome", _failures(found))),
        *(_by(found, by) for by in ("category", "difficulty")),
        section(
            "Named and existing nowhere",
            bullets(f"{what} ({n})" for what, n in _invented(found.outcomes)[:30]),
        ),
        section("Likeness, complexity and style", _plain(["mean over completions", ""], _figures(found), "lr"),
                bullets(f"{rule}: {n}" for rule, n in found.style.items())),
        _code(found),
        f"<footer>Tasks {esc(found.tasks_digest[:16])}, completions {esc(found.digest[:16])}</footer>",
    ]  # fmt: skip
    return page(title, "\n".join(part for part in body if part))


def _head(found: Evaluation, title: str) -> str:
    tiles = "".join(
        f'<div class="tile"><div class="name">pass@{s.k}</div><b>{s.value:.3f}</b>'
        f'<div class="was">95 %: {esc(span(s.interval))}</div></div>'
        for s in found.scores
    )
    said = f"{len(found.outcomes):,} completions of {len(found.tallies):,} tasks, each run in a sandbox of its own."
    lost = para(_unanswered(found)) if found.unanswered else ""
    return f'<div class="head"><h1>{esc(title)}</h1>{para(said)}{lost}<div class="tiles">{tiles}</div></div>'


def _distribution(found: Evaluation) -> str:
    values = {kind.replace("_", " "): n / len(found.outcomes) for kind, n in found.failures.items()}
    charts = [horizontal_bars(values, title="Outcomes", unit="share", width=width) for width in (760, 360)]
    return figure("Outcomes", "Share of completions", *charts)


def _by(found: Evaluation, by: str) -> str:
    groups = found.grouped(by)
    heads = [by, "tasks", "pass@1", "95 % interval", "commonest failure"]
    return section(f"By {by}", _plain(heads, _groups(groups), "lrrll")) if groups else ""


def _table(what: str, rows: Sequence[Sequence[str]]) -> str:
    return _plain([what, "completions", "share"], rows, "lrr")


def _plain(heads: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    return table(heads, ([esc(cell) for cell in row] for row in rows), align=align)


def _code(found: Evaluation) -> str:
    failed = [o for o in found.outcomes if not o.passed]
    shown = [_beside(o) for o in failed[:SHOWN]]
    if not shown:
        return ""
    rest = f"The first {SHOWN} of {len(failed)} failed completions." if len(failed) > SHOWN else ""
    return section("Failed completions beside their references", para(rest), *shown)


def _beside(outcome: Outcome) -> str:
    kind = WORDS[outcome.failure.kind].split(":")[0]
    what = f"{outcome.task.task_id}, sample {outcome.completion.sample}: {kind} {outcome.failure.detail}".strip()
    rows = "".join(
        f"<tr><td{_css('gone', changed)}>{esc(left)}</td><td{_css('come', changed)}>{esc(right)}</td></tr>"
        for left, right, changed in side_by_side(outcome.source, outcome.task.reference)
    )
    head = '<thead><tr><th scope="col">completion</th><th scope="col">reference</th></tr></thead>'
    diff = f'<table class="diff">{head}<tbody>{rows}</tbody></table>'
    return f"<details><summary>{esc(what)}</summary>{para(outcome.message, css='soft')}{diff}</details>"


def _css(name: str, changed: bool) -> str:
    return f' class="{name}"' if changed else ""


def side_by_side(left: str, right: str) -> list[tuple[str, str, bool]]:
    """Rows of (line, line, whether they differ), aligned by their common lines; at most 200 lines of a side."""
    a, b = left.splitlines()[:LINES], right.splitlines()[:LINES]
    rows = []
    for kind, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        pairs = max(j - i, m - k)
        ours, theirs = a[i:j] + [""] * (pairs - (j - i)), b[k:m] + [""] * (pairs - (m - k))
        rows += [(x, y, kind != "equal") for x, y in zip(ours, theirs, strict=True)]
    return rows


def paired_text(champion: str, challenger: str, found: Paired) -> str:
    """Two files of completions of the same tasks, for the terminal; neither is a champion of the arena."""
    first, second = f"{champion} (--against)", f"{challenger} (--completions)"
    lines = text_table(
        ["", "pass@1"], [[first, f"{found.champion:.4f}"], [second, f"{found.challenger:.4f}"]], align="lr"
    )
    lines.append("")
    lines += paragraph(
        f"Difference {points(found.difference)}, 95 % {span(found.interval, 'share', difference=True)} "
        f"({found.interval_by}, of which there are {found.tasks}); {found.only_challenger} tasks are answered better "
        f"by {second}, {found.only_champion} by {first} ({found.test}: {p_words(found.p_value)})."
    )
    return "\n".join(lines)


def p_words(p: float) -> str:
    """A p-value with four digits; one below them is said to be so, since none is 0."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"
