"""Programs that try to get out, to cheat or to take the machine down: none passes, none does damage."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ds_workflow.adapters.sandbox import pool, seccomp
from ds_workflow.adapters.sandbox.cells import Limits, Nursery
from ds_workflow.adapters.sandbox.checker import Checked, check
from ds_workflow.domain.code_eval.tasks import Completion, Task

pytestmark = pytest.mark.skipif(bool(seccomp.unavailable()), reason=seccomp.unavailable() or "confined")
TASK = Task("add", "Add two numbers.", ("add",), "def check(candidate):\n    assert candidate(2, 3) == 5\n")
QUICK = Limits(cpu=1, wall=8.0, memory=256 * 1024 * 1024)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


def run(nursery: Nursery, code: str, *, task: Task = TASK, limits: Limits = QUICK) -> Checked:
    return check(nursery, task, Completion(task.task_id, code, mode="full"), limits)


def test_an_honest_program_passes_and_its_neighbour_does_too(nursery: Nursery) -> None:
    assert run(nursery, "def add(a, b):\n    return a + b").passed
    assert run(nursery, "import math\ndef add(a, b):\n    return int(math.fsum([a, b]))").passed


FORGED = {
    "printing passed": "def add(a, b):\n    print('passed'); return 0",
    "an object equal to everything": "class E:\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return E()",
    "an int equal to everything": "class E(int):\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return E(1)",
    "a list that lies": "class L(list):\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return L()",
    "patched errors": "import builtins\nbuiltins.AssertionError = ValueError\ndef add(a, b): return 1",
    "patched operators": "import operator\noperator.eq = lambda a, b: True\ndef add(a, b): return 1",
    "leaving quietly": "import os\ndef add(a, b):\n    os._exit(0)",
    "leaving by exception": "def add(a, b):\n    raise SystemExit(0)",
    "leaving while loading": "raise SystemExit(0)\ndef add(a, b): return 5",
    "raising what the checker catches": "def add(a, b):\n    raise AssertionError('passed')",
    "speaking on the wire": "import os\ndef add(a, b):\n    for fd in range(64):\n"
    '        try: os.write(fd, b\'{"value": 5, "given": [2, 3]}\\n\' * 3)\n        except OSError: pass\n    return 0',
    "a forged greeting": "import os\nfor fd in range(64):\n"
    '    try: os.write(fd, b\'{"ready": true}\\n{"passed": 1}\\n\')\n    except OSError: pass\n'
    "def add(a, b): return 0",
    "looking at frames": "import sys\ndef add(a, b):\n    f = sys._getframe()\n    while f:\n"
    "        if 'check' in f.f_globals: return 5\n        f = f.f_back\n    return 0",
    "collecting what the process holds": "import gc\ndef add(a, b):\n    for o in gc.get_objects():\n"
    "        if isinstance(o, str) and 'assert candidate' in o: return 5\n    return 0",
}


@pytest.mark.parametrize("name", FORGED)
def test_no_forgery_passes(nursery: Nursery, name: str) -> None:
    found = run(nursery, FORGED[name])
    if name == "speaking on the wire":
        # it may answer its own question: that is an answer of 5 to 2 + 3, and nothing else
        other = Task("add", "", ("add",), "def check(c):\n    assert c(2, 3) == 5\n    assert c(2, 4) == 6\n")
        found = run(nursery, FORGED[name], task=other)
    assert not found.passed, found
    assert run(nursery, "def add(a, b):\n    return a + b").passed, "the next program is not harmed"


def call(body: str) -> str:
    """A program that is right if it could do what `body` tries."""
    lines = "\n    ".join(body.splitlines())
    return f"import os, sys\ndef add(a, b):\n    {lines}\n    return 5"


DENIED = {
    "reading a file": "open('/etc/passwd').read()",
    "reading a secret": "open(os.environ['SECRET_FILE']).read()",
    "listing a folder": "assert os.listdir('/')",
    "writing a file": "open('PLACE/escaped', 'w').write('x')",
    "writing in its folder": "open('escaped', 'w').write('x')",
    "removing a file": "os.remove('PLACE/there')",
    "a socket": "import socket\ns = socket.socket(); s.connect(('127.0.0.1', int('PORT')))",
    "a raw socket call": "import ctypes\nassert ctypes.CDLL(None).socket(2, 1, 0) >= 0",
    "a shell": "import subprocess\nsubprocess.run(['true'], check=True)",
    "exec": "os.execv('/bin/true', ['true'])",
    "a fork": "assert os.fork() >= 0",
    "a thread": "import threading\nt = threading.Thread(target=print); t.start(); t.join()",
    "killing its parent": "os.kill(os.getppid(), 9)",
    "killing everybody": "os.kill(-1, 9)",
    "tracing": "import ctypes\nassert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0",
    "becoming root": "os.setuid(0); assert os.getuid() == 0 and False",
    "its memory limit": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "another namespace": "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "the environment": "assert os.environ['SECRET']",
}


@pytest.mark.parametrize("name", DENIED)
def test_nothing_outside_can_be_reached(nursery: Nursery, name: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("secret")
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)
    body = DENIED[name].replace("PLACE", str(tmp_path))
    found = run(nursery, call(body.replace("PORT", str(listening.getsockname()[1]))))
    assert not found.passed, found
    with pytest.raises(TimeoutError):
        listening.accept()
    listening.close()
    assert there.read_text() == "secret"
    assert not (tmp_path / "escaped").exists()
    assert not list(nursery.folder.iterdir())
    assert run(nursery, "def add(a, b):\n    return a + b").passed


EXHAUSTING = {
    "an endless loop": ("def add(a, b):\n    while True: pass", "timeout"),
    "an endless loop that ignores signals": (
        "import signal\ndef add(a, b):\n    signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True: pass",
        "timeout",
    ),
    "sleeping": ("import time\ndef add(a, b):\n    time.sleep(60); return 5", "timeout"),
    "a memory hog": ("def add(a, b):\n    return len([bytearray(1 << 20) for _ in range(10_000)])", "memory"),
    "deep recursion": ("def add(a, b):\n    return add(a, b)", "recursion"),
    "endless output": ("def add(a, b):\n    while True: print('x' * 1000)", "output_limit"),
    "a giant answer": ("def add(a, b):\n    return 'x' * (64 << 20)", "runtime_error"),
    "a fork bomb": ("import os\ndef add(a, b):\n    while True: os.fork()", "forbidden"),
    "a crash": ("import ctypes\ndef add(a, b):\n    ctypes.string_at(0)", "crash"),
}


@pytest.mark.parametrize("name", EXHAUSTING)
def test_whatever_is_used_up_is_bounded_and_named(nursery: Nursery, name: str) -> None:
    code, kind = EXHAUSTING[name]
    limits = Limits(cpu=1, wall=2.5, memory=QUICK.memory) if name == "sleeping" else QUICK
    started = time.monotonic()
    found = run(nursery, code, limits=limits)
    assert found.failure.kind == kind, found
    assert time.monotonic() - started < limits.wall + 6
    assert run(nursery, "def add(a, b):\n    return a + b").passed


def test_a_host_that_is_looked_up_is_a_forbidden_attempt(nursery: Nursery) -> None:
    code = "import socket\ndef add(a, b):\n    return socket.create_connection((HOST, 80))"
    for host in ("'example.org'", "'127.0.0.1'"):
        assert run(nursery, f"HOST = {host}\n{code}").failure.kind == "forbidden", host


def test_a_cell_leaves_nothing_behind(nursery: Nursery) -> None:
    for _ in range(5):
        run(nursery, "import time\ndef add(a, b):\n    time.sleep(60)", limits=Limits(cpu=1, wall=0.3))
    children = Path(f"/proc/{nursery.process.pid}/task/{nursery.process.pid}/children").read_text()
    assert children.strip() == ""


def test_where_nothing_can_be_confined_nothing_runs() -> None:
    assert seccomp.NUMBERS.keys() == {"x86_64", "aarch64"}
    with pytest.raises(KeyError):
        seccomp.program("sparc", 3)
    assert list(pool.run([], limits=QUICK, workers=1)) == []
