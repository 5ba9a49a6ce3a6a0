"""Tables from files that people hand in: CSV, Parquet, JSON lines."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ds_workflow.errors import InvalidInput

KINDS = ".csv, .csv.gz, .parquet, .pq, .jsonl"


def read(path: Path) -> pd.DataFrame:
    """The table in a file. InvalidInput for one that is missing, empty, unreadable or of another kind."""
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.", hint=f"A table is a file of one of these kinds: {KINDS}.")
    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            table = pd.read_parquet(path)
        elif name.endswith((".csv", ".csv.gz")):
            table = pd.read_csv(path, low_memory=False)
        elif name.endswith(".jsonl"):
            table = pd.read_json(path, lines=True)
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
