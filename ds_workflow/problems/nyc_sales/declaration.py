"""What is predicted, from what, for whom: the declaration of nyc_sales.

The features and the feature sets stand in feature_table.
"""

from __future__ import annotations

from ds_workflow.domain.problem import Column, Problem
from ds_workflow.problems.nyc_sales.cleaning import EARLIEST_YEAR_BUILT, MINIMUM_PRICE, SEGMENT_OF, SEGMENTS, TIERS
from ds_workflow.problems.nyc_sales.feature_table import FEATURE_SETS, FEATURES, OFFSET
from ds_workflow.problems.nyc_sales.source import BOROUGHS

_LEAK = "quartile of the sale price, so it is cut from the target"

COLUMNS = (
    Column("sale_id", "text", "Id of the sale, a hash of what identifies it", nullable=False),
    Column(
        "sale_date",
        "date",
        "Day of the sale",
        required=True,
        nullable=False,
        example="2024-05-14",
        earliest="1970-01-01",
        latest="2059-09-18",
    ),
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
        "Land area; the source gives none for apartments",
        "square feet",
        minimum=1,
        maximum=50_000_000,
        example=2000,
    ),
    Column(
        "gross_square_feet",
        "number",
        "Floor area of the building; the source gives none for apartments",
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
    features=FEATURES,
    feature_sets=FEATURE_SETS,
    offset_feature=OFFSET,
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
        "Not an appraisal and not for setting taxes, rents or credit on its own. Rows of apartments "
        "carry no floor area, so their error is larger. The condition of a home, its view and its "
        "renovation are not in the data; sales between relatives and bulk sales are, and can't be told apart with "
        "certainty. Dates after the training rows and categories outside the segments are extrapolation."
    ),
)
