"""Every fact by name, and asking them. Pure: a record that is missing makes a fact `unknown`, never green."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ds_workflow.domain.assurance import evidence, office, records
from ds_workflow.domain.assurance.known import Answer, Known
from ds_workflow.domain.checklist import Fact
from ds_workflow.errors import WorkflowError

FACTS: Mapping[str, Callable[[Known], Answer]] = {
    "owner": records.owner,
    "tier": records.tier,
    "decision": records.decision,
    "independence": records.independence,
    "no_override": records.no_override,
    "source": records.source,
    "sourcing": records.sourcing,
    "snapshot": records.snapshot,
    "holdout": records.holdout,
    "dictionary": records.dictionary,
    "dropped": records.dropped,
    "representativeness": evidence.has("representativeness.json", "training and holdout rows were compared"),
    "hypothesis": records.hypothesis,
    "availability": records.availability,
    "leakage": evidence.by_gates("leakage", what="the leakage scan"),
    "baseline": evidence.by_gates("beats_naive", what="beats the naive baseline"),
    "explanations": evidence.has("shap_summary.csv", "what it looks at was written"),
    "verdict": evidence.verdict,
    "evidence": evidence.evidence,
    "segments": evidence.segments,
    "intervals": evidence.intervals,
    "fairness": evidence.fairness,
    "stress": evidence.by_gates("stress", what="stress"),
    "stability": evidence.has("stability.json", "figures of its parts were compared"),
    "calibration": evidence.has("calibration.json", "probabilities were compared with what came"),
    "servability": evidence.by_gates("servability", what="loads and answers"),
    "lineage": records.lineage,
    "environment": evidence.has("environment.json", "the libraries are recorded"),
    "card": records.card,
    "limits": records.limits,
    "change": records.change,
    "chain": office.chain,
    "custody": office.custody,
    "fallback": office.fallback,
    "way_back": office.way_back,
    "canary": office.canary,
    "age": office.age,
    "monitoring": office.monitoring,
    "input_quality": office.watched("inputs", "data quality", what="rows that can be used"),
    "skew": office.watched("inputs", "drift", "out of range", what="inputs beside those of training"),
    "decay": office.watched("performance", "performance", what="performance beside the holdout"),
    "serving_time": office.watched("performance", "latency", "errors", what="time and errors of the service"),
    "incidents": office.incidents,
    "in_service": office.in_service,
    "findings": office.findings,
    "tests": office.tests,
}


def facts(known: Known) -> dict[str, Fact]:
    """Every fact by name; one that can't be answered is unknown, and says why."""
    return {name: _asked(name, ask, known) for name, ask in FACTS.items()}


def _asked(name: str, ask: Callable[[Known], Answer], known: Known) -> Fact:
    try:
        return Fact(name, *ask(known))
    except (WorkflowError, KeyError, TypeError, ValueError) as error:  # a record of another shape than is known here
        return Fact(name, "unknown", str(error))
