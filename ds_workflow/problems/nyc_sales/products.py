"""What is sold in the simulated city: one entry per building class category, and the market of 2019 to 2024.

Shares, levels and spreads were fitted by hand to summaries of the published sales; see simulator.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FAMILIES = ("house", "rental", "condo", "coop")
# Sales per quarter, 2019 to 2024, relative: the stop of spring 2020, the rush of 2021, the slow market since.
VOLUME = (
    11,
    14,
    13,
    12.5,
    11.5,
    7,
    8.5,
    12,
    13,
    16,
    18,
    17,
    15.5,
    17,
    15.5,
    11.5,
    10.5,
    11.5,
    12,
    10.5,
    10,
    12,
    12,
    11.5,
)
WEEK = (0.162, 0.197, 0.205, 0.227, 0.205, 0.002, 0.002)  # Monday to Sunday
# Log price level at the start of each year 2019..2025, against 2019, interpolated by day.
MARKET = {
    "house": (0.0, 0.03, 0.10, 0.21, 0.24, 0.27, 0.32),
    "rental": (0.0, -0.02, -0.03, 0.04, 0.04, 0.02, 0.03),
    "condo": (0.0, -0.02, -0.05, 0.04, 0.05, 0.05, 0.06),
    "coop": (0.0, 0.01, -0.03, 0.04, 0.05, 0.05, 0.07),
}


@dataclass(frozen=True)
class Product:
    """One building class category: how common, where, and how its price is made.

    `sales` is the usual number of sales per building over the six years, `units` the homes per sale: the more, the
    rarer that one sells twice, `level` the log price by borough 1..5 of a home of the usual size.
    """

    code: str
    name: str
    family: str
    classes: tuple[str, ...]
    tax: str
    share: float
    boroughs: tuple[float, ...]
    level: tuple[float, ...]
    sales: float
    units: float
    building: float  # spread of the building's own worth
    size: tuple[float, float]  # log of the usual floor area, and its spread
    hidden: float  # spread of the home's size that no column tells
    rest: float  # spread of the ordinary rest
    year: tuple[int, int]


def _logs(*thousands: float) -> tuple[float, ...]:
    return tuple(float(np.log(t * 1000)) for t in thousands)


# fmt: off
PRODUCTS = (
    Product(
        "01", "ONE FAMILY DWELLINGS", "house", ("A1", "A5", "A2", "A9"), "1", 0.185,
        (0.008, 0.07, 0.20, 0.45, 0.272), _logs(5200, 515, 810, 660, 555),
        1.0, 7.5, 0.08, (7.28, 0.27), 0.0, 0.086, (1915, 1965),
    ),
    Product(
        "02", "TWO FAMILY DWELLINGS", "house", ("B2", "B1", "B3"), "1", 0.125,
        (0.01, 0.15, 0.33, 0.38, 0.13), _logs(5600, 650, 1010, 785, 670),
        1.0, 7.5, 0.08, (7.62, 0.25), 0.0, 0.09, (1905, 1970),
    ),
    Product(
        "03", "THREE FAMILY DWELLINGS", "house", ("C0",), "1", 0.03,
        (0.015, 0.20, 0.44, 0.335, 0.01), _logs(5800, 780, 1220, 960, 740),
        1.0, 7.5, 0.08, (7.97, 0.2), 0.0, 0.102, (1900, 1940),
    ),
    Product(
        "07", "RENTALS - WALKUP APARTMENTS", "rental", ("C3", "C1", "C2", "C7"), "2A", 0.075,
        (0.2, 0.16, 0.44, 0.18, 0.02), _logs(5200, 1250, 1500, 1400, 1000),
        1.0, 7.0, 0.12, (8.75, 0.75), 0.0, 0.164, (1900, 1931),
    ),
    Product(
        "09", "COOPS - WALKUP APARTMENTS", "coop", ("C6",), "2", 0.14,
        (0.28, 0.02, 0.2, 0.46, 0.04), _logs(690, 190, 470, 300, 235),
        5.0, 9.5, 0.14, (6.6, 0.2), 0.16, 0.086, (1905, 1952),
    ),
    Product(
        "12", "CONDOS - WALKUP APARTMENTS", "condo", ("R2",), "2", 0.055,
        (0.22, 0.04, 0.5, 0.18, 0.06), _logs(1350, 230, 760, 480, 330),
        4.0, 9.5, 0.14, (6.8, 0.2), 0.16, 0.094, (1930, 2016),
    ),
    Product(
        "08", "RENTALS - ELEVATOR APARTMENTS", "rental", ("D1", "D8", "D7"), "2", 0.006,
        (0.42, 0.24, 0.22, 0.11, 0.01), _logs(15000, 5500, 9000, 7000, 5000),
        1.0, 7.0, 0.12, (10.2, 0.75), 0.0, 0.197, (1910, 2015),
    ),
    Product(
        "10", "COOPS - ELEVATOR APARTMENTS", "coop", ("D4",), "2", 0.17,
        (0.47, 0.08, 0.18, 0.265, 0.005), _logs(800, 225, 430, 300, 220),
        18.0, 9.5, 0.14, (6.7, 0.2), 0.208, 0.094, (1925, 1965),
    ),
    Product(
        "13", "CONDOS - ELEVATOR APARTMENTS", "condo", ("R4",), "2", 0.152,
        (0.585, 0.03, 0.22, 0.155, 0.01), _logs(1600, 250, 850, 600, 390),
        20.0, 9.5, 0.14, (6.85, 0.2), 0.208, 0.09, (1965, 2021),
    ),
    Product(
        "14", "RENTALS - 4-10 UNIT", "rental", ("S9", "S3", "S5", "S4"), "2A", 0.0075,
        (0.2, 0.1, 0.5, 0.19, 0.01), _logs(5600, 1050, 1700, 1350, 950),
        1.0, 7.0, 0.12, (8.4, 0.3), 0.0, 0.164, (1900, 1931),
    ),
    Product(
        "15", "CONDOS - 2-10 UNIT RESIDENTIAL", "condo", ("R1",), "2C", 0.03,
        (0.32, 0.01, 0.58, 0.08, 0.01), _logs(1800, 300, 1050, 500, 450),
        2.6, 7.0, 0.14, (6.95, 0.22), 0.176, 0.123, (1910, 2020),
    ),
    Product(
        "16", "CONDOS - 2-10 UNIT WITH COMMERCIAL UNIT", "condo", ("R8",), "2C", 0.0015,
        (0.5, 0.01, 0.44, 0.04, 0.01), _logs(2200, 300, 1000, 700, 420),
        2.6, 7.0, 0.14, (6.95, 0.22), 0.176, 0.123, (1910, 2015),
    ),
    Product(
        "17", "CONDO COOPS", "coop", ("R9",), "2", 0.023,
        (0.72, 0.02, 0.2, 0.06, 0.0), _logs(850, 230, 520, 320, 230),
        6.0, 9.0, 0.14, (6.75, 0.2), 0.2, 0.107, (1925, 1985),
    ),
)
# fmt: on
