"""The effective-challenge checklist: for the terminal, as a document, and its sign-offs for other documents."""

from __future__ import annotations

from collections.abc import Sequence

from ds_workflow.domain.checklist import Checklist, Line
from ds_workflow.reports.cited import MISSING
from ds_workflow.reports.pack_view import STATUS_WORDS, View, head, not_asked
from ds_workflow.reports.tables import code, md, md_table, paragraph, plain

SIGNS = {"pass": "+", "fail": "x", "unknown": "?", "unsigned": "!", "not required": "-"}


def text(checklist: Checklist, lines: Sequence[Line], *, title: str, width: int = 100) -> str:
    """For the terminal: each gate with its sign, and why it is so."""
    out = [plain(title)]
    for letter, section in checklist.sections.items():
        out += ["", f"{letter}  {section}"]
        for line in (one for one in lines if one.gate.section == letter):
            said = f"{line.gate.question} {line.detail}"
            first, *rest = paragraph(said, width=width - 20) or [""]
            out += [f"  {SIGNS[line.status]} {line.gate.id:<4}{line.status:<13}{first}", *(" " * 20 + r for r in rest)]
    return "\n".join(out) + "\n"


def markdown(view: View) -> str:
    """The document."""
    out = head(view, "Effective-challenge checklist")
    ready = [line.gate.id for line in view.lines if line.open]
    said = f"Required and not green: {', '.join(ready)}." if ready else "Every required gate is green."
    out += [f"{said} {not_asked(view)}".strip(), ""]
    for letter, title in view.checklist.sections.items():
        rows = [_row(view, i) for i, line in enumerate(view.lines) if line.gate.section == letter]
        out += [f"## {letter}. {md(title)}", ""]
        out += [*md_table(["Gate", "Status", "Asked", "What is known", "Role and name", "Evidence"], rows), ""]
    out += [view.shelf.below("checklist", "facts")]
    return "\n".join(out) + "\n"


def _row(view: View, i: int) -> list[str]:
    line, shelf = view.lines[i], view.shelf
    keys = dict.fromkeys(f.evidence for f in line.facts if shelf.has(f.evidence))
    shown = ", ".join(shelf.link(k, text=md(shelf.sources[k].name)) for k in keys)
    signed = "signed by " + shelf.text("checklist", "gates", i, "signature", "by") if line.signature else ""
    return [
        code(line.gate.id),
        STATUS_WORDS[line.status],
        md(line.gate.question),
        shelf.text("checklist", "gates", i, "detail"),
        f"{md(line.gate.role)}: {md(line.approver) or 'nobody named'}",
        ", ".join(part for part in (shown, signed) if part) or (MISSING if line.open else "none"),
    ]


def signoffs(view: View) -> list[str]:
    """The gates that people sign: who is named, who signed, when."""
    rows = []
    for i, line in enumerate(view.lines):
        if not line.gate.signed:
            continue
        got = line.signature
        absent = MISSING if line.open else "not required"
        who = absent if got is None else md(got.by) + (" **SELF-SIGNED**" if got.own else "")
        when = view.shelf.word("checklist", "gates", i, "signature", "at") if got else absent
        rows.append(
            [code(line.gate.id), md(line.gate.question), md(line.gate.role), STATUS_WORDS[line.status], who, when]
        )
    return [*md_table(["Gate", "Asked", "Role", "Status", "Signed by", "At"], rows), "", view.shelf.below("checklist")]
