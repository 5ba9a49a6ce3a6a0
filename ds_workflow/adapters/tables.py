"""Tables from files that people hand in: CSV, Parquet, JSON lines."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ds_workflow.errors import InvalidInput

KINDS = ".csv, .csv.gz, .parquet, .pq, .jsonl"


def columns(path: Path) -> list[str]:
    """The names of a table's columns, without its rows where the kind allows. Raises as `read` does."""
    if path.is_file() and path.name.lower().endswith((".csv", ".csv.gz")):
        with contextlib.suppress(ValueError, OSError):  # `read` says why
            return list(map(str, pd.read_csv(path, nrows=0).columns))
    if path.is_file() and path.name.lower().endswith((".parquet", ".pq")):
        with contextlib.suppress(ValueError, OSError):
            from pyarrow import parquet as pq

            return list(map(str, pq.read_schema(path).empty_table().to_pandas().columns))
    return list(map(str, read(path).columns))


def read(path: Path, only: Sequence[str] | None = None) -> pd.DataFrame:
    """The table in a file, or `only` these of its columns. InvalidInput for a file that is missing, empty, unreadable
    or of another kind."""
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.", hint=f"A table is a file of one of these kinds: {KINDS}.")
    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            table = pd.read_parquet(path, columns=None if only is None else list(only))
        elif name.endswith((".csv", ".csv.gz")):
            table = pd.read_csv(path, low_memory=False, usecols=None if only is None else list(only))
        elif name.endswith(".jsonl"):
            table = pd.read_json(path, lines=True)
            table = table if only is None else table[list(only)]
        else:
            raise InvalidInput(f"{path.name} is no table that can be read.", hint=f"Allowed: {KINDS}.")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text: {error}", hint="Save it as UTF-8.") from error
    except pd.errors.EmptyDataError as error:
        raise InvalidInput(f"{path.name} is empty.", hint="Its first line must name the columns.") from error
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{path.name} can't be read: {error}", hint=f"Allowed: {KINDS}.") from error
    if not len(table):
        raise InvalidInput(f"{path.name} holds no rows.", hint="Hand in a table with rows.")
    return table
