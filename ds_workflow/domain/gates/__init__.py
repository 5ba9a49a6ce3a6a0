"""Gates: what a model must show before anybody may promote it.

    Gate (a frozen value with `name` and `check`)
    ├── StatisticalGate     asks Requirements of bootstrap draws; corrected together over the whole trial
    │   ├── WeightedImprovement     superiority on the claim
    │   ├── MaxDrop                 non-inferiority on guardrails
    │   ├── Bound                   floors and ceilings
    │   └── BeatsNaive
    └── evidence gates      read a report
        ├── HoldoutUnspent  SegmentsComplete  NoNewDriftAlerts  NoNewFairnessAlerts  Leakage  Servable
            StressTolerance

`evaluate(comparison, kind=...)` asks all gates of a trial and gives one verdict.
"""

from ds_workflow.domain.gates.base import Gate, Requirement, StatisticalGate, settle
from ds_workflow.domain.gates.evaluation import Evaluation, build, claim, evaluate, verdict_of
from ds_workflow.domain.gates.evidence import (
    Leakage,
    NoNewDriftAlerts,
    NoNewFairnessAlerts,
    SegmentsComplete,
    Servable,
)
from ds_workflow.domain.gates.holdout import HoldoutUnspent
from ds_workflow.domain.gates.statistical import BeatsNaive, Bound, MaxDrop, WeightedImprovement
from ds_workflow.domain.gates.stress import StressTolerance

__all__ = [
    "BeatsNaive",
    "Bound",
    "Evaluation",
    "Gate",
    "HoldoutUnspent",
    "Leakage",
    "MaxDrop",
    "NoNewDriftAlerts",
    "NoNewFairnessAlerts",
    "Requirement",
    "SegmentsComplete",
    "Servable",
    "StatisticalGate",
    "StressTolerance",
    "WeightedImprovement",
    "build",
    "claim",
    "evaluate",
    "settle",
    "verdict_of",
]
