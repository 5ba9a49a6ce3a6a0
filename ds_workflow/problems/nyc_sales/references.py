"""Where a sale lies: coordinates by tax block, and by ZIP code where the block isn't known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales.source import parse_boroughs, parse_numbers, rename

_SALE = {"sale_price", "sale_date", "address", "lot"}
_KEYS = {"block": ("borough", "block"), "zip": ("zip_code",)}


def recognised(cells: pd.DataFrame) -> bool:
    """Whether a table is a reference of places: coordinates, a key, and nothing of a sale."""
    names = set(rename(cells).columns)
    return {"latitude", "longitude"} <= names and not _SALE & names and _kind(names) is not None


def _kind(names: set[str]) -> str | None:
    return next((kind for kind, key in _KEYS.items() if set(key) <= names), None)


def locate(rows: pd.DataFrame, places: Sequence[tuple[str, pd.DataFrame]]) -> tuple[pd.DataFrame, dict[str, float]]:
    """The rows with latitude and longitude filled, and the share of rows by what located them.

    The source's own coordinates come first, then the tax block's, then the ZIP code's: `{"source", "block", "zip",
    "none"}`, summing to 1. Raises InvalidInput for a reference that gives one key two places.
    """
    latitude = rows["latitude"].to_numpy(dtype=np.float64).copy()
    longitude = rows["longitude"].to_numpy(dtype=np.float64).copy()
    unknown = ~(np.isfinite(latitude) & np.isfinite(longitude)) | (latitude == 0) | (longitude == 0)
    shares = {"source": float(1 - unknown.mean())}
    for kind, key in _KEYS.items():
        before = unknown.sum()
        for where, cells in places:
            table = _table(where, cells)
            if _kind(set(table.columns)) == kind:
                found = table.set_index(list(key)).reindex(_index(rows, key))
                hit = unknown & found["latitude"].notna().to_numpy()
                latitude[hit], longitude[hit] = found["latitude"].to_numpy()[hit], found["longitude"].to_numpy()[hit]
                unknown &= ~hit
        shares[kind] = float((before - unknown.sum()) / len(rows))
    shares["none"] = float(unknown.mean())
    latitude[unknown] = longitude[unknown] = np.nan
    return rows.assign(latitude=latitude, longitude=longitude), shares


def _index(rows: pd.DataFrame, key: tuple[str, ...]) -> pd.Index[Any]:
    return pd.MultiIndex.from_frame(rows[list(key)]) if len(key) > 1 else pd.Index(rows[key[0]])


def _table(where: str, cells: pd.DataFrame) -> pd.DataFrame:
    ours = rename(cells)
    kind = _kind(set(ours.columns))
    key = _KEYS[kind or "zip"]
    convert = {"borough": parse_boroughs}
    table = pd.DataFrame(
        {c: convert.get(c, parse_numbers)(ours[c], c, where, 1) for c in (*key, "latitude", "longitude")}
    ).dropna()
    twice = table.duplicated(list(key))
    if twice.any():
        first = table.loc[twice, list(key)].iloc[0].to_dict()
        raise InvalidInput(f"{where} gives two places for {first}; each key may stand once.", hint="Keep one of them.")
    return table
