"""Effects through an instrument: something that moves the treatment, and the outcome only through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ds_workflow.domain.causal.study import Estimate, Floats, Study, of_influence, solve
from ds_workflow.errors import InvalidInput

WEAK = 10.0  # first-stage F below which an instrument is called weak (Staiger and Stock 1997)


@dataclass(frozen=True)
class Instrumented:
    """Two-stage least squares: the estimate, and the robust F of the instruments in the first stage.

    `anderson_rubin` is the p-value of no effect, valid however weak the instruments are.
    """

    estimate: Estimate
    first_stage_f: float
    anderson_rubin: float


def two_stage(study: Study, instruments: Floats) -> Instrumented:
    """The effect of the treatment on those whom the instruments move (LATE), by two-stage least squares with
    covariates; heteroscedasticity-robust, clustered where the study is. `instruments` has shape (n, k)."""
    z = np.asarray(instruments, dtype=np.float64)
    z = z[:, None] if z.ndim == 1 else z
    n = len(study)
    if z.ndim != 2 or len(z) != n or not np.isfinite(z).all() or (np.ptp(z, axis=0) == 0).any():
        raise InvalidInput("Instruments must be finite columns of one value per row that vary.")
    x = study.design
    wide = np.column_stack([z, x])
    second = np.column_stack([study.treated, x])
    first = solve(wide.T @ wide, wide.T @ study.treated)
    fitted = np.column_stack([wide @ first, x])
    bread = solve(fitted.T @ fitted, np.eye(fitted.shape[1]))
    beta = bread @ (fitted.T @ study.outcome)
    influence = n * (fitted @ bread[0]) * (study.outcome - second @ beta)
    strength = _wald(wide, study.treated, z.shape[1], study)
    reduced = _wald(wide, study.outcome, z.shape[1], study)
    t, rest = study.sizes
    warnings = []
    if strength < WEAK:
        warnings.append(f"The instruments are weak (F = {strength:.1f}, below {WEAK:g}): read the Anderson-Rubin test.")
    estimate = Estimate(
        "two-stage least squares",
        "LATE",
        float(beta[0]),
        of_influence(influence, study.cluster),
        t,
        rest,
        "the instrument moves the treatment, is as good as random given the covariates, acts through nothing else, and "
        "moves nobody the other way",
        tuple(warnings),
    )
    return Instrumented(estimate, strength, float(stats.chi2.sf(reduced * z.shape[1], z.shape[1])))


def _wald(wide: Floats, y: Floats, k: int, study: Study) -> float:
    """Robust F that the first k coefficients of y on `wide` are 0 (chi-square over k)."""
    bread = solve(wide.T @ wide, np.eye(wide.shape[1]))
    beta = bread @ (wide.T @ y)
    scores = (wide @ bread[:, :k]) * (y - wide @ beta)[:, None]
    if study.cluster is not None:
        _, code = np.unique(study.cluster, return_inverse=True)
        scores = np.column_stack([np.bincount(code, weights=s) for s in scores.T])
    return float(beta[:k] @ np.linalg.solve(scores.T @ scores, beta[:k])) / k
