"""The Dehejia-Wahba sample of LaLonde's study with CPS-1 controls, against the published tables and R's Matching."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pytest import approx

from ds_workflow.domain.causal import adjustment
from ds_workflow.domain.causal.matching import match
from ds_workflow.domain.causal.propensity import Propensity
from ds_workflow.domain.causal.study import Study

pytestmark = pytest.mark.real_data
DW = [
    "age",
    "age2",
    "age3",
    "educ",
    "educ2",
    "marr",
    "nodegree",
    "black",
    "hisp",
    "re74",
    "re75",
    "u74",
    "u75",
    "educ_re74",
]
SH = [name for name in DW if name != "nodegree"]
LINEAR = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75", "u74", "u75"]
ADJUSTED = ["age", "age2", "educ", "nodegree", "black", "hisp", "re74", "re75"]  # of Dehejia and Wahba (1999)


def table(path: Path) -> pd.DataFrame:
    rows = pd.read_stata(path).drop(columns="data_id").astype("float64")
    return rows.assign(
        age2=rows.age**2,
        age3=rows.age**3,
        educ2=rows.educ**2,
        u74=(rows.re74 == 0) * 1.0,
        u75=(rows.re75 == 0) * 1.0,
        educ_re74=rows.educ * rows.re74,
    )


@pytest.fixture(scope="module")
def experiment(real_data: Path) -> pd.DataFrame:
    return table(real_data / "lalonde" / "nsw_mixtape.dta")


@pytest.fixture(scope="module")
def observed(real_data: Path, experiment: pd.DataFrame) -> pd.DataFrame:
    controls = table(real_data / "lalonde" / "cps_mixtape.dta")
    return pd.concat([experiment[experiment.treat == 1], controls], ignore_index=True)


def study(rows: pd.DataFrame, names: list[str]) -> Study:
    return Study(rows.re78.to_numpy(), rows.treat.to_numpy(), {n: rows[n].to_numpy() for n in names})


def test_the_experiment_and_the_naive_comparison(experiment: pd.DataFrame, observed: pd.DataFrame) -> None:
    found = adjustment.naive(study(experiment, []))
    assert found.value == approx(1794.3424, abs=1e-3)
    assert found.standard_error == approx(671.0, abs=0.05)
    plain = {
        "classical": adjustment.ols(study(experiment, []), errors="classical"),
        "HC1": adjustment.ols(study(experiment, []), errors="HC1"),
    }
    assert all(e.value == approx(1794.3424, abs=1e-3) for e in plain.values())
    assert plain["classical"].standard_error == approx(632.9, abs=0.05)
    assert plain["HC1"].standard_error == approx(670.8, abs=0.05)
    adjusted = adjustment.ols(study(experiment, ADJUSTED), errors="classical")
    assert (adjusted.value, adjusted.standard_error) == (approx(1672.2, abs=0.05), approx(638.4, abs=0.05))
    naive = adjustment.ols(study(observed, []), errors="classical")
    assert (naive.value, naive.standard_error) == (approx(-8497.52, abs=0.01), approx(712.02, abs=0.01))
    assert Propensity.of(study(observed, LINEAR)).score[observed.treat == 1].sum() == approx(59.5162643602, abs=1e-6)


@pytest.mark.parametrize(
    ("names", "score", "ipw", "aipw", "regression", "ols"),
    [
        (DW, 78.6909857548, 1782.21, 1576.69, 1668.75, 1566.87),
        (SH, 77.1603130956, 1814.28, 1679.76, 1697.38, 1593.20),
    ],
    ids=["DW", "SH"],
)
def test_weighting_and_regression(  # noqa: PLR0917 - one row of the published table
    observed: pd.DataFrame, names: list[str], score: float, ipw: float, aipw: float, regression: float, ols: float
) -> None:
    given = study(observed, names)
    assert Propensity.of(given).score[given.mask].sum() == approx(score, abs=1e-6)
    assert adjustment.ipw(given).value == approx(ipw, abs=0.01)
    assert adjustment.aipw(given).value == approx(aipw, abs=0.01)
    assert adjustment.regression(given).value == approx(regression, abs=0.01)
    assert adjustment.ols(given).value == approx(ols, abs=0.01)


@pytest.mark.parametrize(
    ("names", "first", "averaged", "error", "four", "four_error"),
    [
        (DW, 951.93, 730.38, 1034.5, 1672.93, 903.1),
        (SH, 1582.46, 1470.85, 1020.3, 1787.163, 879.4766),
    ],
    ids=["DW", "SH"],
)
def test_matching_under_each_tie_rule(  # noqa: PLR0917 - one row of the published table
    observed: pd.DataFrame,
    names: list[str],
    first: float,
    averaged: float,
    error: float,
    four: float,
    four_error: float,
) -> None:
    given = study(observed, names)
    assert match(given, ties="first").estimate.value == approx(first, abs=0.01)
    one = match(given).estimate
    assert (one.value, one.standard_error) == (approx(averaged, abs=0.01), approx(error, abs=0.05))
    more = match(given, neighbours=4).estimate
    assert (more.value, more.standard_error) == (approx(four, abs=0.01), approx(four_error, abs=0.05))
    assert one.warnings, "thin overlap goes unsaid"
