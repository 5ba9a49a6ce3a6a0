"""Evidence bundles: everything a verdict was computed from, on disk, so that it can be computed again years later.

A bundle is a folder named after its digest: the scored rows of every role, the policy as it was written, and
`bundle.json` with the checks, the gate results and the SHA-256 of every other file. The bundle's digest is that of
`bundle.json`, so changing any byte of any file shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.adapters import models, unfinished
from ds_workflow.domain import proving
from ds_workflow.domain.alignment import Frozen
from ds_workflow.domain.comparison import Checks, Comparison, Servability
from ds_workflow.domain.drift import DriftReport, FeatureDrift
from ds_workflow.domain.gates import Evaluation, evaluate
from ds_workflow.domain.holdout_spending import Look
from ds_workflow.domain.leakage import Finding, LeakageReport
from ds_workflow.domain.policy import Policy, Trial
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.stress import Strain, StressReport
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import parse_yaml

MANIFEST, POLICY, FROZEN = "bundle.json", "policy.yaml", "frozen.parquet"
BUILDING = ".bundle-"  # how the name of a folder begins that is not whole yet
TOLERANCE = 1e-9
# what a gate's result says, in the words of a difference
WORDS = {
    "observed": "observed",
    "interval": "had the interval",
    "p_value": "had the p-value",
    "p_adjusted": "had the corrected p-value",
    "rows": "judged this many rows:",
    "rows_needed": "needed this many rows:",
    "required": "required",
    "note": "said",
}
ADVICE = ("rows_needed", "required", "note")  # what a later release may put better without judging otherwise


@dataclass(frozen=True)
class Bundle:
    """A bundle read back: what it was computed from and what came of it."""

    comparison: Comparison
    trial: Trial
    gates: tuple[Mapping[str, Any], ...]
    verdict: str
    context: Mapping[str, Any]
    digest: str


def write(
    root: Path,
    comparison: Comparison,
    evaluation: Evaluation,
    *,
    policy_text: str,
    context: Mapping[str, Any],
) -> str:
    """Write a bundle below `root` and return its digest (64 hex digits); the same bundle again changes nothing.

    `context` is plain JSON that belongs to the evidence: versions, commit, libraries.
    """
    with unfinished.building(root, BUILDING) as folder:
        return _write(root, folder, comparison, evaluation, policy_text=policy_text, context=context)


def _write(
    root: Path, folder: Path, comparison: Comparison, evaluation: Evaluation, *, policy_text: str,
    context: Mapping[str, Any],
) -> str:  # fmt: skip
    for role in comparison.roles:
        models.to_frame(comparison.scored(role)).to_parquet(folder / f"{role}.parquet", index=False)
    if comparison.frozen is not None:
        table = {"row_id": comparison.frozen.row_id}
        if comparison.frozen.truth is not None:
            table["truth"] = comparison.frozen.truth
        pd.DataFrame(table).to_parquet(folder / FROZEN, index=False)
    (folder / POLICY).write_text(policy_text, "utf-8")
    manifest = {
        "format": 1,
        "problem": comparison.problem.name,
        "trial": evaluation.kind,
        "seed": comparison.seed,
        "alpha": comparison.policy.alpha,
        "resamples": comparison.policy.resamples,
        "rule": comparison.rule,
        "look": asdict(comparison.look) if comparison.look else None,
        "checks": {
            "challenger": _checks(comparison.challenger_checks),
            "champion": _checks(comparison.champion_checks),
        },
        "gates": [asdict(gate) for gate in evaluation.gates],
        "verdict": evaluation.verdict,
        "context": dict(context),
        "files": {path.name: _sha256(path) for path in sorted(folder.iterdir())},
    }
    text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, "utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    folder.chmod(0o755)
    try:
        folder.rename(root / digest)
    except OSError:
        if not (root / digest).is_dir():
            raise
    return digest


def verify(root: Path, digest: str) -> dict[str, Any]:
    """The manifest of a bundle whose every byte is what it was. Raises InvalidInput naming what is not."""
    path = root / digest / MANIFEST
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"The evidence bundle {digest[:12]} is not in {root}.", hint="Restore the folder from its backup."
        ) from error
    if hashlib.sha256(text).hexdigest() != digest:
        raise InvalidInput(f"{path} is not what its digest says; it was changed.", hint="Restore it from its backup.")
    manifest: dict[str, Any] = json.loads(text)
    for name, expected in manifest["files"].items():
        file = path.with_name(name)
        if not file.exists() or _sha256(file) != expected:
            raise InvalidInput(f"{file} is gone or was changed.", hint="Restore it from its backup.")
    return manifest


def verified(root: Path, digest: str) -> str:
    """The digest of a bundle whose every byte is what it was; raises as `verify`."""
    verify(root, digest)
    return digest


def read(root: Path, digest: str, problem: Problem) -> Bundle:
    """A verified bundle, ready to be evaluated again."""
    manifest = verify(root, digest)
    folder = root / digest
    content = parse_yaml((folder / POLICY).read_bytes(), where=str(folder / POLICY))
    policy = Policy.parse(content, segments=problem.segments, metrics=problem.metrics)
    # a look that needed more resamples than the policy asks for says how many; earlier bundles say nothing
    policy = replace(policy, alpha=manifest["alpha"], resamples=manifest.get("resamples", policy.resamples))
    frozen = None
    if (folder / FROZEN).exists():
        table = pd.read_parquet(folder / FROZEN)
        frozen = Frozen(
            table["row_id"].to_numpy(), table["truth"].to_numpy(dtype=np.float64) if "truth" in table else None
        )
    roles = {
        role: models.read_scored(folder / f"{role}.parquet")
        for role in ("challenger", "champion", "naive")
        if (folder / f"{role}.parquet").exists()
    }
    comparison = Comparison.align(
        problem=problem,
        policy=policy,
        seed=manifest["seed"],
        frozen=frozen,
        challenger_checks=_read_checks(manifest["checks"]["challenger"]),
        champion_checks=_read_checks(manifest["checks"]["champion"]),
        look=Look(**manifest["look"]) if manifest.get("look") else None,
        rule=manifest.get("rule", "percentile"),  # bundles of before say nothing, and were judged by plain percentiles
        **roles,
    )
    gates = tuple(manifest["gates"])
    return Bundle(comparison, manifest["trial"], gates, manifest["verdict"], manifest["context"], digest)


def replay(bundle: Bundle, *, commit: str = "") -> tuple[str, ...]:
    """Compute the verdict again from the stored rows, seed and policy; one sentence for every difference."""
    return differences(bundle, again(bundle), commit=commit)


def same_gates(bundle: Bundle, gates: Sequence[Mapping[str, Any]]) -> bool:
    """Whether gate results, as plain mappings, are to the letter those of the bundle."""
    return bool(json.loads(json.dumps(list(gates))) == [dict(gate) for gate in bundle.gates])


def again(bundle: Bundle) -> Evaluation:
    """The stored rows judged again, by the stored seed and policy and the code at hand."""
    found = evaluate(bundle.comparison, kind=bundle.trial)
    if any(gate["name"] == proving.NAME for gate in bundle.gates):
        return proving.proven(bundle.comparison, found)
    return found


def differences(bundle: Bundle, again: Evaluation, *, commit: str = "") -> tuple[str, ...]:
    """One sentence for everything that comes out otherwise than it was: the verdict, each gate's status and figures,
    and, where `commit` (the code at hand) is the one that wrote it, each gate's words and advice."""
    found = []
    if again.verdict != bundle.verdict:
        found.append(f"The verdict was {bundle.verdict} and comes out as {again.verdict}.")
    if len(again.gates) != len(bundle.gates):
        found.append(f"There were {len(bundle.gates)} gate results and now there are {len(again.gates)}.")
    written = (bundle.context.get("environment") or {}).get("commit")
    same_code = bool(commit) and commit == written and commit != "unknown" and "+" not in commit
    compared = WORDS if same_code else {name: words for name, words in WORDS.items() if name not in ADVICE}
    for old, new in zip(bundle.gates, again.gates, strict=False):
        name = f"{old['name']} {old['segment']}".strip()
        if (old["name"], old["segment"], old["status"]) != (new.name, new.segment, new.status):
            found.append(f"{name} was {old['status']} and comes out as {new.status}.")
            continue
        if new.name == proving.NAME and not same_code:
            continue  # later code may know more mutants
        fresh = asdict(new)
        for field, words in compared.items():
            if not _same(old.get(field), fresh[field]):
                found.append(f"{name} {words} {_told(old.get(field))} and comes out as {_told(fresh[field])}.")
    return tuple(found)


def _told(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_told(one) for one in value)}]"
    return f"{value:.10g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)


def _same(old: Any, new: Any) -> bool:
    """Whether two figures, intervals or texts are the same, but for the last digits of a float."""
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(_same(a, b) for a, b in zip(old, new, strict=True))
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return bool(old == new)
    return bool(np.isclose(old, new, rtol=TOLERANCE, atol=TOLERANCE))


def _checks(checks: Checks) -> dict[str, Any]:
    return {
        "leakage": asdict(checks.leakage) if checks.leakage else None,
        "servability": asdict(checks.servability) if checks.servability else None,
        "drift": asdict(checks.drift) if checks.drift else None,
        "stress": asdict(checks.stress) if checks.stress else None,
    }


def _read_checks(content: Mapping[str, Any]) -> Checks:
    leakage, servability, drift = content["leakage"], content["servability"], content["drift"]
    stress = content.get("stress")  # bundles of earlier policies hold none
    return Checks(
        leakage=LeakageReport(
            findings=tuple(Finding(**finding) for finding in leakage["findings"]),
            checked=tuple(leakage["checked"]),
            unknown=leakage["unknown"],
            constant=tuple(leakage["constant"]),
            strength=leakage["strength"],
        )
        if leakage
        else None,
        servability=Servability(**servability) if servability else None,
        drift=DriftReport({name: FeatureDrift(**f) for name, f in drift["features"].items()}) if drift else None,
        stress=StressReport(**(stress | {"strains": tuple(Strain(**s) for s in stress["strains"])}))
        if stress
        else None,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
