"""The arena's pages: proposals, one proposal, and the two forms that decide it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from ds_workflow.use_cases.arena import apply, page
from registry.errors import NotFound
from serving.web.frame import PROPOSAL_ID, Console, PageRoute, Reader, console_of, render
from serving.web.security import Refused, Visitor, same

if TYPE_CHECKING:
    from registry.records import Proposal

router = APIRouter(route_class=PageRoute)
LONGEST_REASON = 2_000  # characters
OVERRIDE = "override"
DECIDERS = {"approve": ("approver",), "reject": ("approver", "data_scientist")}


class Choice(BaseModel):
    """The fields of the two forms that decide."""

    csrf: str = ""
    seen_digest: str = ""
    reason: str = ""


@router.get("/arena")
def proposals(request: Request, who: Reader, problem: str = "", state: str = "") -> Response:
    """All proposals, newest first; `problem` and `state` (open, decided) narrow the list."""
    console = console_of(request)
    names = [problem] if problem else list(console.problems)
    rows = [row for name in names for row in page.rows(console.work(name))]
    if state in ("open", "decided"):
        rows = [r for r in rows if (r.label in ("pending", "no_winner", "invalid")) == (state == "open")]
    rows.sort(key=lambda row: row.proposal.id, reverse=True)
    return render(
        request,
        "arena.html",
        title="Arena",
        rows=rows,
        problems=console.problems,
        problem=problem,
        state=state,
    )


@router.get("/arena/{proposal_id}")
def proposal(request: Request, who: Reader, proposal_id: str) -> Response:
    """One proposal: all its evidence, and the forms for whoever may decide it."""
    console = console_of(request)
    name = problem_of(console, proposal_id)
    reader = who.session.account.name if who.session is not None else ""
    found = page.read(console.work(name), proposal_id, reader=reader)
    p = found.proposal
    return render(
        request,
        "proposal.html",
        title=f"{p.id}",
        page=found,
        p=p,
        may={action: any(map(who.may, roles)) for action, roles in DECIDERS.items()},
        tokens={action: who.form_token(action, state(p)) for action in (*DECIDERS, OVERRIDE)},
        users=len(console.accounts.listed()),
        longest=LONGEST_REASON,
    )


@router.post("/arena/{proposal_id}/{action}")
def decide(request: Request, who: Reader, proposal_id: str, action: str, form: Annotated[Choice, Form()]) -> Response:
    """Approve or reject, as the person who is logged in, on the evidence that the form showed."""
    console = console_of(request)
    if action not in DECIDERS:
        raise Refused(404, "request", "There is no such page.")
    name = problem_of(console, proposal_id)
    work = console.work(name)
    before = work.registry.proposal(proposal_id)
    person = require_form(who, action, before, form.csrf)
    if not any(map(who.may, DECIDERS[action])):
        has = " and ".join(who.account.roles if who.account else ())
        needed = " or ".join(DECIDERS[action])
        raise Refused(403, "decision", f"'{person}' is {has} here; to {action} needs the role {needed}.")
    said = require_whole(form)
    act = apply.approve if action == "approve" else apply.reject
    decided = act(work, proposal_id, by=person, reason=said, seen_digest=form.seen_digest).proposal
    console.log("decision", "granted", who, request.url.path, f"{decided.id} is {decided.label}")
    return RedirectResponse(f"/arena/{proposal_id}", status_code=303)


def require_whole(form: Choice) -> str:
    """The reason of a form that says which evidence was seen and why it is decided so."""
    if not form.seen_digest:
        raise Refused(400, "decision", "The form does not say which evidence was seen.", hint="Open it again.")
    said = " ".join(form.reason.split())
    if not said or len(said) > LONGEST_REASON:
        raise Refused(
            400,
            "decision",
            f"A decision needs a reason of 1 to {LONGEST_REASON:,} characters.",
            hint="Go back and say in a sentence why; it is kept for good.",
        )
    return said


def problem_of(console: Console, proposal_id: str) -> str:
    """Which problem a proposal is about. What is no id at all is refused before any store is asked."""
    if not PROPOSAL_ID.fullmatch(proposal_id):
        raise Refused(404, "request", f"'{proposal_id[:80]}' is not a proposal's id.", hint="The arena lists them.")
    work = console.any  # all problems share one ledger
    name = work.registry.proposal(proposal_id).problem
    if name not in console.problems:
        raise NotFound(f"'{proposal_id}' is about {name}, which is not installed here.")
    return name


def state(p: Proposal, row_version: int | None = None, *, said: str = "") -> str:
    """What a form is bound to: this proposal as it is, so that any change of it makes the form stale; and the words
    that were `said` where a second form repeats them."""
    words = f" {sha256(said.encode()).hexdigest()}" if said else ""
    return f"{p.id} {p.row_version if row_version is None else row_version}{words}"


def require_form(who: Visitor, action: str, p: Proposal, csrf: str, *, said: str = "") -> str:
    """The name of the person whose session sent a form that this server made for this very state."""
    if who.session is None:
        raise Refused(401, "form", "Deciding needs a login.", hint="Log in, read the proposal and decide there.")
    if same(csrf, who.form_token(action, state(p, said=said))):
        return who.session.account.name
    if any(same(csrf, who.form_token(action, state(p, k, said=said))) for k in range(1, p.row_version)):
        by = f" by {p.decided_by} on {p.decided_at}" if p.decided_by else ""
        raise Refused(
            409,
            "replay",
            f"This form was sent before, or the proposal changed since: it is {p.label}{by}.",
            hint="Nothing was done again. Open the proposal to see what it is now.",
        )
    raise Refused(403, "form", "This form was not made by this server for you.", hint="Open the proposal again.")
