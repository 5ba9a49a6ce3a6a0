"""Commands for a challenger in traffic: shadow, a share, the switch, and what came of it."""

from __future__ import annotations

from typing import Any

import click

from ds_workflow.cli.base import command, show, workspace

BY = click.option("--by", required=True, help="Who does this.")
SECTION = "Serve and look"


def _told(trial: Any, switch: Any) -> str:
    state = "runs" if trial.running else f"stopped at {trial.stopped_at} by {trial.stopped_by}: {trial.reason}"
    what = "is shown" if trial.mode == "shadow" else "answers"
    lines = [
        f"{trial.id}: version {trial.challenger.version} {what} {trial.share:.1%} of the requests to version "
        f"{trial.champion.version} ({trial.mode}); {state}"
    ]
    if switch.exists():
        lines.append(f"  The switch is thrown ({switch}), so champions alone answer: traffic-kill --lift")
    return "\n".join(lines)


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "traffic-start", section=SECTION, examples="traffic-start --mode shadow --share 0.2 --by ana")
    @click.option(
        "--mode", type=click.Choice(["shadow", "ab"]), required=True, help="Unseen, or with a share of callers."
    )
    @click.option("--share", type=float, required=True, help="Of the traffic, above 0 and at most 1.")
    @click.option("--proposal-id", help="Whose challenger (default: the newest open proposal).")
    @BY
    def traffic_start(mode: Any, share: float, proposal_id: str | None, by: str) -> None:
        """Let the challenger of an open proposal run beside the champion."""
        from ds_workflow.use_cases import traffic

        work = workspace()
        trial = traffic.start(work, mode=mode, share=share, by=by, proposal_id=proposal_id)
        show(trial.to_dict(), lambda: _told(trial, traffic.switch_path(work)))

    @command(main, "traffic-ramp", section=SECTION, examples="traffic-ramp --share 0.5 --by ana")
    @click.option("--share", type=float, required=True, help="The new share; it only grows.")
    @BY
    def traffic_ramp(share: float, by: str) -> None:
        """Give the running challenger a larger share; units are only added."""
        from ds_workflow.use_cases import traffic

        work = workspace()
        trial = traffic.ramp(work, share=share, by=by)
        show(trial.to_dict(), lambda: _told(trial, traffic.switch_path(work)))

    @command(main, "traffic-stop", section=SECTION, examples='traffic-stop --by ana --reason "Enough units"')
    @click.option("--reason", required=True, help="Why it ends.")
    @BY
    def traffic_stop(by: str, reason: str) -> None:
        """End the running trial."""
        from ds_workflow.use_cases import traffic

        work = workspace()
        trial = traffic.stop(work, by=by, reason=reason)
        show(trial.to_dict(), lambda: _told(trial, traffic.switch_path(work)))

    @command(main, "traffic-kill", section=SECTION, examples='traffic-kill --by ana --reason "Odd answers"')
    @click.option("--reason", default="", help="Why.")
    @click.option("--lift", is_flag=True, help="Take the switch back instead.")
    @BY
    def traffic_kill(by: str, reason: str, lift: bool) -> None:
        """Take all challengers out of the traffic at once; needs neither the arena nor MLflow."""
        from ds_workflow.use_cases import traffic

        work = workspace()
        if lift:
            there = traffic.lift(work)
            said = "The switch is lifted: trials that were not stopped run again." if there else "It was not thrown."
            show({"killed": False, "was_killed": there}, said)
            return
        path = traffic.kill(work, by=by, reason=reason)
        show({"killed": True, "switch": str(path)}, f"Champions alone answer now, because {path} is there.")

    @command(main, "traffic-status", section=SECTION, examples="traffic-status --json")
    def traffic_status() -> None:
        """The trials of challengers in traffic: arms, failures, latency, labels, the switch, and what to do next."""
        from ds_workflow.use_cases import traffic, traffic_status

        work = workspace()
        found, switch = traffic_status.read(work), traffic.switch_path(work)
        document = {"killed": switch.exists(), "trials": [status.to_dict() for status in found]}
        none = (
            f"No challenger of {work.settings.problem} was ever in traffic. One of an open proposal can be: "
            "traffic-start --mode shadow --share 0.2 --by NAME"
        )
        lines = [f"The switch is thrown ({switch}): champions alone answer."] if switch.exists() else []
        show(document, lambda: "\n".join([*lines, *(status.text() for status in found)] if found else [*lines, none]))

    @command(main, "traffic-result", section=SECTION, examples="traffic-result")
    @click.argument("trial", required=False)
    def traffic_result(trial: str | None) -> None:
        """What a trial shows so far, kept for the arena: losses, difference, an interval that holds at every look."""
        from ds_workflow.use_cases import traffic

        found = traffic.result(workspace(), trial)
        show(found.to_dict(), found.text)
