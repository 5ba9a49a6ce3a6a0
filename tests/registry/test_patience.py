"""A store that does not answer is waited for once, not once for each question."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.errors import Unavailable
from registry.memory import MemoryLedger
from registry.mlflow_peek import waiting
from registry.mlflow_store import MlflowStore
from registry.patience import Patience

PROBLEM = "toy_prices"


def ask(patience: Patience, answer: Callable[[], object]) -> None:
    with patience.asking():
        answer()


def test_after_a_long_wait_in_vain_the_next_call_is_refused_at_once_and_a_quick_refusal_is_asked_again() -> None:
    asked: list[str] = []

    def away() -> None:
        asked.append("away")
        raise Unavailable("no answer", hint="look")

    patient = Patience(3600.0)  # nothing takes half of that
    for _ in range(3):
        with pytest.raises(Unavailable, match="no answer"):
            ask(patient, away)
    assert len(asked) == 3
    hasty = Patience(1e-9)  # everything takes longer, and is long over when it is asked again
    for _ in range(2):
        with pytest.raises(Unavailable):
            ask(hasty, away)
    assert len(asked) == 5
    hasty.seconds = 3600.0
    hasty._until = float("inf")
    with pytest.raises(Unavailable, match="no answer") as caught:
        ask(hasty, away)
    assert (len(asked), caught.value.hint) == (5, "look")


def test_the_wait_goes_into_the_address_and_what_it_says_itself_holds() -> None:
    told = waiting("postgresql+psycopg://ana:x@db/mlflow?connect_timeout=7&sslmode=require", 4.0)
    assert told.startswith("postgresql+psycopg://ana:x@db/mlflow?")
    for part in ("connect_timeout=7", "sslmode=require", "tcp_user_timeout=4000", "lock_timeout%3D4000"):
        assert part in told
    assert "connect_timeout=2" in waiting("postgresql+psycopg://db/mlflow", 0.1), "libpq takes no less"


def test_a_server_that_never_answers_is_connected_to_once_and_custody_is_unknown(
    make_bench: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("psycopg")
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x"
        store = MlflowStore(tmp_path, url=url, seconds=3.0)
        registry = make_bench(store, MemoryLedger(), tmp_path).registry()
        silent.settimeout(0)
        assert registry.custody(PROBLEM).status == "unknown"
        silent.accept()[0].close()
        status = registry.status(PROBLEM)
        assert (status.custody.status, status.aliases["champion"]) == ("unknown", None)
        with pytest.raises(BlockingIOError):  # nobody knocked again
            silent.accept()
