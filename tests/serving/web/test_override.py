"""Against the verdict, on the pages: one person asks, another decides, each after a page that repeats all of it."""

from __future__ import annotations

from dataclasses import replace

from console import PASSWORD, XSS, Story, hidden, log_in, visit
from fastapi.testclient import TestClient

from ds_workflow.use_cases.arena import page, status
from registry.records import GateResult, Proposal
from serving.app import create_app

WHY = f"Recall decides {XSS}"
FAILED = GateResult("recall", "fail", 0.61, None, "at least 0.7", 900, f"too few are found {XSS}")


def failed(story: Story) -> Proposal:
    """The story's proposal as if a gate had failed it: the same versions, rows and documents."""
    registry = story.work().registry
    first = registry.proposal(story.proposal)
    evidence = replace(first.evidence, verdict="fail")
    return registry.propose(evidence, gates=(FAILED,), owner="ines", hypothesis=first.hypothesis)


def first_form(client: TestClient, ident: str, reason: str = WHY) -> dict[str, str]:
    """The form of the proposal's page, as this person is shown it."""
    shown = client.get(f"/arena/{ident}").text
    after = f'action="/arena/{ident}/override"'
    return {"reason": reason, **{name: hidden(shown, name, after=after) for name in ("csrf", "seen_digest")}}


def second_form(client: TestClient, ident: str, reason: str = WHY) -> tuple[str, dict[str, str]]:
    """The page that repeats what is to be confirmed, and its form."""
    answer = client.post(f"/arena/{ident}/override", data=first_form(client, ident, reason))
    assert answer.status_code == 200, answer.text
    after = f'action="/arena/{ident}/override/confirmed"'
    return answer.text, {
        "reason": reason,
        **{name: hidden(answer.text, name, after=after) for name in ("csrf", "seen_digest")},
    }


def test_two_people_override_and_the_mark_stays(story: Story) -> None:
    asked_of = failed(story)
    work, app = story.work(), create_app(story.work())
    work.accounts.add("dan", roles=("data_scientist", "approver"), password=PASSWORD)
    ident, people = asked_of.id, {name: visit(app) for name in ("vic", "dan", "ada", "ines")}
    for name, client in people.items():
        assert log_in(client, name).status_code == 303
    assert "arena-override" in status.show(work, ident).text()
    stranger = visit(app).get(f"/arena/{ident}").text
    assert "An override needs a login" in stranger and 'action="/arena/' not in stranger

    looking = people["vic"].get(f"/arena/{ident}").text
    assert "&#39;vic&#39; is viewer here" in looking.partition('id="override"')[2]
    assert f'action="/arena/{ident}/override"' not in looking

    client = people["dan"]
    shown, form = second_form(client, ident)
    for part in (ident, asked_of.digest, asked_of.challenger.digest, asked_of.champion.digest, "too few are found"):
        assert part in shown
    assert "<img src=x" not in shown and shown.count("<script") == 1
    before = work.registry.proposals()
    where = f"/arena/{ident}/override/confirmed"
    first = first_form(client, ident)
    for harmed, code in (
        ({**form, "reason": "another reason than was repeated"}, 403),
        ({**form, "seen_digest": "f" * 64}, 409),
        ({**form, "reason": " "}, 400),
        (first, 403),  # the first form can't skip the page that repeats it
    ):
        assert client.post(where, data=harmed).status_code == code
    assert people["ada"].post(where, data=form).status_code == 403, "another session's form"
    assert work.registry.proposals() == before
    done = client.post(where, data=form)
    override = work.registry.proposal(done.headers["location"].removeprefix("/arena/"))
    assert (override.kind, override.owner, override.disposition) == ("override", "dan", "open")
    assert client.post(where, data=form).headers["location"] == f"/arena/{override.id}", "asked once"
    assert f"/arena/{override.id}" in client.get(f"/arena/{ident}").text
    assert "OVERRIDE ASKED FOR" in client.get("/").text and "OVERRIDE ASKED FOR" in client.get("/arena").text

    for name, why in (("dan", "asked for this override"), ("ines", "owns the candidate"), ("vic", "does not have the")):
        assert why in people[name].get(f"/arena/{override.id}").text.partition("Not you:")[2], name
    # who asked has no form here, so it is made as the page would have made it
    assert hidden(people["dan"].get(f"/arena/{override.id}").text, "csrf", after="/override") == ""

    shown, form = second_form(people["ada"], override.id, "As the board said")
    assert all(part in shown for part in (override.id, override.digest, "asked for by dan", "Recall decides"))
    done = people["ada"].post(f"/arena/{override.id}/override/confirmed", data=form)
    assert done.status_code == 303, done.text
    decided = work.registry.proposal(override.id)
    assert (decided.effect, decided.decided_by, decided.reason) == ("applied", "ada", "As the board said")
    assert work.registry.champion("adult_income").version == asked_of.challenger.version

    mark = "OVERRIDE: decided against the verdict"
    assert mark in people["vic"].get(f"/arena/{override.id}").text
    assert mark in status.show(work, override.id).text()
    assert "OVERRIDE" in people["vic"].get("/").text.partition('id="adult_income"')[2]
    assert "(OVERRIDE)" in status.read(work).text()
    (card,) = work.settings.model_cards.glob("adult_income-v2.md")
    assert "**OVERRIDE.**" in card.read_text("utf-8")
    again = people["ada"].post(f"/arena/{override.id}/override/confirmed", data=form)
    assert again.status_code == 409
    line = work.accounts.access(outcome="granted", limit=1)[0]
    assert (line.who, line.kind) == ("ada", "decision")


def test_a_passing_proposal_offers_no_override_and_drift_names_the_way_out(story: Story) -> None:
    work, client = story.work(), visit(create_app(story.work()))
    log_in(client, "ada")
    assert 'id="override"' not in client.get(f"/arena/{story.proposal}").text
    assert "the approver must be somebody else" in page.read(work, story.proposal, reader="ines").refusals["approve"]
    first = work.registry.champion("adult_income")
    store = work.registry._versions
    store.set_alias("adult_income", "champion", 2)
    for path in ("/", f"/arena/{story.proposal}"):
        shown = client.get(path).text
        assert "arena-restore --by NAME" in shown and "arena-adopt --by NAME" in shown, path
    store.set_alias("adult_income", "champion", first.version)
    assert "arena-restore" not in client.get(f"/arena/{story.proposal}").text
