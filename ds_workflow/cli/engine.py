"""The option that says who works: shared by commands whose work can be spread."""

from __future__ import annotations

import click

ENGINE = click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="local|dask",
    help="Who works: 'local', 'dask' (a process per core here), 'dask:N' (N of them), 'dask:tcp://HOST:PORT' "
    "(a cluster that runs and sees the same files).",
)
