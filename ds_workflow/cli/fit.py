"""Training in one go, for a folder of files instead of a registry."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, show, workspace
from ds_workflow.cli.engine import ENGINE
from ds_workflow.cli.source import REFERENCES, ROWS, SIMULATE


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "train",
        section="Train",
        examples="""train --problem adult_income --data adult/ --outdir income-model
train --problem nyc_sales --simulate --strategy segmented_router --outdir sales-model --force""",
    )
    @click.option("--outdir", required=True, type=click.Path(path_type=Path), help="The folder to make.")
    @click.option("--data", type=click.Path(path_type=Path), help="File or folder of the problem's source.")
    @SIMULATE
    @ROWS
    @REFERENCES
    @click.option("--feature-set-version", default="", show_default="the newest", help="A declared feature set.")
    @click.option("--strategy", default="", show_default="the problem's first", help="How the model is built.")
    @click.option("--optuna-trials", default=0, show_default=True, help="Hyperparameter trials on training rows.")
    @click.option("--seed", default=42, show_default=True)
    @click.option("--force", is_flag=True, help="Replace what an earlier 'train' left in the folder.")
    @ENGINE
    def train(
        outdir: Path,
        data: Path | None,
        simulate: bool,
        rows: int | None,
        references: tuple[Path, ...],
        feature_set_version: str,
        strategy: str,
        optuna_trials: int,
        seed: int,
        force: bool,
        engine: str,
    ) -> None:
        """Train in one go, without a registry: metrics.json, the model, its feature pipeline, feature importances.
        Nothing is recorded, so its look at the held-out rows can't be counted: don't choose by it what is to be judged
        on the same rows later. 'train-candidate' counts.
        """
        from ds_workflow.use_cases import fit

        result = fit.fit(
            workspace(),
            fit.FitRequest(
                outdir=outdir,
                data=data,
                references=references,
                simulate=simulate,
                rows=rows,
                feature_set_version=feature_set_version,
                strategy=strategy,
                optuna_trials=optuna_trials,
                seed=seed,
                force=force,
                engine=engine,
            ),
        )
        show(result.to_dict(), result.text)
