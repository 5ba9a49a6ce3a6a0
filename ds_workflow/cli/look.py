"""Commands that start something to look at: the MLflow UI and the prediction service."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from ipaddress import ip_network
from typing import NoReturn

import click

from ds_workflow.cli.base import command, say, workspace

PORT = click.IntRange(1, 65_535)


def _become(words: list[str], **environ: str) -> NoReturn:
    """Put a server in the place of this process, so that whoever ends the command ends the server."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(words[0], words, {**os.environ, **environ})  # noqa: S606 - no shell, our own Python


def _addresses(_: click.Context, __: click.Parameter, said: str | None) -> str | None:
    """What is said, when it is addresses and networks: the server would only say so with a traceback."""
    for part in (said or "").split(",") if said else ():
        try:
            ip_network(part.strip())
        except ValueError:
            raise click.BadParameter(
                f"'{part.strip()[:60]}' is no address and no network: 10.0.0.5 or 10.0.0.0/24, for example."
            ) from None
    return said


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "mlflow-ui", section="Serve and look", examples="mlflow-ui --port 5001")
    @click.option("--port", default=5001, show_default=True, type=PORT)
    @click.option("--host", default="127.0.0.1", show_default=True)
    def mlflow_ui(port: int, host: str) -> None:
        """Open the MLflow UI on this workspace's store, for comparing runs and versions."""
        store, elsewhere = workspace().settings.store, workspace().settings.tracking_url
        if not elsewhere and not (store / "mlflow.db").exists():
            raise click.UsageError(
                f"There is no MLflow store in {store} yet. Run 'bootstrap-champion' first, or name the workspace."
            )
        say(f"MLflow UI of {store} on http://{host}:{port} (Ctrl-C ends it)")
        _become(
            [
                sys.executable, "-m", "mlflow", "ui",
                "--host", host, "--port", str(port), "--workers", "1",
            ],
            MLFLOW_BACKEND_STORE_URI=elsewhere or f"sqlite:///{store / 'mlflow.db'}",  # not for `ps` to see
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        )  # fmt: skip

    @command(main, "serve", section="Serve and look", examples="serve --port 8000\nserve --workers 4")
    @click.option("--host", default="127.0.0.1", show_default=True)
    @click.option("--port", default=8000, show_default=True, type=PORT)
    @click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 128), help="Processes that answer.")
    @click.option(
        "--trusted-proxy",
        metavar="ADDRESS",
        callback=_addresses,
        help="Proxies in front whose X-Forwarded-For is believed: addresses or networks, commas between.",
    )
    def serve(host: str, port: int, workers: int, trusted_proxy: str | None) -> None:
        """Serve the champions of this workspace, and the pages; a decision reaches every worker without a restart."""
        here = workspace().settings
        several = ["--workers", str(workers), "--timeout-worker-healthcheck", "15"] if workers > 1 else []
        if several and find_spec("uvloop") is None:
            raise click.UsageError(
                "--workers needs uvloop, which is not installed: without it each answer waits 44 ms."
            )
        say(f"Serving {here.root} on http://{host}:{port} (Ctrl-C ends it)")
        _become(
            [
                sys.executable, "-m", "uvicorn", "serving.app:app",
                "--host", host, "--port", str(port), "--no-access-log", "--no-proxy-headers", *several,
            ],
            DS_WORKFLOW_HOME=str(here.root),
            DS_WORKFLOW_PROBLEM=here.problem,
            FORWARDED_ALLOW_IPS="",  # uvicorn believes nobody; the application believes whom this names:
            **({"DS_WORKFLOW_TRUSTED_PROXIES": trusted_proxy} if trusted_proxy else {}),
        )  # fmt: skip
