"""The published records: what their columns are called, and the shape that all of them are brought to.

Trip records of the Taxi and Limousine Commission: one row a trip, the pick-up time as the clock of the city shows it,
and the taxi zone of the pick-up (1 to 263; 264 and 265 stand for unknown and outside the city).
"""

from __future__ import annotations

CITY = "city"  # the zone of counts that are of the whole city
NOWHERE = ("264", "265")
ZONES = (CITY, *(str(number) for number in range(1, 264)))
BOROUGHS = ("Bronx", "Brooklyn", "EWR", "Manhattan", "Queens", "Staten Island", "Unknown", "All boroughs")

RAW_COLUMNS = ("zone", "borough", "day", "hour", "pickups", "file_month")

# normalised header of the pick-up time -> whose trips they are
CABS = {
    "lpep_pickup_datetime": "green",
    "tpep_pickup_datetime": "yellow",
    "pickup_datetime": "for-hire",
}
PICKUP_ZONE = "pulocationid"
CITY_COLUMNS = ("timeperiod", "volume")
HOURLY_COLUMNS = ("zone", "day", "hour", "pickups")
LOOKUP_COLUMNS = ("locationid", "borough")


def normalised(name: object) -> str:
    """A header as it is compared: lower case, no blanks around."""
    return str(name).strip().lower()
