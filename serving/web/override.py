"""Against the verdict: asking for an override and deciding one, each with a page that repeats what is confirmed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from ds_workflow.use_cases.arena import page, resolve
from registry.errors import NotPromotable
from serving.web.arena import OVERRIDE, Choice, problem_of, require_form, require_whole, state
from serving.web.frame import PageRoute, Reader, console_of, render
from serving.web.security import Refused

router = APIRouter(route_class=PageRoute)
CONFIRMED = "override confirmed"  # the action that the second form's token is made for, with the words of the first


@router.post("/arena/{proposal_id}/override")
def confirm(request: Request, who: Reader, proposal_id: str, form: Annotated[Choice, Form()]) -> Response:
    """What exactly is about to be asked for or decided, once more, before anything is written."""
    console = console_of(request)
    work = console.work(problem_of(console, proposal_id))
    before = work.registry.proposal(proposal_id)
    person = require_form(who, OVERRIDE, before, form.csrf)
    said = require_whole(form)
    found = page.read(work, proposal_id, reader=person)
    deciding = _deciding(found)
    if refusal := found.refusals["override" if deciding else "ask"]:
        raise Refused(403, "decision", refusal)
    if form.seen_digest != before.digest:
        raise Refused(409, "decision", "You looked at other evidence than this proposal binds.", hint="Open it again.")
    return render(
        request,
        "override.html",
        title="Confirm an override",
        page=found,
        p=before,
        deciding=deciding,
        reason=said,
        token=who.form_token(CONFIRMED, state(before, said=said)),
        against=[g for g in before.gates if g.status != "pass"],
    )


@router.post("/arena/{proposal_id}/override/confirmed")
def confirmed(request: Request, who: Reader, proposal_id: str, form: Annotated[Choice, Form()]) -> Response:
    """Ask for it, or as the second person decide it: what the page before repeated, with those words."""
    console = console_of(request)
    work = console.work(problem_of(console, proposal_id))
    before = work.registry.proposal(proposal_id)
    said = require_whole(form)
    person = require_form(who, CONFIRMED, before, form.csrf, said=said)
    act = resolve.decide_override if _deciding(page.read(work, proposal_id)) else resolve.ask_override
    done = act(work, proposal_id, by=person, reason=said, seen_digest=form.seen_digest).proposal
    console.log(
        "decision", "granted", who, request.url.path, f"{done.id} is {done.label}, against verdict {done.verdict}"
    )
    return RedirectResponse(f"/arena/{done.id}", status_code=303)


def _deciding(found: page.Page) -> bool:
    """Whether the proposal is an override that waits for its second person, and not one that could be asked for."""
    if not found.override:
        raise NotPromotable(
            f"'{found.proposal.id}' is {found.label}, verdict {found.proposal.verdict}: there is nothing to override.",
            hint="Open the proposal to see what can be done.",
        )
    return found.override == "decide"
