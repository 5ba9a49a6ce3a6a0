"""The evidence of a pack: the run's own files byte for byte, and records of the ledger as they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ds_workflow.adapters import governance, models, monitoring_history, monitoring_policies, run_files
from ds_workflow.domain import curves
from ds_workflow.domain.metrics import METRICS
from ds_workflow.errors import WorkflowError
from ds_workflow.reports import dictionary
from ds_workflow.reports.cited import Source
from ds_workflow.settings import CHECKOUT, parse_yaml
from registry.errors import RegistryError

if TYPE_CHECKING:
    from ds_workflow.domain.assurance import Known
    from ds_workflow.domain.checklist import Fact, Line
    from ds_workflow.domain.rubric import Score
    from ds_workflow.workspace import Workspace

T = TypeVar("T")
# files of a run that documents quote, and what each is
RUN_FILES: Mapping[str, str] = {
    "scorecard.json": "Metrics of the version on the holdout, with intervals",
    "calibration.json": "Probabilities beside what came",
    "confusion.json": "Counts and rates at the threshold",
    "fairness.json": "Figures of groups and their differences",
    "stability.json": "Figures of parts of the holdout",
    "representativeness.json": "Training and holdout rows compared",
    "backtest.json": "Figures by origin of a rolling backtest",
    "threshold.json": "Choice of the threshold",
    "environment.json": "Versions of the libraries that trained it",
}


def gather(
    work: Workspace, known: Known, facts: Mapping[str, Fact], lines: tuple[Line, ...], score: Score
) -> list[Source]:
    """Every source of a version's pack; what is not there is left out, and the documents say NOT PROVIDED."""
    found = [*_run(work, known), *_records(known), *_bundle(work, known), *_house(work, known)]
    gates = [
        {
            "id": x.gate.id,
            "status": x.status,
            "detail": x.detail,
            "signature": asdict(x.signature) if x.signature else None,
        }
        for x in lines
    ]
    told = {name: asdict(fact) for name, fact in facts.items()}
    found += [
        Source.of("checklist", {"gates": gates}, "The checklist as it stood"),
        Source.of("facts", told, "What the machine knew"),
        Source.of("rubric", score.to_dict(), "ML Test Score"),
    ]
    return found


def _run(work: Workspace, known: Known) -> list[Source]:
    try:
        folder = work.registry.run_artifacts(known.version)
    except RegistryError:
        return []
    found = []
    for name, what in RUN_FILES.items():
        path = folder / name
        if path.is_file():
            found.append(Source(name.removesuffix(".json"), name, path.read_text("utf-8"), what))
    shap = folder / run_files.SHAP
    if shap.is_file():
        import pandas as pd

        table = pd.read_csv(shap, keep_default_na=False)
        listed = [{"feature": str(n), "mean_abs_shap": float(v)} for n, v in table.itertuples(index=False, name=None)]
        found.append(Source.of("shap_summary", {"features": listed}, "Mean absolute SHAP value by feature"))
    return found


def _records(known: Known) -> list[Source]:
    """What the ledger holds of the version."""
    found = [Source.of("version", asdict(known.version), "The registered version with its lineage")]
    if known.judged is not None:
        found.append(Source.of("proposal", _proposal(known.judged), "The proposal that holds its evidence"))
    if known.decision is not None:
        found.append(Source.of("decision", _proposal(known.decision), "The decision that put it in office"))
    if known.snapshot is not None:
        found.append(Source.of("snapshot", asdict(known.snapshot), "The snapshot of rows as it was recorded"))
    ledger = {
        "custody": known.custody,
        "events": known.chain.checked if known.chain else None,
        "sound": known.chain.ok if known.chain else None,
        "moves": [asdict(move) for move in known.moves],
        "retired": [asdict(one) for one in known.retired.values()],
    }
    found.append(Source.of("ledger", ledger, "The pointer log and the check of the chain of events"))
    listed = {"findings": [asdict(one) for one in known.findings]}
    found.append(Source.of("findings", listed, "Findings, from the chain of events"))
    if known.tests is not None:
        found.append(Source.of("tests", dict(known.tests), "The last recorded run of the tests"))
    return found


def _proposal(proposal: Any) -> dict[str, Any]:
    return {**asdict(proposal), "verdict": proposal.verdict, "digest": proposal.digest}


def _bundle(work: Workspace, known: Known) -> list[Source]:
    """The evidence bundle's manifest as it lies there, and curves of its scored rows."""
    if known.bundle is None or known.judged is None:
        return []
    digest = known.judged.evidence.bundle_digest
    folder = work.settings.evidence / digest
    found = [Source("bundle", "bundle.json", (folder / "bundle.json").read_text("utf-8"), "The evidence bundle")]
    rows = folder / "challenger.parquet"
    if rows.is_file():
        draw = curves.of_classes if known.problem.task == "binary" else curves.of_amounts
        drawn = _or_none(lambda: draw(models.read_scored(rows)))
        if drawn:
            drawn["of"] = {"bundle": digest, "challenger.parquet": known.bundle["files"]["challenger.parquet"]}
            found.append(Source.of("curves", drawn, "Curves over the scored rows of the bundle"))
    return found


def _house(work: Workspace, known: Known) -> list[Source]:
    """What the workspace and the checkout say: declaration, policies, materiality, escalation, guidance, looks."""
    problem, settings = known.problem, work.settings
    declared = {
        **dictionary.content(problem),
        "feature_count": _or_none(lambda: len(problem.feature_set(known.version.lineage.feature_set_version).features)),
    }
    titles = {
        n: {"title": m.title, "unit": m.unit, "greater_is_better": m.greater_is_better} for n, m in METRICS.items()
    }
    found = [
        Source.of("declaration", declared, "The declaration of the problem: columns, features, feature sets"),
        Source.of("metrics", titles, "What each metric is"),
        Source.of("materiality", governance.materiality_entry(settings, problem.name), "The assessment of materiality"),
        Source.of("data_sources", dict(known.sourcing), "Address, cadence and retention of the source"),
    ]
    if known.policy is not None:
        found.append(Source.of("policy", known.policy.to_dict(), "The policy: thresholds of the gates"))
    limits = _or_none(lambda: asdict(monitoring_policies.load(settings, problem.name)))
    if limits is not None:
        found.append(Source.of("monitoring_policy", limits, "The limits of monitoring"))
    about = [
        {
            "kind": x.kind,
            "status": x.status,
            "at": x.at,
            "said": x.sentence(),
            "findings": [f.to_dict() for f in x.findings],
        }
        for x in monitoring_history.latest(settings.store, problem.name).values()
        if x.digest == known.version.digest
    ]
    if about or known.incidents:
        watched = {"looks": sorted(about, key=lambda x: str(x["kind"])), "incidents": list(known.incidents or ())}
        found.append(Source.of("monitoring", watched, "The newest looks at the version, and open incidents"))
    for key, what in (("escalation", "Who hears of what"), ("guidance", "Guidance on model risk, point by point")):
        found += _yaml(settings.root, key, what)
    return found


def _yaml(root: Path, key: str, what: str) -> list[Source]:
    places = (place / "config" / "documents" / f"{key}.yaml" for place in (root, CHECKOUT))
    path = next((p for p in places if p.is_file()), None)
    return [] if path is None else [Source.of(key, parse_yaml(path.read_bytes(), where=str(path)), what)]


def _or_none(ask: Callable[[], T]) -> T | None:
    """What `ask` gives; None where the record is gone or of another shape, and the documents say NOT PROVIDED."""
    try:
        return ask()
    except (WorkflowError, OSError, KeyError, ValueError):
        return None
