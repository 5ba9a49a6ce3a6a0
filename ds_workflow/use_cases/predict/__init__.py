"""Predictions: the champion, or another version, as an answerer of requests."""

from ds_workflow.domain.contract import BadRows
from ds_workflow.domain.strict_json import SaidTwice
from ds_workflow.use_cases.predict.answerer import Answerer, TooMany, champion, champion_ref, load, names, rows_of
from ds_workflow.use_cases.predict.batch import Batch, predict_file
from ds_workflow.use_cases.predict.csv_rows import Uploaded
from ds_workflow.use_cases.predict.csv_rows import read as read_csv
from ds_workflow.use_cases.predict.explaining import explain
from ds_workflow.use_cases.predict.forecasting import forecast_rows
from ds_workflow.use_cases.predict.proving import ensure_quick, known_quick

__all__ = [
    "Answerer",
    "BadRows",
    "Batch",
    "SaidTwice",
    "TooMany",
    "Uploaded",
    "champion",
    "champion_ref",
    "ensure_quick",
    "explain",
    "forecast_rows",
    "known_quick",
    "load",
    "names",
    "predict_file",
    "read_csv",
    "rows_of",
]
