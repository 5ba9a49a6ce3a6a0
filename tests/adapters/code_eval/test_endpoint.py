"""An endpoint on this machine that speaks OpenAI's chat protocol, and now and then does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.code_eval.endpoint import Endpoint, Wish, ask, generate, kept
from ds_workflow.domain.code_eval.tasks import Task
from ds_workflow.errors import InvalidInput, SourceUnavailable
from ds_workflow.use_cases.code_eval import generate as use_case
from ds_workflow.use_cases.code_eval import run
from ds_workflow.workspace import Workspace

TASKS = {name: Task(name, f"def {name}():\n", (name,), "") for name in ("one", "two", "three")}
WISH = Wish("tiny", samples=2, temperature=0.5)


@dataclass
class Server:
    """What it was asked, and what it says next: a status and a body, or text that becomes a message."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    next: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def endpoint(self, **options: Any) -> Endpoint:
        return Endpoint(self.url, "secret", **{"timeout": 5.0, "pause": 0.0, **options})


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append({"path": self.path, **body})
            state.keys.append(self.headers["Authorization"])
            said = f"Sure:\n```python\nanswer = {len(state.asked)}\n```"
            status, text, headers = state.next.pop(0) if state.next else (200, message(said), {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Not on the tests' output."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{listening.server_port}/v1"
    yield state
    listening.shutdown()
    thread.join()
    listening.server_close()


def message(text: str) -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_protocol_is_spoken(server: Server) -> None:
    assert ask(server.endpoint(), TASKS["one"], WISH) == "answer = 1"
    asked = server.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("tiny", 0.5, 1024)
    assert "def one():" in asked["messages"][-1]["content"]
    assert server.keys == ["Bearer secret"]


def test_a_busy_server_is_asked_again_after_the_wait_it_names(server: Server) -> None:
    server.next = [(429, "slow down", {"Retry-After": "7"}), (503, "", {}), (500, "", {"Retry-After": "soon"})]
    waited: list[float] = []
    assert ask(server.endpoint(pause=1.0), TASKS["one"], WISH, sleep=waited.append) == "answer = 4"
    assert waited == [7.0, 2.0, 4.0]


def test_what_is_refused_is_not_asked_again(server: Server) -> None:
    server.next = [(401, "bad key", {}), (404, "no such model", {})]
    with pytest.raises(InvalidInput, match="refused the key"):
        ask(server.endpoint(), TASKS["one"], WISH)
    with pytest.raises(InvalidInput, match="no such model"):
        ask(server.endpoint(), TASKS["one"], WISH)
    assert len(server.asked) == 2


@pytest.mark.parametrize("text", ["<html>", "{}", '{"choices": []}', '{"choices": [{"message": {"content": null}}]}'])
def test_another_protocol_is_told(server: Server, text: str) -> None:
    server.next = [(200, text, {})]
    with pytest.raises(SourceUnavailable):
        ask(server.endpoint(), TASKS["one"], WISH)


def test_a_run_that_failed_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.jsonl"
    server.next = [(200, message("first"), {}), (200, message("second"), {}), *[(503, "down", {})] * 2]
    patience = server.endpoint(attempts=2)
    with pytest.raises(SourceUnavailable, match="did not answer for three in 2 tries") as caught:
        list(generate(patience, TASKS, WISH, path))
    assert "again" in caught.value.hint
    assert [(r["task_id"], r["sample"], r["completion"]) for r in lines(path)] == [
        ("one", 0, "first"),
        ("two", 0, "second"),
    ]
    asked = len(server.asked)
    assert list(generate(patience, TASKS, WISH, path)) == [("three", 0), ("one", 1), ("two", 1), ("three", 1)]
    assert len(server.asked) == asked + 4
    assert list(generate(patience, TASKS, WISH, path)) == []
    assert len(lines(path)) == 6


def test_several_at_once_write_the_same_file(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    made = list(generate(server.endpoint(), TASKS, WISH, path, workers=4))
    assert made == [(t, s) for s in range(2) for t in TASKS]
    assert {(r["task_id"], r["sample"]) for r in lines(path)} == set(made)


def test_a_line_that_was_cut_off_is_asked_again_and_a_whole_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    whole = json.dumps({"task_id": "one", "model": "tiny", "sample": 0, "completion": "x"})
    path.write_text(f'{whole}\n{{"task_id": "tw')
    assert kept(path, "tiny") == {("one", 0)}
    assert path.read_text() == f"{whole}\n"
    path.write_text(whole)
    assert kept(path, "tiny") == {("one", 0)}
    assert path.read_text() == f"{whole}\n"


@pytest.mark.parametrize("line", ["not json", '{"task_id": 1}', '{"task_id": "a", "model": "other", "sample": 0}'])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(InvalidInput, match=r"notes\.jsonl"):
        kept(path, "tiny")
    assert path.read_text() == f"{line}\n"


def test_nobody_there_is_told() -> None:
    nobody = Endpoint("http://127.0.0.1:9/v1", attempts=2, pause=0.0, timeout=2.0)
    with pytest.raises(SourceUnavailable, match="did not answer"):
        ask(nobody, TASKS["one"], WISH)


def test_the_endpoint_comes_from_the_option_or_the_environment() -> None:
    environ = {"OPENAI_BASE_URL": "http://here/v1/", "OPENAI_API_KEY": "k"}
    assert Endpoint.of(environ) == Endpoint("http://here/v1", "k")
    assert Endpoint.of(environ, "https://there/v1").base_url == "https://there/v1"
    for wrong in ({}, {"OPENAI_BASE_URL": "ftp://here"}):
        with pytest.raises(InvalidInput) as caught:
            Endpoint.of(wrong)
        assert "OPENAI_BASE_URL" in caught.value.hint


def test_our_tasks_are_asked_and_the_answers_can_be_run(server: Server, tmp_path: Path) -> None:
    """From the endpoint through the file to the sandbox; a limit too high or too low is refused before anything."""
    work, out = Workspace.at(tmp_path), tmp_path / "tiny.jsonl"
    first = next(iter(files.read_tasks("own").tasks.values()))
    whole = f"```python\n{first.reference}```"
    server.next = [(200, message(whole), {})]
    options: dict[str, Any] = {"base_url": server.url, "limit": 2, "environ": {}}
    made = use_case.generate(work, "own", Wish("tiny"), out, **options)
    assert (made.written, made.kept, made.tasks) == (2, 0, 2)
    assert server.keys == [None, None], "no key, no header"
    assert use_case.generate(work, "own", Wish("tiny"), out, **options).to_dict()["kept"] == 2
    found = run.run(work, run.Ask("own", out)).found
    assert [(o.passed, o.failure.kind) for o in found.outcomes] == [(True, "passed"), (False, "wrong_answer")]
    for wish in (Wish("tiny", samples=0), Wish("tiny", temperature=3.0), Wish("tiny", max_tokens=0)):
        with pytest.raises(InvalidInput):
            use_case.generate(work, "own", wish, out, **options)
    with pytest.raises(InvalidInput, match="no name for completions"):
        use_case.generate(work, "own", Wish("tiny"), tmp_path / "tiny.txt", **options)
