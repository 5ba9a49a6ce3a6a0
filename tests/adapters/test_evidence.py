"""A replay computes again what a verdict rests on: whoever writes a bundle anew, digests and all, is found."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ds_workflow import plugins
from ds_workflow.adapters import evidence, policies
from ds_workflow.domain import mutants
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.problem import Problem

PROBLEM: Problem = plugins.load("problems", "nyc_sales").PROBLEM
COMMIT = "a" * 40
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, house: Path) -> tuple[Path, str]:
    """A folder of evidence with one bundle of a promotion, and its digest."""
    root = tmp_path_factory.mktemp("evidence")
    file = house / "config" / "policies" / "nyc_sales.yaml"
    policy = replace(policies.load(file, PROBLEM), resamples=399)
    comparison = mutants.healthy(PROBLEM, policy, seed=1)
    context = {"environment": {"commit": COMMIT}}
    text = file.read_text("utf-8")
    return root, evidence.write(
        root, comparison, evaluate(comparison, kind="promotion"), policy_text=text, context=context
    )


def anew(root: Path, digest: str, change: Change, to: Path) -> str:
    """The digest of a copy of the bundle whose manifest was changed, named as if it had been written so."""
    manifest = json.loads((root / digest / evidence.MANIFEST).read_bytes())
    change(manifest)
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    forged = hashlib.sha256(text.encode()).hexdigest()
    shutil.copytree(root / digest, to / forged)
    (to / forged / evidence.MANIFEST).write_text(text, "utf-8")
    return forged


def judged(manifest: dict[str, Any]) -> dict[str, Any]:
    """The first gate that has an interval and p-values."""
    return next(gate for gate in manifest["gates"] if gate["p_adjusted"] is not None and gate["interval"])


def test_what_was_written_comes_out_again(bundles: tuple[Path, str]) -> None:
    assert evidence.replay(evidence.read(*bundles, PROBLEM), commit=COMMIT) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: judged(m).update(interval=[0.9999, 0.99999]), "had the interval [0.9999, 0.99999]"),
        (lambda m: judged(m).update(p_value=1e-9), "had the p-value 1e-09"),
        (lambda m: judged(m).update(p_adjusted=1e-9), "had the corrected p-value"),
        (lambda m: judged(m).update(rows=7), "judged this many rows: 7"),
        (lambda m: judged(m).update(rows_needed=7), "needed this many rows: 7"),
        (lambda m: judged(m).update(required="hardly anything"), "required 'hardly anything'"),
        (lambda m: judged(m).update(note="all is well"), "said 'all is well'"),
        (lambda m: m.update(seed=m["seed"] + 1), "had the interval"),
    ],
)
def test_figures_words_and_seed_of_a_bundle_written_anew_come_out_otherwise(
    bundles: tuple[Path, str], tmp_path: Path, change: Change, said: str
) -> None:
    forged = anew(*bundles, change, tmp_path)
    found = evidence.replay(evidence.read(tmp_path, forged, PROBLEM), commit=COMMIT)
    assert any(said in line for line in found), found


def test_a_verdict_of_plain_percentiles_is_replayed_as_it_was_made(bundles: tuple[Path, str], tmp_path: Path) -> None:
    """Bundles of before say no rule. Its p-values are the shares of draws as they stand."""
    plain = replace(evidence.read(*bundles, PROBLEM).comparison, rule="percentile")
    found = evaluate(plain, kind="promotion")
    assert all((gate.p_value * 400) % 1 == pytest.approx(0.0) for gate in found.gates if gate.p_value is not None)
    text = (bundles[0] / bundles[1] / evidence.POLICY).read_text("utf-8")
    written = evidence.write(tmp_path, plain, found, policy_text=text, context={"environment": {"commit": COMMIT}})
    old = anew(tmp_path, written, lambda m: m.pop("rule"), tmp_path)
    assert evidence.replay(evidence.read(tmp_path, old, PROBLEM), commit=COMMIT) == ()
    other = anew(*bundles, lambda m: m.pop("rule"), tmp_path)
    assert any("had the interval" in line for line in evidence.replay(evidence.read(tmp_path, other, PROBLEM)))


def test_words_of_another_commit_are_its_own(bundles: tuple[Path, str], tmp_path: Path) -> None:
    """Wording may change from release to release; figures may not."""
    forged = anew(*bundles, lambda m: judged(m).update(note="as it was put then"), tmp_path)
    assert evidence.replay(evidence.read(tmp_path, forged, PROBLEM), commit="b" * 40) == ()
