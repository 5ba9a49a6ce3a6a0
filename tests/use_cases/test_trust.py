"""Decisions checked from outside: the holdout's account, a fresh window, a policy on trial, an audit, a promise."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ds_workflow.adapters import evidence, past_code
from ds_workflow.adapters.request_log import Asked, RequestLog
from ds_workflow.adapters.trials import Trials
from ds_workflow.domain.holdout_spending import Spending
from ds_workflow.domain.traffic import Trial
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.use_cases import holdout, policy_check
from ds_workflow.use_cases.arena import audit, delivery, page, replay, status
from ds_workflow.use_cases.requests import segment_of
from ds_workflow.workspace import Workspace
from registry.records import Proposal


@pytest.fixture(scope="module")
def still(champion_workspace: Path) -> Workspace:
    """The shared workspace; nothing here writes to it."""
    return Workspace.at(champion_workspace, "nyc_sales")


@pytest.fixture
def copy(champion_workspace: Path, tmp_path: Path) -> Workspace:
    """A workspace of one's own: decisions, evidence and rows, without the models' bytes."""
    root = tmp_path / "home"
    (root / "mlruns").mkdir(parents=True)
    for part in ("data", "docs"):
        if (champion_workspace / part).is_dir():
            shutil.copytree(champion_workspace / part, root / part)
    for file in (champion_workspace / "mlruns").glob("*.db*"):  # with what SQLite has not yet written back
        shutil.copy(file, root / "mlruns")
    return Workspace.at(root, "nyc_sales")


def first(work: Workspace) -> str:
    """The id of the bootstrap."""
    return work.registry.proposals("nyc_sales")[0].id


def test_the_trial_of_a_first_champion_is_counted_and_takes_no_look(still: Workspace) -> None:
    (window,) = holdout.status(still).windows
    assert window.told["taken"] == 0
    assert window.told["next"] == pytest.approx(Spending(0.05).level(1))
    (one,) = window.to_dict()["comparisons"]
    assert one["proposal"] == first(still)
    assert (one["look"], one["level"]) == (0, Spending(0.05).level(1)), "the first of a series of their own"
    assert window.trials["taken"] == 1 and window.trials["next"] == Spending(0.05).level(2)
    assert "0 of 10 looks taken" in holdout.status(still).text()
    proposal = still.registry.proposal(first(still))
    assert proposal.summary["holdout"]["spending"]["number"] == 0
    names = [g.name for g in proposal.gates]
    assert names[0] == "holdout_unspent" and names[-1] == "gates_proven"


def test_the_pages_show_spending_and_proof(still: Workspace, tmp_path: Path) -> None:
    found = page.read(still, first(still))
    assert "0 of 10 looks taken" in found.spending
    assert "proven on" in found.body and "Spending of the holdout" in found.body
    text = status.show(still, first(still), markdown=tmp_path / "p.md").text()
    assert "proven on" in text and "judged at level 0.0304" in text
    assert "is no look of a challenger at these rows" in (tmp_path / "p.md").read_text("utf-8")
    (card,) = (still.settings.model_cards).glob("nyc_sales-v1.md")
    assert "judged at level 0.0304" in card.read_text("utf-8")


def test_a_window_that_was_asked_is_not_fresh(copy: Workspace) -> None:
    with pytest.raises(StateConflict, match=r"100.0% .* asked in a comparison or a training before"):
        holdout.freeze(copy, "sim-again", source=None, simulate=True, seed=42, rows=30_000)
    assert not (copy.settings.data / "snapshots" / "nyc_sales" / "sim-again").exists(), "nothing was written"
    made = holdout.freeze(copy, "sim-v2", source=None, simulate=True, seed=7, rows=6_000, share=0.3)
    assert made.seen == 0.0 and made.record.holdout_rows == pytest.approx(0.3 * made.record.rows, rel=0.05)
    windows = holdout.status(copy).windows
    assert [len(w.account.counted) for w in windows] == [1, 0]
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        holdout.freeze(copy, "x", source=None, simulate=True, share=3.0)
    with pytest.raises(InvalidInput, match="contest"):
        holdout.freeze(Workspace.at(copy.settings.root, "code_generation"), "x", source=None, simulate=True)


def test_the_audit_finds_every_verdict_as_it_was(still: Workspace) -> None:
    found = audit.audit(still)
    assert found.ok and [line.status for line in found.lines] == ["same"]
    assert found.to_dict()["proposals"][0]["written_by"] == found.commit
    assert found.to_dict()["counts"] == {"same": 1, "differs": 0, "lost": 0, "unjudged": 0}
    assert "1 proposal replayed by" in found.text() and "1 the same" in found.text()
    assert audit.audit(still, since="2999-01-01").lines == ()
    assert len(audit.audit(still, since="2000-01-01T00:00Z", every=True).lines) == 1
    with pytest.raises(InvalidInput, match="no day and no time"):
        audit.audit(still, since="yesterday")


def test_the_audit_finds_what_was_changed(copy: Workspace) -> None:
    ident = first(copy)
    bundle = copy.settings.evidence / copy.registry.proposal(ident).evidence.bundle_digest
    again = replay.replay(copy, ident)
    assert again.ok and again.to_dict()["replayed_by"] == copy.commit
    manifest = json.loads((bundle / "bundle.json").read_text("utf-8"))
    assert manifest["look"]["number"] == 0 and manifest["look"]["level"] == Spending(0.05).level(1)
    (bundle / "bundle.json").write_text(json.dumps(manifest | {"verdict": "fail"}), "utf-8")
    found = audit.audit(copy)
    assert not found.ok and found.lines[0].status == "lost"
    assert "not what its digest says" in found.to_dict()["problems"][0]
    assert "can't (1): " in found.text() and "not what its digest says" in found.to_dict()["cannot"][0]["why"]


def test_a_level_kept_for_a_question_asked_again_is_no_difference(still: Workspace) -> None:
    """Accounts that were joined since give the question a later place; what it was judged at stays."""
    proposal = still.registry.proposal(first(still))
    bundle = evidence.read(still.settings.evidence, proposal.evidence.bundle_digest, still.problem)
    look = bundle.comparison.look
    assert look is not None and look.level == Spending(0.05).level(1)

    def said(**changed: Any) -> list[str]:
        return replay._spending(still, proposal, replace(bundle, comparison=replace(
            bundle.comparison, look=replace(look, **changed))))  # fmt: skip

    assert said() == said(place=4, again=True) == []
    assert "its place 4 has" in said(place=4)[0]
    assert "the ledger counted" in said(place=4, again=True, level=Spending(0.05).level(1) * 1.1)[0]


def test_the_code_that_wrote_a_verdict_is_asked_and_set_beside_this_one(copy: Workspace, tmp_path: Path) -> None:
    """A repository of one file stands for the earlier code: it says that the verdict comes out otherwise."""
    ident, repo = first(copy), tmp_path / "earlier"
    (repo / "ds_workflow").mkdir(parents=True)
    told = {"ok": False, "checked": 9, "problems": ["The verdict was pass and comes out as fail."]}
    (repo / "ds_workflow" / "__main__.py").write_text(
        f"import sys\nprint({json.dumps(json.dumps(told))})\nsys.exit(1)\n"
    )
    who = ("-c", "user.name=Ben", "-c", "user.email=ben@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "earlier")):
        subprocess.run(("git", "-C", str(repo), *who, *words), check=True, capture_output=True)
    head = subprocess.run(("git", "-C", str(repo), "rev-parse", "HEAD"), check=True, capture_output=True, text=True)
    commit = head.stdout.strip()
    with past_code.checked_out(repo, commit) as place:
        found = replay.ask(copy, ident, commit=commit, place=place)
    assert not found.ok and found.past_verdict == "fail"
    assert found.difference()[0] == "the verdict: fail by the code that wrote it, pass now"
    assert "the code at hand" in found.text() and found.to_dict()["present"]["verdict_again"] == "pass"
    line = audit.audit(copy).lines[0]
    (again,) = audit._at_commits({"nyc_sales": copy}, [replace(line, commit=commit)], "0" * 40, repo=repo)
    assert again.status == "same" and again.past == "differs" and not again.ok
    (gone,) = audit._at_commits({"nyc_sales": copy}, [replace(line, commit="0" * 40)], commit, repo=repo)
    assert gone.ok, "this code comes to it, and nothing speaks against it"
    summed = audit.Audit("", commit, (gone,))
    assert "is not in" in summed.to_dict()["cannot_at_commit"][0]["why"] and "can't (1): Commit" in summed.text()


def test_the_shipped_policy_is_sound_under_its_incumbent(still: Workspace) -> None:
    found = policy_check.check(still)
    assert found.ok, found.text()
    assert {one.name for one in found.findings} >= {"teeth", "attainable", "proven on the incumbent's rows"}
    assert found.mutants > 100


def test_a_broken_policy_is_told_by_name(still: Workspace, tmp_path: Path) -> None:
    content = yaml.safe_load(still.settings.policy("nyc_sales").read_text("utf-8"))
    content["gates"]["leakage"]["thershold"] = 1
    content["gates"]["beats_naive"]["minimum"] = 10
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    found = policy_check.check(still, file=path)
    assert not found.ok
    assert [one.key for one in found.findings] == ["policy.gates.beats_naive.minimum", "policy.gates.leakage"]
    assert "thershold" in found.findings[1].detail and "10 % is written 0.1" in found.text()
    assert "2 findings" in found.text()
    for text, said in (("", "is empty"), ("- a\n- b\n", "a mapping"), ("a: 1\na: 2\n", "stands there twice")):
        path.write_text(text, "utf-8")
        (one,) = policy_check.check(still, file=path).findings
        assert one.status == "fail" and said in one.detail
    with pytest.raises(InvalidInput, match="no policy at"):
        policy_check.check(still, file=tmp_path / "nope.yaml")


def test_no_claim_no_promise(still: Workspace) -> None:
    with pytest.raises(InvalidInput, match="made no claim"):
        delivery.deliver(still)


PROMISE = {
    "words": "mdape on overall will decrease", "metric": "mdape", "base": "mdape", "slice": "overall",
    "min_effect": 0.05, "unit": "relative", "observed": 0.2, "interval": [0.1, 0.3],
}  # fmt: skip
THEN = datetime(2040, 1, 1, tzinfo=UTC)


def promised(work: Workspace) -> Proposal:
    """The applied proposal with a claim, as a promotion has one."""
    proposal = work.registry.proposal(first(work))
    return replace(proposal, summary={**proposal.summary, "claim": PROMISE})


def answered(ident: str, proposal: Proposal, answers: list[float], **where: str) -> Asked:
    rows = [{"n": i, "building_class_category": "01 ONE FAMILY DWELLINGS"} for i in range(len(answers))]
    version = proposal.challenger
    return Asked(
        ident, THEN, "nyc_sales", version.version, version.digest, where.pop("arm", "champion"), rows, answers, 1.0,
        **where,
    )  # fmt: skip


def test_without_a_trial_only_the_level_is_known(copy: Workspace) -> None:
    work = replace(copy, clock=lambda: datetime(2040, 1, 2, tzinfo=UTC))
    proposal = promised(work)
    promise, name = delivery._promise(work, proposal)
    assert (promise.observed, promise.interval, name) == (0.2, (0.1, 0.3), "mdape")
    assert "No answer" in delivery._live(work, proposal, promise, name).note
    log = RequestLog(work.settings.store, clock=work.clock)
    log.add(answered("Q-1", proposal, [110.0] * 30))
    log.flush()
    log.label([("Q-1", i, 100.0) for i in range(30)], at=THEN)
    found = delivery._live(work, proposal, promise, name)
    assert found.verdict == "unknown" and found.rows == 30
    assert "mdape live is 0.1 " in found.note and "not a difference" in found.note


@pytest.mark.parametrize("mode", ["shadow", "ab"])
def test_a_trial_in_traffic_shows_what_was_delivered(copy: Workspace, mode: Any) -> None:
    """The champion errs by 20 % on every row and the challenger by 10 %: half the error, where 5 % was promised."""
    work = replace(copy, clock=lambda: datetime(2040, 1, 2, tzinfo=UTC))
    proposal = promised(work)
    promise, name = delivery._promise(work, proposal)
    ref = proposal.challenger
    Trials(work.settings.store).start(
        Trial("T-1", "nyc_sales", mode, ref, ref, proposal.id, "salt", 0.5, "2040-01-01T00:00:00.000000Z", "ana")
    )
    assert "No label" in delivery._live(work, proposal, promise, name).note
    log = RequestLog(work.settings.store, clock=work.clock, segment_of=segment_of)
    rng = np.random.default_rng(1)
    truths: dict[str, float] = {}
    for i in range(80):
        spread = float(rng.normal(0, 0.01))
        for arm, error in (("champion", 0.2), ("shadow" if mode == "shadow" else "challenger", 0.1)):
            ident = f"Q-{i}" if mode == "shadow" else f"Q-{arm}-{i}"
            unit = f"u{i}" if mode == "shadow" else f"{arm}{i}"
            log.add(answered(ident, proposal, [100.0 * (1 + error + spread)], arm=arm, experiment="T-1", unit=unit))
            truths[ident] = 100.0
    log.flush()
    log.label([(ident, 0, truth) for ident, truth in truths.items()], at=THEN)
    found = delivery._live(work, proposal, promise, name)
    assert found.verdict == "delivered", found
    assert found.observed == pytest.approx(0.5, abs=0.02)
    assert found.units == 80
    (one,) = found.segments
    assert (one.segment, one.rows, one.note) == ("SINGLE_FAMILY", 80, "better")
    told = delivery.Delivered(proposal.id, "H-1", promise, found)
    assert "trial T-1" in told.text() and "delivered:" in told.text() and "SINGLE_FAMILY" in told.text()
