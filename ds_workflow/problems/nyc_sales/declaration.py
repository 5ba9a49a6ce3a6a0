"""What is predicted, from what, for whom: the declaration of nyc_sales.

Features stand in one table: name, the feature set it entered with, availability, sources, description, unit. A feature
set holds every feature of its parent and the ones that entered with it.
"""

from __future__ import annotations

from ds_workflow.domain.problem import Availability, Column, Feature, FeatureSet, Problem
from ds_workflow.problems.nyc_sales.cleaning import EARLIEST_YEAR_BUILT, MINIMUM_PRICE, SEGMENT_OF, SEGMENTS, TIERS
from ds_workflow.problems.nyc_sales.source import BOROUGHS

_LEAK = "quartile of the sale price, so it is cut from the target"

COLUMNS = (
    Column("sale_id", "text", "Id of the sale, a hash of what identifies it", nullable=False),
    Column("sale_date", "date", "Day of the sale", required=True, nullable=False, example="2024-05-14"),
    Column(
        "sale_price", "number", "Price paid", "dollars", nullable=False, minimum=MINIMUM_PRICE, maximum=10_000_000_000
    ),
    Column(
        "borough",
        "category",
        "Borough",
        required=True,
        nullable=False,
        categories=BOROUGHS,
        example="BROOKLYN",
    ),
    Column(
        "neighborhood",
        "category",
        "Neighbourhood, as the Department of Finance names it",
        required=True,
        nullable=False,
        example="PARK SLOPE",
    ),
    Column(
        "building_class_category",
        "category",
        "Two-digit building class category at the time of sale: 01-03 houses, 07/08/14 rentals, 09/10/17 cooperatives, "
        "12/13/15/16 condominiums",
        required=True,
        nullable=False,
        categories=tuple(sorted(SEGMENT_OF)),
        example="02",
    ),
    Column("building_class", "category", "Building class at the time of sale", example="B1"),
    Column("tax_class", "category", "Tax class at the time of sale", example="1"),
    Column("block", "integer", "Tax block", required=True, nullable=False, minimum=1, maximum=99_999, example=1082),
    Column(
        "lot",
        "integer",
        "Tax lot; from 1001 on a condominium unit",
        required=True,
        nullable=False,
        minimum=1,
        maximum=9_999,
        example=39,
    ),
    Column("address", "text", "Street address, an apartment after a comma", example="475 8TH STREET"),
    Column("apartment_number", "text", "Apartment, where the source has a field of its own"),
    Column("zip_code", "category", "ZIP code, five digits", example="11215"),
    Column(
        "residential_units",
        "integer",
        "Residential units in what was sold",
        "units",
        minimum=0,
        maximum=20_000,
        example=2,
    ),
    Column(
        "commercial_units",
        "integer",
        "Commercial units in what was sold",
        "units",
        minimum=0,
        maximum=20_000,
        example=0,
    ),
    Column("total_units", "integer", "All units in what was sold", "units", minimum=0, maximum=20_000, example=2),
    Column(
        "land_square_feet",
        "number",
        "Land area; for condominiums the parcel's",
        "square feet",
        minimum=1,
        maximum=50_000_000,
        example=2000,
    ),
    Column(
        "gross_square_feet",
        "number",
        "Floor area of the building; for condominiums the whole building's, absent for cooperatives",
        "square feet",
        minimum=1,
        maximum=50_000_000,
        example=2400,
    ),
    Column("year_built", "integer", "Year built", "year", minimum=EARLIEST_YEAR_BUILT, maximum=2100, example=1905),
    Column(
        "latitude",
        "number",
        "Latitude of the tax block or ZIP code",
        "degrees",
        minimum=40.4,
        maximum=41.0,
        example=40.668,
    ),
    Column(
        "longitude",
        "number",
        "Longitude of the tax block or ZIP code",
        "degrees",
        minimum=-74.3,
        maximum=-73.6,
        example=-73.981,
    ),
    Column(
        "segment", "category", "Market segment, from the building class category", nullable=False, categories=SEGMENTS
    ),
    Column(
        "building_id",
        "text",
        "Building: borough, block and lot; for condominium units borough, block and street address",
        nullable=False,
    ),
    Column(
        "price_tier", "category", "Quartile of the sale price, for slicing the report", nullable=False, categories=TIERS
    ),
)

# name, feature set it entered with, availability, sources, description, unit
_FEATURES: tuple[tuple[str, str, Availability, tuple[str, ...], str, str], ...] = (
    ("borough", "v1.0", "request", ("borough",), "Borough", ""),
    ("building_class_category", "v1.0", "request", ("building_class_category",), "Building class category", ""),
    ("log_gross_square_feet", "v1.0", "request", ("gross_square_feet",), "Log of the floor area", "log square feet"),
    ("log_land_square_feet", "v1.0", "request", ("land_square_feet",), "Log of the land area", "log square feet"),
    ("total_units", "v1.0", "request", ("total_units",), "Units in what was sold", "units"),
    ("year_built", "v1.0", "request", ("year_built",), "Year built", "year"),
    ("latitude", "v1.0", "request", ("latitude",), "Latitude", "degrees"),
    ("longitude", "v1.0", "request", ("longitude",), "Longitude", "degrees"),
    (
        "neighborhood_price",
        "v1.0",
        "as_of",
        ("neighborhood", "sale_date"),
        "Mean log price of the neighbourhood before",
        "log dollars",
    ),
    (
        "neighborhood_sales",
        "v1.0",
        "as_of",
        ("neighborhood", "sale_date"),
        "Sales of the neighbourhood before",
        "sales",
    ),
    (
        "segment_price",
        "v2.0",
        "as_of",
        ("neighborhood", "segment", "sale_date"),
        "The same within the segment",
        "log dollars",
    ),
    (
        "block_price",
        "v2.0",
        "as_of",
        ("borough", "block", "sale_date"),
        "Mean log price of the block before",
        "log dollars",
    ),
    (
        "building_price",
        "v2.0",
        "as_of",
        ("building_id", "sale_date"),
        "Mean log price of the building before",
        "log dollars",
    ),
    ("building_sales", "v2.0", "as_of", ("building_id", "sale_date"), "Sales of the building before", "sales"),
    (
        "unit_price",
        "v2.0",
        "as_of",
        ("building_id", "address", "sale_date"),
        "Last log price of the same unit",
        "log dollars",
    ),
    (
        "price_tier_proxy",
        "v2.1",
        "learned",
        ("neighborhood", "segment"),
        "Price tier foreseen from training rows only",
        "tier",
    ),
    ("season", "v3.0", "request", ("sale_date",), "Month of the year", "month"),
    ("trend", "v3.0", "as_of", ("borough", "segment", "sale_date"), "Price index of the market before", "log dollars"),
    (
        "comparables",
        "v3.0",
        "as_of",
        ("latitude", "longitude", "sale_date"),
        "Price of the nearest like sales before",
        "log dollars",
    ),
)

# version, parent, note
_SETS = (
    ("v1.0", "", "Baseline: static attributes and the neighbourhood's price history."),
    ("v2.0", "v1.0", "Segment interactions; histories of unit, building and block."),
    ("v2.1", "v2.0", "And price_tier_proxy, learned on training rows only."),
    ("v3.0", "v2.1", "And season, trend and comparable sales."),
)


def _feature_sets() -> tuple[FeatureSet, ...]:
    held: dict[str, tuple[str, ...]] = {"": ()}
    for version, parent, _ in _SETS:
        held[version] = held[parent] + tuple(name for name, entered, *_ in _FEATURES if entered == version)
    return tuple(FeatureSet(version, held[version], note, parent) for version, parent, note in _SETS)


PROBLEM = Problem(
    name="nyc_sales",
    title="Sale prices of homes in New York City",
    task="regression",
    target="sale_price",
    target_unit="dollars",
    row_id="sale_id",
    time_column="sale_date",
    cluster_column="building_id",
    segment_column="segment",
    segments=SEGMENTS,
    columns=COLUMNS,
    features=tuple(
        Feature(name, description, availability, unit, sources)
        for name, _, availability, sources, description, unit in _FEATURES
    ),
    feature_sets=_feature_sets(),
    forbidden={
        "price_tier": _LEAK,
        "price_per_square_foot": "the sale price over the floor area, so it is cut from the target",
        "price_per_unit": "the sale price over the units, so it is cut from the target",
        "log_price": "the target in another unit",
        "assessed_value_after_sale": "set after the sale was known",
    },
    sensitive=(),
    fairness_columns=("borough",),
    slices=("price_tier",),
    derived=("segment", "building_id"),
    metrics=("ppe10", "mdape", "mape", "r2", "rmse_log", "bias", "interval_coverage", "interval_width"),
    primary_metric="mdape",
    strategies=("global", "segmented_router"),
    router_modes=("segment_only", "segment_plus_tier"),
    source="New York City Department of Finance, annualized and rolling property sales",
    licence="Public record, NYC Open Data terms of use",
    intended_use=(
        "A second opinion on the price of a residential sale in the five boroughs: screening valuations, finding "
        "sales that deserve a look, comparing markets. A person decides."
    ),
    limits=(
        "Not an appraisal and not for setting taxes, rents or credit on its own. Cooperative and most condominium "
        "rows carry no floor area of the unit, so their error is larger. The condition of a home, its view and its "
        "renovation are not in the data; sales between relatives and bulk sales are, and can't be told apart with "
        "certainty. Dates after the training rows and categories outside the segments are extrapolation."
    ),
)
