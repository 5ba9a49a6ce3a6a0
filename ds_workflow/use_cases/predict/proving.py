"""The quick way of an answerer, once it is proven to say what the pipeline says on every row of the holdout."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ds_workflow.adapters import scorer
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.errors import WorkflowError
from ds_workflow.use_cases.predict.answerer import Answerer, load
from ds_workflow.workspace import Workspace
from registry.errors import RegistryError
from registry.files import file_lock

if TYPE_CHECKING:
    from ds_workflow.adapters.scorer import Proof
    from ds_workflow.domain.quick import Score

APART_FROM = 20_000  # holdout rows, from which on the proof runs in a process of its own
_SECONDS = 1_800.0


def known_quick(work: Workspace, found: Answerer) -> Answerer:
    """The answerer on its quick way if that was proven before; otherwise as it is."""
    quick, why = _compiled(found)
    if quick is None:
        return replace(found, why=why)
    proof = _proofs(work).find(found.problem.name, found.version.digest, scorer.code(found.model))
    return found if proof is None else _judged(found, quick, proof)


def ensure_quick(work: Workspace, found: Answerer) -> Answerer:
    """The answerer on its quick way if that is or can be proven, which may take a while; otherwise saying why not.

    One process at a time proves; the others wait for what it finds.
    """
    name, digest = found.problem.name, found.version.digest
    quick, why = _compiled(found)
    if quick is None:
        return replace(found, why=why)
    folder = work.settings.store / "proofs"
    try:
        with file_lock(folder / f".{name}.lock", seconds=_SECONDS, busy=f"Another process proves {name}."):
            proof = _proofs(work).find(name, digest, scorer.code(found.model))
            if proof is None:
                proof = _prove(work, found, quick)
    except (WorkflowError, RegistryError, OSError) as error:
        return replace(found, why=f"not proven: {error}")
    return _judged(found, quick, proof)


def _prove(work: Workspace, found: Answerer, quick: Score) -> Proof:
    lineage = found.version.lineage
    store = SnapshotStore(work.settings.data)
    if store.record(found.problem.name, lineage.dataset_version).holdout_rows >= APART_FROM:
        return _prove_apart(work, found)
    holdout = store.load(found.problem, lineage.dataset_version).holdout
    proof = scorer.prove(found.problem, found.model, quick, holdout)
    _proofs(work).keep(found.problem.name, found.version.digest, proof)
    return proof


def _prove_apart(work: Workspace, found: Answerer) -> Proof:
    """The same in a process of its own: a long proof would hold up the requests of this one."""
    child = multiprocessing.get_context("spawn").Process(
        target=_prove_in_child,
        args=(work.settings.root, found.problem.name, found.version.version),
        name=f"prove {found.problem.name}",
        daemon=True,
    )
    child.start()
    child.join(_SECONDS)
    if child.is_alive():
        child.kill()
    code = scorer.code(found.model)
    proof = _proofs(work).find(found.problem.name, found.version.digest, code)
    if proof is None:
        raise WorkflowError(f"the process that proves ended with {child.exitcode}, without a result")
    return proof


def _prove_in_child(root: Path, problem: str, number: int) -> None:
    work = Workspace.at(root, problem)
    found = load(work, work.registry.version(problem, number))
    quick, _ = _compiled(found)
    if quick is not None:
        holdout = SnapshotStore(work.settings.data).load(found.problem, found.version.lineage.dataset_version).holdout
        _proofs(work).keep(problem, found.version.digest, scorer.prove(found.problem, found.model, quick, holdout))


def _compiled(found: Answerer) -> tuple[Score | None, str]:
    """The quick way, or why there is none."""
    try:
        quick = scorer.compiled(found.model)
    except Exception as error:  # a plug-in's compiler that breaks must not keep the pipeline from answering
        return None, f"not compiled: {type(error).__name__}: {error}"
    return quick, "" if quick else "the features or the estimator of this version can't be compiled"


def _judged(found: Answerer, quick: Score, proof: Proof) -> Answerer:
    if not proof.equal:
        return replace(found, why=f"not equal to the pipeline: {proof.detail}")
    return replace(found, score=quick, way="compiled", why=proof.detail)


def _proofs(work: Workspace) -> scorer.Proofs:
    return scorer.Proofs(work.settings.store / "proofs")
