# ruff: noqa: E501 - one feature is one line of the table
"""Every feature of nyc_sales in one table, and the ladder of feature sets.

A feature set holds every feature of its parent and the ones that entered with it. *Level* is the log price after
taking off what the attributes are worth and the market index; where a description says "against the category's", the
level of the neighbourhood's building category is taken off too.
"""

from __future__ import annotations

from ds_workflow.domain.problem import Availability, Feature, FeatureSet

ENTERED = ("v1.0", "v2.0", "v2.1", "v3.0")
OFFSET = "comparables_estimate"  # the booster starts from this estimate where a feature set has it
TIER = "price_tier_proxy"

_HOME = ("neighborhood", "building_class_category", "sale_date")
_UNIT = ("borough", "block", "lot", "address", "apartment_number", "sale_date")
_BUILDING = ("borough", "block", "address", "sale_date")
_MAP = ("latitude", "longitude", "gross_square_feet", "land_square_feet", "year_built", "sale_date")
_LOG = "log dollars"

# name, feature set it entered with, availability, sources, description, unit
_TABLE: tuple[tuple[str, str, Availability, tuple[str, ...], str, str], ...] = (
    ("borough_code", "v1.0", "request", ("borough",), "Borough, 1 to 5", ""),
    ("building_category", "v1.0", "request", ("building_class_category",), "Building class category", ""),
    ("building_class_code", "v1.0", "request", ("building_class",), "Building class as a number, letter first", ""),
    ("log_gross_square_feet", "v1.0", "request", ("gross_square_feet",), "Log of the floor area", "log square feet"),
    ("log_land_square_feet", "v1.0", "request", ("land_square_feet",), "Log of the land area", "log square feet"),
    ("log_floor_area_ratio", "v1.0", "request", ("gross_square_feet", "land_square_feet"), "Log of floor area over land area", ""),
    ("log_square_feet_per_unit", "v1.0", "request", ("gross_square_feet", "total_units"), "Log of the floor area per unit", "log square feet"),
    ("year_built", "v1.0", "request", ("year_built",), "Year built", "year"),
    ("residential_units", "v1.0", "request", ("residential_units",), "Residential units in what is sold", "units"),
    ("commercial_units", "v1.0", "request", ("commercial_units",), "Commercial units in what is sold", "units"),
    ("total_units", "v1.0", "request", ("total_units",), "Units in what is sold", "units"),
    ("apartment_floor", "v1.0", "request", ("address", "apartment_number"), "Floor, read from the apartment's name", "floor"),
    ("apartment_is_penthouse", "v1.0", "request", ("address", "apartment_number"), "Whether the name says penthouse", ""),
    ("apartment_is_combined", "v1.0", "request", ("address", "apartment_number"), "Whether the name joins two apartments", ""),
    ("block", "v1.0", "request", ("block",), "Tax block: numbers run with the streets", ""),
    ("lot", "v1.0", "request", ("lot",), "Tax lot; condominium lots run with lines and floors", ""),
    ("zip", "v1.0", "request", ("zip_code",), "ZIP code as a number", ""),
    ("km_east", "v1.0", "request", ("longitude",), "East of the city's centre", "km"),
    ("km_north", "v1.0", "request", ("latitude",), "North of the city's centre", "km"),
    ("km_northeast", "v1.0", "request", ("latitude", "longitude"), "East plus north: a diagonal cut for the trees", "km"),
    ("km_southeast", "v1.0", "request", ("latitude", "longitude"), "East minus north: the other diagonal", "km"),
    ("attribute_value", "v1.0", "learned", ("building_class", "gross_square_feet", "land_square_feet", "year_built"), "Worth of the attributes by the hedonic regression", _LOG),
    ("price_index", "v1.0", "as_of", ("borough", "building_class_category", "sale_date"), "Market index of borough and family before", _LOG),
    ("neighbourhood_level", "v1.0", "as_of", _HOME, "Level of the neighbourhood and family before", _LOG),
    ("neighbourhood_sales", "v1.0", "as_of", _HOME, "Recency-weighted sales behind it", "sales"),
    ("neighbourhood_estimate", "v1.0", "as_of", _HOME, "Attributes, index and neighbourhood's level together", _LOG),
    ("neighbourhood_recent_level", "v2.0", "as_of", _HOME, "Level of the last two months against the category's", _LOG),
    ("category_level", "v2.0", "as_of", _HOME, "Level of the building category in the neighbourhood against the neighbourhood's", _LOG),
    ("category_sales", "v2.0", "as_of", _HOME, "Recency-weighted sales behind it", "sales"),
    ("category_estimate", "v2.0", "as_of", _HOME, "Attributes, index and category's level together", _LOG),
    ("class_level", "v2.0", "as_of", ("neighborhood", "building_class", "sale_date"), "Level of the building class in the neighbourhood against the category's", _LOG),
    ("zip_level", "v2.0", "as_of", ("zip_code", "building_class_category", "sale_date"), "Level of the ZIP code against the category's", _LOG),
    ("street_level", "v2.0", "as_of", ("neighborhood", "address", "sale_date"), "Level of the street against the category's", _LOG),
    ("street_sales", "v2.0", "as_of", ("neighborhood", "address", "sale_date"), "Recency-weighted sales behind it", "sales"),
    ("block_level", "v2.0", "as_of", ("borough", "block", "sale_date"), "Level of the tax block against the category's", _LOG),
    ("block_sales", "v2.0", "as_of", ("borough", "block", "sale_date"), "Recency-weighted sales behind it", "sales"),
    ("complex_level", "v2.0", "as_of", ("borough", "block", "lot", "sale_date"), "Level of the lot (condominiums: block) against the category's", _LOG),
    ("complex_sales", "v2.0", "as_of", ("borough", "block", "lot", "sale_date"), "Recency-weighted sales behind it", "sales"),
    ("building_level", "v2.0", "as_of", _BUILDING, "Level of the building against the category's", _LOG),
    ("building_sales", "v2.0", "as_of", _BUILDING, "Recency-weighted sales behind it", "sales"),
    ("line_level", "v2.0", "as_of", _UNIT, "Level of the apartment line in the building against the category's", _LOG),
    ("line_sales", "v2.0", "as_of", _UNIT, "Recency-weighted sales behind it", "sales"),
    ("line_estimate", "v2.0", "as_of", _UNIT, "Attributes, index and line's level together", _LOG),
    ("unit_level", "v2.0", "as_of", _UNIT, "Level of the unit against the category's", _LOG),
    ("unit_sales", "v2.0", "as_of", _UNIT, "Recency-weighted sales behind it", "sales"),
    ("unit_estimate", "v2.0", "as_of", _UNIT, "Attributes, index and unit's level together", _LOG),
    ("unit_last_price_adj", "v2.0", "as_of", _UNIT, "Level of the unit's last sale against the category's", _LOG),
    ("unit_last_age", "v2.0", "as_of", _UNIT, "Age of that sale", "days"),
    ("unit_last_log_price", "v2.0", "as_of", _UNIT, "Its price as paid", _LOG),
    ("unit_sales_count", "v2.0", "as_of", _UNIT, "Sales of the unit before", "sales"),
    ("building_last_price_adj", "v2.0", "as_of", _BUILDING, "Level of the building's last sale against the category's", _LOG),
    ("building_last_age", "v2.0", "as_of", _BUILDING, "Age of the building's last sale", "days"),
    ("building_sales_count", "v2.0", "as_of", _BUILDING, "Sales of the building before", "sales"),
    ("building_median", "v2.0", "as_of", _BUILDING, "Median level of its last twelve sales against the category's", _LOG),
    ("building_low", "v2.0", "as_of", _BUILDING, "Their 20 % quantile", _LOG),
    ("building_high", "v2.0", "as_of", _BUILDING, "Their 80 % quantile", _LOG),
    ("similar_median", "v2.0", "as_of", _UNIT, "Weighted median level of similar apartments of the complex against the category's", _LOG),
    ("similar_mean", "v2.0", "as_of", _UNIT, "Their weighted mean", _LOG),
    ("similar_weight", "v2.0", "as_of", _UNIT, "How many they are, counted by likeness", "sales"),
    ("similar_spread", "v2.0", "as_of", _UNIT, "Their weighted standard deviation", _LOG),
    ("similar_wide_median", "v2.0", "as_of", _UNIT, "Median level of the complex, lines and floors aside", _LOG),
    ("similar_lots_mean", "v2.0", "as_of", _UNIT, "Mean level of condominiums with lot numbers close by", _LOG),
    ("similar_line_mean", "v2.0", "as_of", _UNIT, "Mean level of the same line, near floors first", _LOG),
    ("similar_line_weight", "v2.0", "as_of", _UNIT, "How many those are, counted by likeness", "sales"),
    ("similar_best_1", "v2.0", "as_of", _UNIT, "Level of the most similar apartment sold", _LOG),
    ("similar_best_2", "v2.0", "as_of", _UNIT, "Level of the second most similar", _LOG),
    ("similar_best_3", "v2.0", "as_of", _UNIT, "Level of the third most similar", _LOG),
    ("similar_best_1_weight", "v2.0", "as_of", _UNIT, "Likeness of the most similar", "share"),
    ("nearby_median", "v2.0", "as_of", _MAP, "Weighted median level of the nearest like sales against the category's", _LOG),
    ("nearby_mean", "v2.0", "as_of", _MAP, "Their weighted mean", _LOG),
    ("nearby_closest_median", "v2.0", "as_of", _MAP, "Median level of the closest six", _LOG),
    ("nearby_flat_median", "v2.0", "as_of", _MAP, "Median level of all thirty, unweighted", _LOG),
    ("nearby_distance", "v2.0", "as_of", _MAP, "Distance of the tenth in place, size, age and time", ""),
    ("nearby_spread", "v2.0", "as_of", _MAP, "Their weighted standard deviation", _LOG),
    ("nearby_weight", "v2.0", "as_of", _MAP, "How many they are, counted by nearness", "sales"),
    (OFFSET, "v2.0", "as_of", (*_UNIT, *_MAP[:-1]), "Price by similar apartments, else by the nearest like sales", _LOG),
    (TIER, "v2.1", "learned", (*_UNIT, *_MAP[:-1]), "Price quartile, 0 to 3, foreseen by a small model learned on training rows only", "tier"),
    ("season_sine", "v3.0", "request", ("sale_date",), "Sine of the month on the year's circle", ""),
    ("season_cosine", "v3.0", "request", ("sale_date",), "Cosine of the month on the year's circle", ""),
    ("day_number", "v3.0", "request", ("sale_date",), "Days since 1970", "days"),
    ("index_change_180", "v3.0", "as_of", ("borough", "building_class_category", "sale_date"), "Move of the index over half a year", _LOG),
    ("index_change_365", "v3.0", "as_of", ("borough", "building_class_category", "sale_date"), "Move of the index over a year", _LOG),
)  # fmt: skip

_NOTES = {
    "v1.0": "Baseline: static attributes and the neighbourhood's price history.",
    "v2.0": "Segment interactions; histories of unit, line, building, block and street; comparable sales.",
    "v2.1": "And price_tier_proxy, learned on training rows only.",
    "v3.0": "And season and trend.",
}


TRENDING = frozenset({"price_index", "index_change_180", "index_change_365", "day_number"})


def _sets() -> tuple[FeatureSet, ...]:
    sets: list[FeatureSet] = []
    for version in ENTERED:
        parent = sets[-1] if sets else None
        held = parent.features if parent else ()
        added = tuple(name for name, entered, *_ in _TABLE if entered == version)
        sets.append(FeatureSet(version, held + added, _NOTES[version], parent.version if parent else ""))
    return tuple(sets)


FEATURES = tuple(
    Feature(name, description, availability, unit, sources, trending=name in TRENDING)
    for name, _, availability, sources, description, unit in _TABLE
)
FEATURE_SETS = _sets()
