"""Code evaluation: run completions in the sandbox, compare two models, have an endpoint write completions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ds_workflow.cli.base import command, show, workspace

FILE = click.Path(path_type=Path)
SECTION = "Experiments"
TASKS = click.option(
    "--tasks", default="own", show_default=True, help="Task set: a file as of HumanEval or MBPP, or 'own', ours."
)


def _run_options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--k", "ks", default="", help="pass@k for these: 1,10 (default: what the samples allow)."),
            click.option(
                "--timeout",
                default=5,
                show_default=True,
                type=click.IntRange(1, 600),
                help="Seconds of processor time for each completion with its tests; four times as many by the clock.",
            ),
            click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Run at once."),
        )
    ):
        function = option(function)
    return function


def _ks(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(f"'{text}' is no list of whole numbers.", param_hint="--k") from error


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "codeeval-run",
        section=SECTION,
        examples="""codeeval-run --completions answers.jsonl
codeeval-run --tasks HumanEval.jsonl.gz --completions answers.jsonl --k 1,10 --save my-model""",
    )
    @TASKS
    @click.option("--completions", required=True, type=FILE, help="{task_id, completion, model, sample}, one a line.")
    @click.option("--model", default="", help="The model to run, where the file holds several.")
    @_run_options
    @click.option("--out", type=FILE, help="Write one line a completion: outcome and figures.")
    @click.option("--html", "page", type=FILE, help="Write the page with failures beside their references.")
    @click.option("--save", default="", metavar="NAME", help="Keep the result under experiments/NAME, for the console.")
    def codeeval_run(ks: str, out: Path | None, page: Path | None, save: str, **given: Any) -> None:
        """Run a model's completions in the sandbox: pass@k, failures, likeness, complexity, style."""
        from ds_workflow.use_cases.code_eval import run

        found = run.run(workspace(), run.Ask(ks=_ks(ks), **given), out=out, page=page, save=save)
        show(found.to_dict(), found.text)

    @command(
        main,
        "codeeval-compare",
        section=SECTION,
        examples="""codeeval-compare --completions new.jsonl --owner ana
codeeval-compare --tasks HumanEval.jsonl.gz --completions new.jsonl --against old.jsonl""",
    )
    @TASKS
    @click.option("--completions", required=True, type=FILE, help="The challenger's completions.")
    @click.option("--model", default="", help="The challenger, where the file holds several models.")
    @_run_options
    @click.option("--owner", default="", help="Who stands for the challenger; a proposal is written.")
    @click.option("--against", type=FILE, help="Compare with this file's completions instead; nothing is proposed.")
    @click.option("--against-model", default="", help="The model to compare with, where that file holds several.")
    def codeeval_compare(ks: str, owner: str, against: Path | None, against_model: str, **given: Any) -> None:
        """Compare a model with the champion of code_generation, task by task, and write a proposal."""
        from ds_workflow.use_cases.code_eval import compare

        if against is None and not owner:
            raise click.UsageError("Give --owner for a proposal, or --against FILE for a plain comparison.")
        asked = compare.Ask(ks=_ks(ks), **given)
        if against is not None:
            found = compare.beside(workspace(), asked, against, against_model=against_model)
            show(found.to_dict(), found.text)
            return
        made = compare.propose(workspace(), asked, owner=owner)
        show(made.to_dict(), made.text)

    @command(
        main,
        "codeeval-generate",
        section=SECTION,
        examples="""codeeval-generate --model my-model --base-url http://127.0.0.1:8080/v1 --out answers.jsonl
codeeval-generate --tasks mbpp.jsonl --model my-model --samples 10 --temperature 0.8 --workers 4 --out answers.jsonl""",
    )
    @TASKS
    @click.option("--model", required=True, help="The model's name at the endpoint.")
    @click.option(
        "--out", required=True, type=FILE, help="File of completions (.jsonl); what it holds is not asked again."
    )
    @click.option("--base-url", default="", help="The endpoint (OPENAI_BASE_URL); its key is in OPENAI_API_KEY.")
    @click.option("--samples", default=1, show_default=True, help="Completions per task.")
    @click.option("--temperature", default=0.0, show_default=True)
    @click.option("--max-tokens", default=1024, show_default=True)
    @click.option("--timeout", default=120.0, show_default=True, help="Seconds for one answer.")
    @click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Questions at once.")
    @click.option("--limit", default=0, type=click.IntRange(0), help="Only the first so many tasks.")
    def codeeval_generate(
        tasks: str, out: Path, model: str, samples: int, temperature: float, max_tokens: int, **given: Any
    ) -> None:
        """Have an OpenAI-compatible endpoint write completions; a run that was stopped goes on where it was."""
        from ds_workflow.use_cases.code_eval import generate

        wish = generate.Wish(model, samples, temperature, max_tokens)
        made = generate.generate(workspace(), tasks, wish, out, **given)
        show(made.to_dict(), made.text)
