"""What somebody who has no champion yet is told."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from ds_workflow import plugins
from ds_workflow.cli.main import main


def test_without_a_feature_set_the_declared_ones_are_told(tmp_path: Path) -> None:
    start = ["--workspace", str(tmp_path), "--problem", "adult_income", "bootstrap-champion"]
    refused = CliRunner().invoke(
        main, [*start, "--dataset-version", "sim-v1", "--owner", "ana", "--approved-by", "ben"]
    )
    assert refused.exit_code == 2
    for declared in plugins.load("problems", "adult_income").PROBLEM.feature_sets:
        assert f"{declared.version} ({len(declared.features)} features" in refused.output
