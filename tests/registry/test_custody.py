"""Whatever moves or changes the champion round the registry is seen, and blocks decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow
import pytest

from registry.errors import OutOfCustody, Unavailable

PROBLEM = "toy_prices"


def client(bench: Any) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=bench.versions.uri, registry_uri=bench.versions.uri)


def move_alias(bench: Any) -> None:
    client(bench).set_registered_model_alias(PROBLEM, "champion", "2")


def delete_alias(bench: Any) -> None:
    client(bench).delete_registered_model_alias(PROBLEM, "champion")


def delete_version(bench: Any) -> None:
    client(bench).delete_model_version(PROBLEM, "1")


def change_bytes(bench: Any) -> None:
    (bench.versions.model_path(bench.versions.version(PROBLEM, 1)) / "model.skops").write_bytes(b"better, trust me")


def remove_files(bench: Any) -> None:
    for path in bench.versions.model_path(bench.versions.version(PROBLEM, 1)).iterdir():
        path.unlink()


def change_digest(bench: Any) -> None:
    client(bench).set_model_version_tag(PROBLEM, "1", "digest", "0" * 64)


def lose_database(bench: Any) -> None:
    for path in bench.folder.glob("mlruns/mlflow.db*"):
        path.unlink()


def ruin_database(bench: Any) -> None:
    for path in bench.folder.glob("mlruns/mlflow.db*"):
        path.write_bytes(b"this is not a database, whatever its name says" * 100)


def test_a_renamed_model_is_told_as_such_and_named_back(lasting: Any) -> None:
    first = lasting.promote()
    lasting.promote(3.0)
    registry, name = lasting.registry(), "other_prices"
    client(lasting).rename_registered_model(PROBLEM, name)
    state = registry.custody(PROBLEM)
    assert state.status == "drifted" and "renamed or deleted" in state.detail
    call = f'rename_registered_model("ITS NAME NOW", "{PROBLEM}")'
    assert call in state.way_out
    for act in (
        lambda: registry.restore(PROBLEM, by="ada", reason="back"),
        lambda: lasting.roll_back(registry, to=first.version),
    ):
        with pytest.raises(OutOfCustody, match="renamed or deleted") as refused:
            act()
        assert call in refused.value.hint
    client(lasting).rename_registered_model(name, PROBLEM)
    assert registry.custody(PROBLEM).status == "in_custody"


@pytest.mark.parametrize(
    ("harm", "status", "says", "ends_by"),
    [
        (move_alias, "drifted", "on version 2; the pointer log says version 1", "'arena-adopt' tries"),
        (delete_alias, "drifted", "was deleted;", "'arena-restore' puts it back"),
        (delete_version, "drifted", "was deleted with its version;", "'arena-rollback' goes"),
        (change_bytes, "drifted", "bytes of version 1 changed", "from a backup"),
        (remove_files, "drifted", "gone", "from a backup"),
        (change_digest, "drifted", "not the one that was decided", "'arena-restore' mends"),
        (lose_database, "unknown", "missing", "backup"),
        (ruin_database, "unknown", "can't be read", "backup"),
    ],
)
def test_every_kind_of_drift(lasting: Any, harm: Callable[[Any], None], status: str, says: str, ends_by: str) -> None:
    champion = lasting.promote()
    registry = lasting.registry()
    candidate = lasting.candidate(3.0)
    evidence = lasting.evidence(candidate)
    proposal = lasting.propose(candidate)
    harm(lasting)
    state = registry.custody(PROBLEM)
    assert (state.status, state.expected) == (status, champion.ref)
    assert says in state.detail
    assert ends_by in state.way_out
    assert registry.status(PROBLEM).custody == state
    refusal = Unavailable if status == "unknown" else OutOfCustody
    with pytest.raises(refusal) as caught:
        lasting.approve(proposal)
    assert caught.value.hint == state.way_out
    with pytest.raises(refusal):
        registry.propose(evidence, gates=[], owner="olga")
    assert registry.proposal(proposal.id) == proposal


def test_an_alias_that_nobody_decided_is_drift_too(bench: Any) -> None:
    version = bench.candidate()
    bench.versions.set_alias(PROBLEM, "champion", 1)
    state = bench.registry().custody(PROBLEM)
    assert (state.status, state.expected, state.actual) == ("drifted", None, version.ref)
    with pytest.raises(OutOfCustody, match="nobody"):
        bench.propose(version)


def test_a_recreated_name_is_not_the_champion(lasting: Any) -> None:
    lasting.promote()
    client(lasting).delete_registered_model(PROBLEM)
    lasting.versions.register(lasting.run(slope=9.0), at="2026-02-01T00:00:00.000000Z")
    lasting.versions.set_alias(PROBLEM, "champion", 1)
    assert "not the one that was decided" in lasting.registry().custody(PROBLEM).detail


def test_the_way_back_is_open_when_the_champions_version_was_deleted(lasting: Any) -> None:
    lasting.promote()
    lasting.promote(3.0)
    client(lasting).delete_model_version(PROBLEM, "2")
    with pytest.raises(OutOfCustody, match="was deleted"):
        lasting.registry().champion(PROBLEM)
    assert lasting.roll_back().label == "approved"
    assert lasting.registry().custody(PROBLEM).status == "in_custody"


def test_a_rollback_does_not_run_over_somebody_elses_alias(lasting: Any) -> None:
    lasting.promote()
    lasting.promote(3.0)
    lasting.candidate(4.0)
    client(lasting).set_registered_model_alias(PROBLEM, "champion", "3")
    with pytest.raises(OutOfCustody, match="on version 3"):
        lasting.roll_back()
    client(lasting).set_registered_model_alias(PROBLEM, "champion", "2")
    assert lasting.registry().custody(PROBLEM).status == "in_custody"


def test_status_works_while_the_store_is_away(lasting: Any) -> None:
    lasting.promote()
    lose_database(lasting)
    found = lasting.registry().status(PROBLEM)
    assert (found.custody.status, found.aliases["champion"], len(found.proposals)) == ("unknown", None, 1)
    assert any("can't be read" in problem for problem in lasting.registry().verify().problems)
