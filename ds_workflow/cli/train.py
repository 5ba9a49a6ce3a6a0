"""Training commands: the first champion, and every candidate after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ds_workflow.cli.base import command, finish, show, workspace
from ds_workflow.cli.engine import ENGINE
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

CHANGE_TYPES = ("feature", "objective", "data", "architecture", "tuning")


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "train-candidate",
        section="Train",
        examples="""train-candidate --hypothesis-id H-SEG-001 --change-type architecture \\
      --change-summary "Route by segment" --owner ana --feature-set-version v2.0 \\
      --dataset-version sim-v1 --strategy segmented_router --router-mode segment_only""",
    )
    @click.option("--hypothesis-id", required=True, help="The written hypothesis this candidate tests.")
    @click.option("--change-type", required=True, type=click.Choice(CHANGE_TYPES), help="What kind of change it is.")
    @click.option("--change-summary", required=True, help="One sentence: what differs from the champion.")
    @click.option("--owner", required=True, help="Who stands for the candidate.")
    @click.option("--feature-set-version", required=True, help="A feature set that the problem declares.")
    @click.option("--dataset-version", required=True, help="A snapshot made by data-snapshot.")
    @click.option("--input-csv", type=click.Path(path_type=Path), help="Freeze this file as the snapshot first.")
    @click.option("--strategy", default="", help="How the model is built (default: as the hypothesis plans).")
    @click.option(
        "--router-mode",
        default="",
        metavar="segment_only|segment_plus_tier",
        help="Routing key (default: as the hypothesis plans).",
    )
    @click.option("--min-segment-rows", type=int, help="Training rows a route needs for a model of its own.")
    @click.option("--optuna-trials", default=0, show_default=True, help="Hyperparameter trials on training rows.")
    @click.option("--run-name", default="", help="Name of the MLflow run (default: made from the options).")
    @click.option("--seed", default=42, show_default=True)
    @ENGINE
    def train_candidate(
        hypothesis_id: str,
        change_type: str,
        change_summary: str,
        owner: str,
        feature_set_version: str,
        dataset_version: str,
        input_csv: Path | None,
        strategy: str,
        router_mode: str,
        min_segment_rows: int | None,
        optuna_trials: int,
        run_name: str,
        seed: int,
        engine: str,
    ) -> None:
        """Train a candidate for a written hypothesis and register it with its whole lineage."""
        from ds_workflow.use_cases import train

        request = train.TrainRequest(
            hypothesis_id=hypothesis_id,
            change_type=change_type,
            change_summary=change_summary,
            owner=owner,
            feature_set_version=feature_set_version,
            dataset_version=dataset_version,
            input_csv=input_csv,
            strategy=strategy,
            router_mode=router_mode,
            min_segment_rows=min_segment_rows,
            optuna_trials=optuna_trials,
            run_name=run_name,
            seed=seed,
            engine=engine,
        )
        result = train.candidate(workspace(), request)
        show(result.to_dict(), result.text)

    @command(
        main,
        "bootstrap-champion",
        section="Train",
        examples="""bootstrap-champion --dataset-version sim-v1 --feature-set-version v1.0 \\
      --owner ana --approved-by ben""",
    )
    @click.option("--dataset-version", required=True, help="A snapshot made by data-snapshot.")
    @click.option("--feature-set-version", default="", help="A declared feature set; without it, they are listed.")
    @click.option("--owner", required=True, help="Who stands for the baseline.")
    @click.option("--approved-by", required=True, help="Who takes the decision.")
    @click.option("--strategy", default="", help="How the model is built (default: the problem's first strategy).")
    @click.option("--reason", default="First champion of this problem.", show_default=True)
    @click.option("--seed", default=42, show_default=True)
    def bootstrap_champion(
        dataset_version: str,
        feature_set_version: str,
        owner: str,
        approved_by: str,
        strategy: str,
        reason: str,
        seed: int,
    ) -> None:
        """Train, judge and appoint the first champion; refused when there is one."""
        from ds_workflow.use_cases import train
        from ds_workflow.use_cases.arena import people, propose

        work = workspace()
        propose.require_no_champion(work)
        people.require_appointable(work, owner=owner, approved_by=approved_by)
        _require_feature_set(work, feature_set_version)
        made = train.baseline(
            work,
            owner=owner,
            dataset_version=dataset_version,
            feature_set_version=feature_set_version,
            strategy=strategy,
            seed=seed,
        )
        result = propose.bootstrap(work, made.version, owner=owner, approved_by=approved_by, reason=reason)
        show(result.to_dict(), result.brief if result.proposal.effect == "applied" else result.text)
        finish(result.proposal.effect == "applied")


def _require_feature_set(work: Workspace, given: str) -> None:
    """Where none is named, say which there are. Raises InvalidInput."""
    if not given:
        sets = [
            f"{fs.version} ({len(fs.features)} features: {fs.note.rstrip('.')})" for fs in work.problem.feature_sets
        ]
        raise InvalidInput(
            f"--feature-set-version is missing; {work.problem.name} declares {'; '.join(sets)}.",
            hint=f"A first champion can be simple: --feature-set-version {work.problem.feature_sets[0].version}",
        )
