"""What people write in YAML is read as they wrote it, or refused with the line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ds_workflow import workspace
from ds_workflow.adapters import alerts, governance, monitoring_policies, policies
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import parse_yaml
from ds_workflow.use_cases.documents import sources

GOOD = b"a: 1\nb: {c: [1, 2.5, x], d: null}\nbase: &b {k: 1}\nmore: {<<: *b, k: 2}\n"


def test_plain_yaml_is_what_the_library_says() -> None:
    assert parse_yaml(GOOD, where="f") == yaml.safe_load(GOOD)
    assert parse_yaml(b"", where="f") is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"alpha: 0.05\nx: 1\nalpha: 0.5\n", "line 3: 'alpha' stands there twice"),
        (b"a: {b: {c: 1, c: 2}}", "'c' stands there twice"),
        (b"a: [{b: 1, b: 1}]", "'b' stands there twice"),
        (b"a: 1\nb: 1\na: 2\nb: {c: 1, c: 2}\n", "line 3: 'a' stands .*; line 4: 'b' too; line 4: 'c' too"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "no text in UTF-8"),
        (b"a: [", "not valid YAML"),
        (b"a: \x00", "not valid YAML"),
        (b"a: 2026-13-45", "not valid YAML"),
        (b"!!python/object/apply:os.system [ls]", "not valid YAML"),
        (b"[" * 5000, "not valid YAML"),
    ],
)
def test_what_is_said_twice_or_is_no_text_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse_yaml(content, where="f.yaml")


def test_every_file_that_people_are_judged_by_is_read_so(tmp_path: Path) -> None:
    work = workspace.Workspace.at(tmp_path, "nyc_sales")
    config = tmp_path / "config"
    for folder in (config / "policies", config / "monitoring", config / "documents"):
        folder.mkdir(parents=True)
    twice, readers = b"a: 1\na: 2\n", {
        "policies/nyc_sales.yaml": lambda: policies.load(work.settings.policy("nyc_sales"), work.problem),
        "monitoring/nyc_sales.yaml": lambda: monitoring_policies.load(work.settings, "nyc_sales"),
        "materiality.yaml": lambda: governance.materiality(work.settings, "nyc_sales"),
        "people.yaml": work._written_people,
        "alerts.yaml": lambda: alerts.load(tmp_path, {}),
        "documents/escalation.yaml": lambda: sources._yaml(tmp_path, "escalation", ""),
    }  # fmt: skip
    for name, read in readers.items():
        for content, says in ((twice, "twice"), (bytes(range(128, 256)), "no text")):
            (config / name).write_bytes(content)
            with pytest.raises(InvalidInput, match=f"{name.rpartition('/')[2]}.*{says}"):
                read()


def test_the_product_has_no_other_way_to_read_yaml(house: Path) -> None:
    files = [f for room in ("ds_workflow", "registry", "serving") for f in (house / room).rglob("*.py")]
    calls = re.compile(r"\byaml\.(?:\w*_)?load(?:_all)?\(")
    found = {str(f.relative_to(house)) for f in files if calls.search(f.read_text("utf-8"))}
    assert found == {"ds_workflow/settings.py"}
