"""A finished run as MLflow keeps it: its figures, its model without pickle, its dataset and its version."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from registry.files import folder_digest
from registry.mlflow_peek import local_path
from registry.mlflow_store.connection import Connection, quiet
from registry.ports import RunRecord
from registry.records import canonical_json

_LONGEST_DESCRIPTION = 5000


class Runs:
    """Logs runs; a model's files go below `root`/artifacts."""

    def __init__(self, root: Path, mlflow: Connection) -> None:
        self._root, self._mlflow = root, mlflow

    def log(self, run: RunRecord, *, at: str) -> int:
        """Log the run and its model; the number of the version that they became.

        InvalidRecord for a model that can't be kept.
        """
        import skops.io  # noqa: F401  before MLflow: it looks through all loaded modules, and that takes long after it

        problem, client = run.lineage.problem, self._mlflow.client
        experiment = self._experiment(problem)
        tags = _lineage_tags(run) | {str(k): str(v) for k, v in run.tags.items()}
        notes = {
            "mlflow.note.content": run.description,
            "mlflow.user": run.lineage.owner,
            "mlflow.source.git.commit": run.lineage.git_commit,
        }
        run_id: str = self._mlflow.call(client.create_run, experiment, run_name=run.name, tags=tags | notes).info.run_id
        try:
            self._log_figures(run, run_id)
            self._mlflow.call(client.log_artifacts, run_id, str(run.artifacts))
            model_id, folder = self._log_model(run, experiment, run_id, tags)
            digest = folder_digest(folder)
            version = self._create_version(
                run, run_id, model_id, tags | {"digest": digest, "lineage": canonical_json(asdict(run.lineage)),
                                               "created_at": at, "run_name": run.name},
            )  # fmt: skip
        except BaseException:
            self._mlflow.call(client.set_terminated, run_id, status="FAILED")
            raise
        self._mlflow.call(client.set_terminated, run_id)
        return version

    def _experiment(self, problem: str) -> str:
        found = self._mlflow.call(self._mlflow.client.get_experiment_by_name, problem)
        if found is None:
            # Absolute, because MLflow would take it relative to the working directory of the day.
            where = str(self._root / "artifacts" / problem)
            self._mlflow.call(self._mlflow.client.create_experiment, problem, artifact_location=where, exists_ok=True)
            found = self._mlflow.call(self._mlflow.client.get_experiment_by_name, problem)
        return str(found.experiment_id)

    def _log_figures(self, run: RunRecord, run_id: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

        now = int(self._mlflow.call(self._mlflow.client.get_run, run_id).info.start_time)
        metrics = [Metric(_name(name), float(value), now, 0) for name, value in run.metrics.items()]
        params = [Param(_name(name), str(value)) for name, value in run.params.items()]
        for start in range(0, max(len(metrics), 1), 900):
            self._mlflow.call(self._mlflow.client.log_batch, run_id, metrics=metrics[start : start + 900])
        for start in range(0, len(params), 90):
            self._mlflow.call(self._mlflow.client.log_batch, run_id, params=params[start : start + 90])
        with quiet():
            data: Any = Dataset.from_dictionary(_dataset(run.dataset))
        self._mlflow.call(
            self._mlflow.client.log_inputs,
            run_id,
            [DatasetInput(data, [InputTag("mlflow.data.context", "training")])],
        )

    def _log_model(self, run: RunRecord, experiment: str, run_id: str, tags: dict[str, str]) -> tuple[str, Path]:
        import mlflow.sklearn
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model, infer_signature

        logged = self._mlflow.call(
            self._mlflow.client.create_logged_model,
            experiment,
            name=_name(run.name).replace("/", "_").replace(":", "_").replace(".", "_"),
            source_run_id=run_id,
            tags=tags,
            params={str(k): str(v) for k, v in run.params.items()},
            model_type="sklearn",
        )
        description = Model(
            artifact_path=logged.artifact_location, model_uuid=logged.model_id, run_id=run_id, model_id=logged.model_id
        )
        with tempfile.TemporaryDirectory(prefix="model-") as folder:
            path = Path(folder) / "model"
            with quiet():
                signature = infer_signature(run.example, run.model.predict(run.example))
            # Not `log_model`: it would predict on the example in a copy loaded anew, just to see that it can.
            self._mlflow.call(
                mlflow.sklearn.save_model,
                run.model,
                str(path),
                mlflow_model=description,
                serialization_format="skops",
                skops_trusted_types=list(run.trusted_types),
                signature=signature,
                input_example=run.example,
                pip_requirements=list(run.pip_requirements),
            )
            self._mlflow.call(self._mlflow.client.log_model_artifacts, logged.model_id, str(path))
        self._mlflow.call(self._mlflow.client.finalize_logged_model, logged.model_id, "READY")
        self._mlflow.call(self._mlflow.client.log_outputs, run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return str(logged.model_id), local_path(logged.artifact_location)

    def _create_version(self, run: RunRecord, run_id: str, model_id: str, tags: dict[str, str]) -> int:
        import mlflow

        problem = run.lineage.problem
        self._mlflow.call(self._mlflow.client.create_registered_model, problem, exists_ok=True)
        # MLflow resolves a models:/m-... source by the process-wide address, whatever the client's own is.
        with quiet():
            mlflow.set_tracking_uri(self._mlflow.uri)
        made = self._mlflow.call(
            self._mlflow.client.create_model_version,
            problem,
            f"models:/{model_id}",
            run_id,
            tags=tags,
            description=run.description[:_LONGEST_DESCRIPTION],
            model_id=model_id,
        )
        return int(made.version)


def _lineage_tags(run: RunRecord) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in asdict(run.lineage).items()}


def _dataset(told: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset as mlflow.data shows it, under our own digest: MLflow's hashes the first 10,000 rows only."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.data.pandas_dataset import from_pandas

    name, digest = str(told["name"]), str(told["digest"])[:36]  # 36 is all that MLflow keeps; the tags have all 64
    source = CodeDatasetSource(tags={"source": str(told.get("source", "")), "rows": str(told.get("rows", ""))})
    frame = told.get("frame")
    if frame is None:
        told_only: Any = MetaDataset
        return dict(told_only(source=source, name=name, digest=digest).to_dict())
    told_of = dict(from_pandas(frame, source=source, name=name, digest=digest).to_dict())
    # the frame is a sample for the schema's sake; the rows are those of the dataset
    return told_of | {"profile": json.dumps({"num_rows": told.get("rows"), "sample_rows": len(frame)})}


def _name(name: str) -> str:
    """A name of the characters that MLflow allows for metrics and parameters."""
    return "".join(c if c.isalnum() or c in "_-. /:" else "_" for c in name)
