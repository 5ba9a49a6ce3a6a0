"""Training: the first model of a problem and every candidate after it."""

from ds_workflow.use_cases.train.candidate import BASELINE, TrainRequest, TrainResult, baseline, candidate

__all__ = ["BASELINE", "TrainRequest", "TrainResult", "baseline", "candidate"]
