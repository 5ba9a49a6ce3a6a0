"""From raw sales to rows that a model may learn from, and how many rows each rule dropped."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales import addresses
from ds_workflow.problems.nyc_sales.source import BOROUGHS, REQUIRED

SEGMENTS = ("SINGLE_FAMILY", "WALKUP", "ELEVATOR", "SMALL_MULTI")
SEGMENT_OF = {  # building class category -> segment
    "01": "SINGLE_FAMILY",
    "02": "SINGLE_FAMILY",
    "03": "SINGLE_FAMILY",
    "07": "WALKUP",
    "09": "WALKUP",
    "12": "WALKUP",
    "08": "ELEVATOR",
    "10": "ELEVATOR",
    "13": "ELEVATOR",
    "14": "SMALL_MULTI",
    "15": "SMALL_MULTI",
    "16": "SMALL_MULTI",
    "17": "SMALL_MULTI",
}
TIERS = ("T1", "T2", "T3", "T4")
MINIMUM_PRICE = 10_000
FIRST_UNIT_LOT = 1001  # lots from here on are condominium units, not parcels of land
EARLIEST_YEAR_BUILT = 1700
DROP_REASONS = {
    "other_category": "building class category outside the residential segments",
    "invalid_date": "no sale date",
    "transfer_without_sale": "price 0 or missing: a transfer, not a sale",
    "price_below_minimum": f"price under {MINIMUM_PRICE:,}",
    "invalid_tax_lot": "borough, block or lot missing",
    "duplicate": "the same sale listed again",
}
IDENTITY = ("borough", "block", "lot", "address", "apartment_number", "sale_date", "sale_price")
_SQUARE_FEET = ("land_square_feet", "gross_square_feet")
_UNITS = ("residential_units", "commercial_units", "total_units")


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows to learn from, sorted by date then id, and the rows dropped by each reason of DROP_REASONS.

    Rules, in this order (a row counts under the first that drops it): residential category, a sale date, a price,
    at least $10,000, a tax lot, and each sale once. A sale is identified by borough, block, lot, address, apartment,
    date and price; of several listings the fullest is kept, whatever the order of the input. `sale_id` is a hash of
    the identity, so the same sale has the same id in every file.

    Zero square feet, zero or impossible years built, and zero units in all mean "not known" and become NaN.
    `price_tier` is the quartile of the price within these rows: for slicing a report only. Raises InvalidInput when a
    column is absent, a category has no number, or no row is left.
    """
    lacking = [name for name in REQUIRED if name not in raw]
    if lacking:
        raise InvalidInput(
            f"Raw sales lack {', '.join(lacking)}; needed: {', '.join(REQUIRED)}.",
            hint="Read them with this problem's loader.",
        )
    rows = raw.reset_index(drop=True)
    _refuse_strange(rows["building_class_category"])
    code = rows["building_class_category"].astype("str").str.extract(r"^\s*(\d{1,2})\b", expand=False).str.zfill(2)
    price = rows["sale_price"].to_numpy(dtype=np.float64)
    lot_known = rows[["borough", "block", "lot"]].notna().all(axis=1).to_numpy()
    verdicts = (
        ("other_category", ~code.isin(SEGMENT_OF).to_numpy()),
        ("invalid_date", rows["sale_date"].isna().to_numpy()),
        ("transfer_without_sale", ~(price > 0)),
        ("price_below_minimum", price < MINIMUM_PRICE),
        ("invalid_tax_lot", ~lot_known),
    )
    dropped = {}
    keep = np.ones(len(rows), dtype=bool)
    for reason, hit in verdicts:
        dropped[reason] = int((keep & hit).sum())
        keep &= ~hit
    rows = _once(rows[keep].assign(building_class_category=code[keep]))
    dropped["duplicate"] = int(keep.sum()) - len(rows)
    if rows.empty:
        raise InvalidInput(
            f"None of the {len(raw):,} rows is a residential sale of at least ${MINIMUM_PRICE:,}: "
            + ", ".join(f"{n:,} {reason}" for reason, n in dropped.items() if n)
            + ".",
            hint="Give a file with residential sales.",
        )
    cleaned = _columns(rows)
    cleaned.attrs = dict(raw.attrs)
    return cleaned, dropped


def _refuse_strange(categories: pd.Series[Any]) -> None:
    """Every category of the source begins with its number, homes and all else alike; one without is another table's."""
    present = categories.dropna().astype("str")
    strange = present[~present.str.match(r"\s*(\d|$)")]
    if len(strange):
        raise InvalidInput(
            f"Column building_class_category holds {strange.iloc[0]!r} ({len(strange):,} rows such), which does not "
            f"begin with a number as the source's do. Homes are {', '.join(sorted(SEGMENT_OF))}.",
            hint="Write the category as the source does, such as '02 TWO FAMILY DWELLINGS', or leave it empty.",
        )


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Each sale once: of several listings the one with the fewest gaps, then the first in the order of its values."""
    again = rows.duplicated(list(IDENTITY), keep=False)
    if not again.any():
        return rows
    several = rows[again]
    order = several.astype("str").fillna("").assign(gaps=several.isna().sum(axis=1))
    order = order.sort_values(["gaps", *several.columns], kind="stable")
    fullest = several.loc[order.index].drop_duplicates(list(IDENTITY))
    return pd.concat([rows[~again], fullest])


def _columns(rows: pd.DataFrame) -> pd.DataFrame:
    def number(name: str, *, least: float = 0) -> Any:
        values = rows[name].to_numpy(dtype=np.float64)
        return np.where(values >= least, values, np.nan)

    price = rows["sale_price"].to_numpy(dtype=np.float64)
    cuts = np.quantile(price, [0.25, 0.5, 0.75])
    zip_code = number("zip_code", least=1)
    blank = pd.Series(np.nan, index=rows.index)
    uncounted = ~(number("total_units", least=1) >= 1)  # a home has at least one unit
    cleaned = pd.DataFrame(
        {
            "sale_id": _ids(rows),
            "sale_date": rows["sale_date"].astype("datetime64[us]"),
            "sale_price": price,
            "borough": _names(rows["borough"]),
            "neighborhood": rows["neighborhood"].astype("str").fillna("UNKNOWN"),
            "building_class_category": rows["building_class_category"].astype("str"),
            "building_class": rows["building_class_at_time_of_sale"].astype("str"),
            "tax_class": rows["tax_class_at_time_of_sale"].astype("str"),
            "block": number("block"),
            "lot": number("lot"),
            "address": rows["address"].astype("str"),
            "apartment_number": rows.get("apartment_number", blank).astype("str"),
            "zip_code": pd.Series(zip_code, index=rows.index).map("{:05.0f}".format, na_action="ignore").astype("str"),
            **{name: np.where(uncounted, np.nan, number(name)) for name in _UNITS},
            **{name: number(name, least=1) for name in _SQUARE_FEET},
            "year_built": number("year_built", least=EARLIEST_YEAR_BUILT),
            "latitude": rows.get("latitude", blank).to_numpy(dtype=np.float64),
            "longitude": rows.get("longitude", blank).to_numpy(dtype=np.float64),
            "price_tier": np.array(TIERS)[np.searchsorted(cuts, price, side="left")],
        }
    )
    cleaned = derive(cleaned.astype({"price_tier": "str", "borough": "str"}))
    return cleaned.sort_values(["sale_date", "sale_id"], kind="stable").reset_index(drop=True)


def _ids(rows: pd.DataFrame) -> list[str]:
    """20 hex digits per row, of the identity alone: two different sales share one with probability 1e-13."""
    parts = []
    for name in IDENTITY:
        values = rows[name] if name in rows else pd.Series(np.nan, index=rows.index)
        if name == "sale_date":
            parts.append(values.dt.strftime("%Y-%m-%d"))
        elif name == "sale_price":
            parts.append(values.map("{:.2f}".format))
        elif name in ("borough", "block", "lot"):
            parts.append(values.map("{:.0f}".format))
        else:
            parts.append(values.astype("str").fillna(""))
    text = zip(*(p.to_list() for p in parts), strict=True)
    return [hashlib.blake2b("\x1f".join(t).encode(), digest_size=10).hexdigest() for t in text]


def _names(borough: pd.Series[Any]) -> Any:
    """Borough names from codes 1 to 5."""
    return np.array(BOROUGHS, dtype=object)[borough.to_numpy(dtype=np.int64) - 1]


def derive(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `segment` and `building_id`, which follow from the other columns, and boroughs by name.

    For requests too, which may name a borough by its code 1 to 5. Needed: `borough`, `building_class_category`,
    `block`, `lot`; `address` may stand.

    A building is what shares a roof and a market: parcels by borough, block and lot (all apartments of a cooperative
    lie on one lot); condominium units, which have a lot each (from 1001 on), by borough, block and the address without
    its apartment, street words shortened so that 'WEST 18TH STREET' and 'W 18 ST' are one. A condominium with two
    addresses counts as two buildings. Without an address the unit lot stands for itself.
    """
    given = rows["borough"].astype("str").str.upper().str.removesuffix(".0")
    borough = given.replace({str(i + 1): name for i, name in enumerate(BOROUGHS)})
    code = borough.map({name: str(i + 1) for i, name in enumerate(BOROUGHS)}).fillna("0")
    block = rows["block"].map("{:.0f}".format)
    lot = rows["lot"].map("{:.0f}".format)
    condominium = (rows["lot"] >= FIRST_UNIT_LOT).to_numpy()
    address = rows["address"] if "address" in rows else pd.Series(None, index=rows.index, dtype="str")
    last = lot.to_numpy(dtype=object)
    last[condominium] = _street(address[condominium].astype("str"), lot[condominium])
    building = code + "-" + block + "-" + pd.Series(last, index=rows.index, dtype="str")
    segment = rows["building_class_category"].astype("str").str[:2].map(SEGMENT_OF)
    return rows.assign(borough=borough, segment=segment.astype("str"), building_id=building.astype("str"))


def _street(address: pd.Series[Any], lot: pd.Series[Any]) -> list[str]:
    short = {text: addresses.street(str(text)) for text in address.dropna().unique()}
    known = address.map(short)
    streets: list[str] = known.where(known.notna() & (known != ""), lot).to_list()
    return streets
