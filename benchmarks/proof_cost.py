"""What it costs to prove the gates on a proposal's own rows, beside the evaluation that they come after.

Run: python benchmarks/proof_cost.py [--rows 10000] [PROBLEM ...]
Processor seconds on a healthy comparison under the problem's shipped policy, at the level of a second look. Scoring,
leakage scan, stress and drift, which take most of a proposal, are not in it: a proof as long as the evaluation is about
a twentieth of a proposal. Target: at most twice the evaluation.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from ds_workflow import plugins
from ds_workflow.adapters import policies
from ds_workflow.domain import mutants, proving
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.holdout_spending import Look

POLICIES = Path(__file__).parents[1] / "config" / "policies"
TARGET = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problems", nargs="*", default=["nyc_sales", "adult_income", "taxi_demand"])
    parser.add_argument("--rows", type=int, default=10_000)
    given = parser.parse_args()
    for name in given.problems:
        problem = plugins.load(plugins.subject(name), name).PROBLEM
        policy = policies.load(POLICIES / f"{name}.yaml", problem)
        each = given.rows // len(policy.segments) // 2
        policy = replace(policy, segment_min_rows=min(each, policy.segment_min_rows), major_min_rows=each)
        look = Look(2, policy.spending.level(2), policy.alpha, policy.looks)
        comparison = mutants.healthy(problem, policy.for_look(look, "promotion"), seed=1)
        comparison = replace(comparison, look=look)
        start = time.process_time()
        evaluation = evaluate(comparison)
        judged = time.process_time()
        proof = proving.prove(comparison, evaluation)
        done = time.process_time()
        ratio = (done - judged) / (judged - start)
        print(
            f"{name:<16} {len(comparison.challenger):>7,} rows, {comparison.policy.resamples:,} resamples: evaluation "
            f"{judged - start:.1f} s, proof on {proof.mutants} mutants {done - judged:.1f} s, ratio {ratio:.2f}, "
            f"target at most {TARGET:g}: {'met' if ratio <= TARGET else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
