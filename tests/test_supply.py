"""What comes from outside is known, and model files can't run code: the bill of materials, licences, refused models."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ds_workflow.adapters import models, sbom
from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import supply
from ds_workflow.workspace import Workspace


@pytest.fixture(scope="module")
def parts() -> tuple[sbom.Component, ...]:
    return sbom.components(stated=supply.licences()[1])


def test_the_bill_is_valid_cyclonedx_and_whole(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    made = supply.bill(Workspace.at(tmp_path), tmp_path / "dist" / "sbom.cdx.json", check=False)
    text = made.path.read_text("utf-8")
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert fault is None, str(fault)[:300]
    told = json.loads(text)
    versions = {c["name"]: c["version"] for c in told["components"]}
    for name in ("numpy", "mlflow", "xgboost-cpu", "scikit-learn"):
        assert versions[name] == metadata.version(name)
    known = {told["metadata"]["component"]["bom-ref"], *(c["bom-ref"] for c in told["components"])}
    assert {ref for d in told["dependencies"] for ref in (d["ref"], *d["dependsOn"])} == known
    again = supply.bill(Workspace.at(tmp_path), tmp_path / "again.json", check=False)
    assert again.content["serialNumber"] == told["serialNumber"], "the number follows from the content"


def test_extras_of_what_is_needed_are_followed(parts: tuple[sbom.Component, ...]) -> None:
    by_name = {part.name: part for part in parts}
    assert "uvloop" in by_name["uvicorn"].needs, "uvicorn[standard] is what is asked for"
    assert "pytest" not in by_name, "what only developers need is not part of the product"
    assert len(by_name) > 60


def test_what_is_installed_is_what_is_pinned_under_licences_that_are_allowed(parts: tuple[sbom.Component, ...]) -> None:
    """Files are left out: hashing them all takes seconds, and `make sbom` does it."""
    allowed, _ = supply.licences()
    pinned = supply.pins()
    assert {p.name: p.version for p in parts if p.name != sbom.NAME and pinned.get(p.name) != p.version} == {}
    assert {p.name: p.licence for p in parts if not sbom.permitted(p.licence, allowed)} == {}
    stated = set(supply.licences()[1])
    silent = {normal for d in metadata.distributions() if not sbom.licence_of(d.metadata)
              for normal in [sbom.normal(d.metadata["Name"])]}  # fmt: skip
    assert stated <= silent, f"these say it themselves: {sorted(stated - silent)}"


@pytest.mark.parametrize(
    ("licence", "fine"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("MIT AND GPL-2.0-only", False),
        ("MIT AND (Apache-2.0 OR AGPL-3.0-only)", True),
        ("(MIT OR Apache-2.0) AND (GPL-2.0-only OR AGPL-3.0-only)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("", False),
    ],
)
def test_expressions_of_licences(licence: str, fine: bool) -> None:
    assert sbom.permitted(licence, ("MIT", "Apache-2.0")) is fine


CODE = b"x = 1\n"
DIGEST = base64.urlsafe_b64encode(hashlib.sha256(CODE).digest()).rstrip(b"=").decode()


def distribution(folder: Path, name: str, *, licence: str = "MIT", needs: str = "") -> None:
    """A distribution as an installer leaves it behind."""
    code = folder / f"{name}.py"
    code.write_bytes(CODE)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
    (info / "METADATA").write_text(told + (f"Requires-Dist: {needs}\n" if needs else ""), "utf-8")
    (info / "RECORD").write_text(f"{name}.py,sha256={DIGEST},6\n{name}-1.0.dist-info/RECORD,,\n", "utf-8")


def test_changed_files_and_lost_distributions_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "toyroot", needs="toyleaf>=1")
    distribution(tmp_path, "toyleaf", licence="GPL-3.0-only")
    monkeypatch.syspath_prepend(str(tmp_path))
    leaf, root = sbom.components("toyroot")
    assert (leaf.name, leaf.licence, root.needs) == ("toyleaf", "GPL-3.0-only", ("toyleaf",))
    assert sbom.changed_files(leaf) == []
    (tmp_path / "toyleaf.py").write_text("x = 2\n", "utf-8")
    assert sbom.changed_files(leaf) == ["toyleaf.py"]
    (tmp_path / "toyleaf.py").unlink()
    assert sbom.changed_files(leaf) == ["toyleaf.py"]
    distribution(tmp_path, "toylost", needs="not-there-at-all")
    with pytest.raises(InvalidInput, match="not-there-at-all is not installed"):
        sbom.components("toylost")


# --- model files -----------------------------------------------------------------------------------------------------


class Payload:
    """When unpickled it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["model.pkl", "model.skops"])
def test_a_pickle_is_refused_and_never_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "it-ran"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(InvalidInput, match=r"Expected one \.skops file|can't be read"):
        models.read(folder)
    assert not mark.exists()


def spoiled(source: Path, target: Path, old: str, new: str) -> None:
    """The same skops file with a text of its schema replaced."""
    with zipfile.ZipFile(source) as there, zipfile.ZipFile(target, "w") as made:
        for item in there.namelist():
            content = there.read(item)
            if item == "schema.json":
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
            made.writestr(item, content)


def test_a_stored_type_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    fitted = Pipeline([("features", "passthrough"), ("model", LogisticRegression())])
    models.write(tmp_path / "good.skops", fitted)
    assert isinstance(models.read_file(tmp_path / "good.skops"), Pipeline)
    folder = tmp_path / "bad"
    folder.mkdir()
    spoiled(tmp_path / "good.skops", folder / "model.skops", '"LogisticRegression"', '"Popen"')
    text = (folder / "model.skops").read_bytes()
    assert b"Popen" in zipfile.ZipFile(folder / "model.skops").read("schema.json")
    assert text.startswith(b"PK")
    with pytest.raises(InvalidInput, match="not trusted") as caught:
        models.read(folder)
    assert "TRUSTED_TYPES" in caught.value.hint


def test_every_model_file_that_is_written_is_free_of_pickle(tmp_path: Path) -> None:
    models.write(tmp_path / "m.skops", Pipeline([("features", "passthrough"), ("model", LogisticRegression())]))
    with zipfile.ZipFile(tmp_path / "m.skops") as there:
        kinds = {Path(item).suffix for item in there.namelist()}
        assert kinds <= {".json", ".npy", ".npz"}, kinds
        for item in there.namelist():
            assert not there.read(item).startswith(b"\x80"), "a pickle begins so"
