"""Requests per second and latency of the prediction service, beside its peers and an empty endpoint, in one run.

    python benchmarks/serving.py                           # adult_income on simulated rows: 12 features, 400 trees
    python benchmarks/serving.py --problem nyc_sales       # as-of histories and comparables: the heavy one
    python benchmarks/serving.py --bento-python VENV/bin/python   # with BentoML, from an environment that has it

Every server is one process, all of them up at the same time; each round asks every server in turn, so that what else
the machine does falls on all alike. A figure is the median over the rounds. Beside requests per second stands what a
request costs the server's processes in processor time, which a busy machine changes less. Ratios are told of both; what
is wanted is wanted of the rates.

* `empty`: a FastAPI endpoint that returns {}: what HTTP alone costs here.
* `ours`: this service: checked rows, proven quick way, request log, metrics.
* `mlflow`, `bentoml`, `fastapi`: `mlflow models serve`, a BentoML service and a plain FastAPI endpoint on the same
  fitted pipeline, as their tutorials show it.
* `mlflow + our scorer`, `fastapi + our scorer`: the fairness lines. They answer with the compiled scorer instead of the
  pipeline, so what is left of the difference is not the model's.

Wanted: 40 times mlflow and BentoML with 1 row at 32 connections, 10 times at one connection, 5 times with 100 rows, and
55 % of the empty endpoint.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib import error, request

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))
CASES = ((1, 1), (1, 8), (1, 32), (100, 8))  # rows of a request, connections
TICK = os.sysconf("SC_CLK_TCK")
WANTED = (
    # case, peers, at least so many times
    ((1, 32), ("mlflow", "bentoml"), 40.0),
    ((1, 1), ("mlflow", "bentoml"), 10.0),
    ((100, 8), ("mlflow", "bentoml"), 5.0),
    ((1, 32), ("empty",), 0.55),
)

PEER = """
import json, os, sys
from pathlib import Path
import pandas as pd
from ds_workflow.adapters import models, scorer
MODEL = Path(os.environ["BENCH_MODEL"])

def pipeline():
    return models.read(MODEL)

def quick():
    return scorer.compiled(pipeline())
"""
EMPTY = """
from fastapi import FastAPI
app = FastAPI()

@app.post("/predict")
async def predict():
    return {}
"""
FASTAPI = """
from typing import Any
from fastapi import FastAPI
from peer import pd, pipeline
app = FastAPI()
model = pipeline()

@app.post("/predict")
def predict(rows: list[dict[str, Any]]) -> list[float]:
    return model.predict(pd.DataFrame(rows)).tolist()
"""
FASTAPI_QUICK = """
from datetime import date
from typing import Any
from fastapi import FastAPI
from peer import quick
app = FastAPI()
score = quick()
BLANK = {blank!r}
DATES = {dates!r}

@app.post("/predict")
def predict(rows: list[dict[str, Any]]) -> list[float]:
    whole = [BLANK | row | {{name: date.fromisoformat(row[name]) for name in DATES}} for row in rows]
    return list(score(whole).values)
"""
MLFLOW_QUICK = """
from datetime import date
import mlflow
BLANK = {blank!r}
DATES = {dates!r}

class Quick(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import sys
        sys.path.insert(0, {folder!r})
        from peer import quick
        self.score = quick()

    def predict(self, context, model_input, params=None):
        rows = [{{k: None if v != v else v for k, v in row.items()}} for row in model_input.to_dict("records")]
        whole = [BLANK | row | {{name: date.fromisoformat(str(row[name])[:10]) for name in DATES}} for row in rows]
        return list(self.score(whole).values)

mlflow.models.set_model(Quick())
"""
BENTO = """
from typing import Any
import bentoml
from peer import pd, pipeline

@bentoml.service(workers=1)
class Peer:
    def __init__(self) -> None:
        self.model = pipeline()

    @bentoml.api
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        return self.model.predict(pd.DataFrame(rows)).tolist()
"""


@dataclass(frozen=True)
class Server:
    """A server that runs: where it is asked, what it is sent, and its processes."""

    name: str
    url: str
    bodies: Mapping[int, Path]
    process: subprocess.Popen[bytes]

    def seconds(self) -> float:
        """Processor time of the process and its children so far."""
        parents: dict[int, int] = {}
        ticks: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text("utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(fields[1])
            ticks[int(stat.parent.name)] = int(fields[11]) + int(fields[12])
        ours = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        return sum(ticks.get(pid, 0) for pid in ours) / TICK


def main() -> int:
    """Measure and print; exit 1 when a wanted ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", default="adult_income")
    parser.add_argument("--feature-set-version", help="default: the problem's newest")
    parser.add_argument("--strategy", default="global")
    parser.add_argument("--rows", type=int, default=20_000, help="simulated rows to train on")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--bento-python", type=Path, help="an interpreter that has bentoml and this project's packages")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="serving-") as name, ExitStack() as stack:
        folder = Path(name)
        model, rows = train(folder / "home", given)
        servers = [stack.enter_context(one) for one in started(folder, given, model, rows)]
        found = measure(servers, rounds=given.rounds, seconds=given.seconds)
    report(found, given)
    return int(not all(line["met"] for line in ratios(found)))


def train(home: Path, given: argparse.Namespace) -> tuple[Path, list[dict[str, Any]]]:
    """A champion on simulated rows; the folder of its model, and 100 rows of its holdout as a caller sends them."""
    from ds_workflow.adapters import run_files, snapshots
    from ds_workflow.use_cases import data, train
    from ds_workflow.use_cases.arena import propose
    from ds_workflow.workspace import Workspace

    work = Workspace.at(home, given.problem, say=lambda line: print(line, file=sys.stderr))
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=given.rows)
    version = given.feature_set_version or work.problem.feature_sets[-1].version
    made = train.baseline(
        work, owner="b", dataset_version="sim-v1", feature_set_version=version, strategy=given.strategy, seed=42
    )
    view = propose.bootstrap(work, made.version, owner="b", approved_by="b", reason="benchmark")
    if view.proposal.effect != "applied":
        raise SystemExit(view.text())
    holdout = snapshots.SnapshotStore(work.settings.data).load(work.problem, "sim-v1").holdout
    rows = run_files.request_rows(work.problem, holdout, 100)
    return work.registry.model_path(work.registry.version(given.problem, made.version)), rows


def started(folder: Path, given: argparse.Namespace, model: Path, rows: list[dict[str, Any]]) -> Iterator[Any]:
    """Every server, started."""
    from ds_workflow import plugins

    columns = plugins.load("problems", given.problem).PROBLEM.inputs
    told = {
        "blank": dict.fromkeys(c.name for c in columns),
        "dates": [c.name for c in columns if c.kind == "date"],
        "folder": str(folder),
    }
    scripts = {"peer": PEER, "empty": EMPTY, "plain": FASTAPI, "bento": BENTO}
    scripts |= {"quick": FASTAPI_QUICK.format(**told), "mlflow_quick": MLFLOW_QUICK.format(**told)}
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    lists = bodies(folder, "list", lambda some: some, rows)
    split = bodies(folder, "split", lambda some: {"dataframe_split": _split(some)}, rows)
    named = bodies(folder, "named", lambda some: {"rows": some}, rows)
    environ = {**os.environ, "PYTHONPATH": f"{HOUSE}:{folder}", "BENCH_MODEL": str(model)}
    environ |= {"DS_WORKFLOW_HOME": str(folder / "home"), "DS_WORKFLOW_PROBLEM": given.problem}
    environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "BENTOML_DO_NOT_TRACK": "True", "OMP_WAIT_POLICY": "passive"}
    environ |= {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"}  # as users have it; our own reader never does
    uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--port", "{port}"]
    mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", "{port}", "-m"]
    quick = folder / "mlflow_quick_model"
    save_mlflow(quick, folder / "mlflow_quick.py", rows[:1])
    yield server("empty", [*uvicorn, "empty:app"], "/predict", lists, environ)
    yield server("ours", [*uvicorn, "serving.app:app"], "/predict", lists, environ, ready="/ready")
    yield server("fastapi", [*uvicorn, "plain:app"], "/predict", lists, environ)
    yield server("fastapi + our scorer", [*uvicorn, "quick:app"], "/predict", lists, environ)
    yield server("mlflow", [*mlflow, str(model)], "/invocations", split, environ)
    yield server("mlflow + our scorer", [*mlflow, str(quick)], "/invocations", split, environ)
    if given.bento_python:
        words = [str(given.bento_python), "-m", "bentoml", "serve", "bento:Peer", "--port", "{port}"]
        yield server("bentoml", words, "/predict", named, environ, cwd=folder)
    else:
        print("BentoML is not measured: name an interpreter that has it with --bento-python.", file=sys.stderr)


def save_mlflow(target: Path, script: Path, rows: list[dict[str, Any]]) -> None:
    """The compiled scorer as a model of MLflow's own kind."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        mlflow.pyfunc.save_model(str(target), python_model=str(script), pip_requirements=[])


def _split(rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns = list(rows[0])
    return {"columns": columns, "data": [[row[name] for name in columns] for row in rows]}


def bodies(folder: Path, name: str, shape: Any, rows: list[dict[str, Any]]) -> dict[int, Path]:
    """One file per number of rows, as this server wants them."""
    found = {}
    for count in sorted({count for count, _ in CASES}):
        found[count] = folder / f"{name}-{count}.json"
        found[count].write_text(json.dumps(shape(rows[:count])), "utf-8")
    return found


@contextmanager
def server(
    name: str,
    words: list[str],
    path: str,
    sent: Mapping[int, Path],
    environ: Mapping[str, str],
    *,
    ready: str = "",
    cwd: Path | None = None,
) -> Iterator[Server]:
    """Start it, wait until it answers a row, end it with its children."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [word.replace("{port}", str(port)) for word in words]
    log = sent[1].with_name(f"{name.replace(' ', '_')}.log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=dict(environ), cwd=cwd, stdout=stream, stderr=stream, start_new_session=True
        )
    made = Server(name, f"http://127.0.0.1:{port}{path}", sent, process)
    try:
        deadline = time.monotonic() + 180
        while not _answers(made, f"http://127.0.0.1:{port}{ready}" if ready else ""):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} did not start:\n{log.read_text('utf-8')[-3000:]}")
            time.sleep(0.3)
        yield made
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, how)
                process.wait(timeout=15)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def _answers(made: Server, ready: str) -> bool:
    try:
        if ready:
            request.urlopen(ready, timeout=30).read()  # noqa: S310 - loopback
        kind = {"Content-Type": "application/json"}
        asked = request.Request(made.url, made.bodies[1].read_bytes(), kind)  # noqa: S310 - loopback
        request.urlopen(asked, timeout=30).read()  # noqa: S310 - loopback
    except (error.URLError, OSError):
        return False
    return True


def measure(
    servers: list[Server], *, rounds: int, seconds: float
) -> dict[str, dict[tuple[int, int], dict[str, float]]]:
    """Median figures by server and case."""
    taken: dict[tuple[str, tuple[int, int]], list[dict[str, float]]] = {}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for case in CASES:
            for one in servers:
                taken.setdefault((one.name, case), []).append(_once(one, case, seconds))
    found: dict[str, dict[tuple[int, int], dict[str, float]]] = {}
    for (name, case), figures in taken.items():
        found.setdefault(name, {})[case] = {key: median(f[key] for f in figures) for key in figures[0]}
    return found


def _once(one: Server, case: tuple[int, int], seconds: float) -> dict[str, float]:
    rows, connections = case
    load = [sys.executable, str(HOUSE / "benchmarks" / "http_load.py"), one.url, "--body", str(one.bodies[rows])]
    load += ["--concurrency", str(connections), "--seconds", str(seconds), "--warm-up", "0"]
    before = one.seconds()
    told = json.loads(subprocess.run(load, capture_output=True, text=True, check=True).stdout)
    spent = one.seconds() - before
    good = told["statuses"].get("200", 0)
    failed = told["requests"] - good + told["failures"]
    if not good or (failed and one.name == "ours"):
        raise SystemExit(f"{one.name} answered {told}")
    return {
        "per_second": told["per_second"] * good / told["requests"],
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        "cpu_us": 1e6 * spent / good,
        "failed": failed,
    }


def ratios(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every wanted ratio, by requests per second and by processor time a request."""
    lines = []
    for case, peers, wanted in WANTED:
        for peer in peers:
            if peer in found:
                ours, theirs = found["ours"][case], found[peer][case]
                by_rate = ours["per_second"] / theirs["per_second"]
                by_cpu = theirs["cpu_us"] / ours["cpu_us"]
                lines.append(
                    {
                        "rows": case[0], "connections": case[1], "peer": peer, "wanted": wanted,
                        "by_rate": round(by_rate, 2), "by_cpu": round(by_cpu, 2), "met": by_rate >= wanted,
                    }
                )  # fmt: skip
    return lines


def report(found: Mapping[str, Any], given: argparse.Namespace) -> None:
    """The tables, or one JSON document."""
    if given.json:
        plain = {name: {f"{r} rows, {c}": f for (r, c), f in cases.items()} for name, cases in found.items()}
        print(json.dumps({"problem": given.problem, "servers": plain, "ratios": ratios(found)}, indent=2))
        return
    print(f"{given.problem}, {given.strategy}, {given.rounds} rounds of {given.seconds:g} s")
    print("requests per second | p99 ms | processor microseconds a request")
    heads = [f"{rows} row{'s' * (rows > 1)}, {connections} conn." for rows, connections in CASES]
    print(f"{'':<22}" + "".join(f"{head:>26}" for head in heads))
    for name, cases in found.items():
        cells = [f"{f['per_second']:,.0f} | {f['p99_ms']:.1f} | {f['cpu_us']:,.0f}" for f in cases.values()]
        print(f"{name:<22}" + "".join(f"{cell:>26}" for cell in cells))
        if lost := sum(f["failed"] for f in cases.values()):
            print(f"{'':<22}{lost:,.0f} requests of a median round were not answered with 200")
    for line in ratios(found):
        print(
            f"{line['rows']} row(s), {line['connections']} connections: {line['by_rate']:.2f} times {line['peer']} by "
            f"rate, {line['by_cpu']:.2f} by processor time; wanted {line['wanted']:g}: "
            f"{'met' if line['met'] else 'MISSED'}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
