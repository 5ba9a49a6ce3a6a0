"""Reading the Department of Finance's files in the forms they have had, and refusing bad ones in words."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales.loader import load
from ds_workflow.problems.nyc_sales.source import RAW_COLUMNS, REQUIRED, canonical, parse_date

ROLLING_2017 = (
    "BOROUGH,NEIGHBORHOOD,BUILDING CLASS CATEGORY,TAX CLASS AT PRESENT,BLOCK,LOT,EASE-MENT,BUILDING CLASS AT PRESENT,"
    "ADDRESS,APARTMENT NUMBER,ZIP CODE,RESIDENTIAL UNITS,COMMERCIAL UNITS,TOTAL UNITS,LAND SQUARE FEET,"
    "GROSS SQUARE FEET,YEAR BUILT,TAX CLASS AT TIME OF SALE,BUILDING CLASS AT TIME OF SALE,SALE PRICE,SALE DATE"
)
ANNUALIZED_2019 = (
    "BOROUGH|NEIGHBORHOOD|BUILDING CLASS CATEGORY|TAX CLASS AS OF FINAL ROLL 18/19|BLOCK|LOT|EASE-MENT|"
    "BUILDING CLASS AS OF FINAL ROLL 18/19|ADDRESS|APARTMENT NUMBER|ZIP CODE|RESIDENTIAL UNITS|COMMERCIAL UNITS|"
    "TOTAL UNITS|LAND SQUARE FEET|GROSS SQUARE FEET|YEAR BUILT|TAX CLASS AT TIME OF SALE|"
    "BUILDING CLASS AT TIME OF SALE|SALE PRICE|SALE DATE"
)
API = (
    "borough|neighborhood|building_class_category|tax_class_as_of_final_roll|block|lot|ease_ment|"
    "building_class_as_of_final|address|apartment_number|zip_code|residential_units|commercial_units|total_units|"
    "land_square_feet|gross_square_feet|year_built|tax_class_at_time_of_sale|building_class_at_time_of|sale_price|"
    "sale_date"
)
HEADERS = {
    "rolling 2017": ROLLING_2017.split(","),
    "annualized 2019": ANNUALIZED_2019.split("|"),
    "open-data API": API.split("|"),
    "line breaks": [h.replace(" ", "\n") for h in ROLLING_2017.split(",")],
    "double spaces, mixed case": [f" {h.title().replace(' ', '  ')} " for h in ROLLING_2017.split(",")],
    "lower case": [h.lower().replace(" ", "_").replace("ease-ment", "easement") for h in ROLLING_2017.split(",")],
}
SALE: list[Any] = ["3", "PARK SLOPE", "02  TWO FAMILY DWELLINGS", "1", "1082", "39", "", "B1", "475   8TH STREET", "",
                   "11215", "2", "0", "2", "2,000", "2,400", "1905", "1", "B1", "$1,200,000", "2023-08-25"]  # fmt: skip
TRANSFER: list[Any] = [*SALE[:8], "477 8TH STREET", *SALE[9:14], " -  ", "0", "0", "1", "B1", " -  ", "8/26/2023"]


def csv_text(header: list[str], *rows: list[Any], delimiter: str = ",") -> str:
    def quoted(cells: list[Any]) -> str:
        return delimiter.join(f'"{c}"' for c in cells)

    return "\r\n".join([quoted(header), *map(quoted, rows)]) + "\r\n"


@pytest.fixture
def rolling(tmp_path: Path) -> Callable[..., Path]:
    """Writes a csv with the header of 2017 and the rows given."""

    def write(*rows: list[Any], name: str = "sales.csv", header: list[str] = HEADERS["rolling 2017"]) -> Path:
        path = tmp_path / name
        path.write_text(csv_text(header, *rows), encoding="utf-8")
        return path

    return write


def changed(column: str, value: Any) -> list[Any]:
    """The sale with another value in one column of 2017."""
    row = list(SALE)
    row[ROLLING_2017.split(",").index(column)] = value
    return row


def check_is_the_sale(rows: pd.DataFrame) -> None:
    assert list(rows.columns) == list(RAW_COLUMNS)
    first = rows.iloc[0]
    assert (first["borough"], first["block"], first["lot"], first["zip_code"]) == (3, 1082, 39, 11215)
    assert first["building_class_category"] == "02 TWO FAMILY DWELLINGS"
    assert first["address"] == "475 8TH STREET"
    assert first["sale_price"] == 1_200_000
    assert first["sale_date"] == pd.Timestamp("2023-08-25")
    assert (first["land_square_feet"], first["gross_square_feet"]) == (2000, 2400)
    assert (first["tax_class_at_present"], first["building_class_at_time_of_sale"]) == ("1", "B1")
    assert pd.isna(first["apartment_number"])
    if len(rows) > 1:
        assert np.isnan(rows["sale_price"].iloc[1])
        assert np.isnan(rows["land_square_feet"].iloc[1])
        assert rows["sale_date"].iloc[1] == pd.Timestamp("2023-08-26")


# --- every form of the source ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers_of_all_years_give_the_same_table(rolling: Callable[..., Path], header: list[str]) -> None:
    check_is_the_sale(load(rolling(SALE, TRANSFER, header=header)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(csv_text(HEADERS["rolling 2017"], SALE, changed("ADDRESS", "12 CAFÉ PLACE")).encode(encoding))
    rows = load(path)
    check_is_the_sale(rows.iloc[:1])
    assert rows["address"].iloc[1] == "12 CAFÉ PLACE"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_title_lines_above_the_header(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "sales.csv"
    titles = "Brooklyn Annualized Sales for 2023\nAll sales. As of 05/06/2024\n\n"
    path.write_text(titles + csv_text(HEADERS["line breaks"], SALE, TRANSFER, delimiter=delimiter), encoding="utf-8")
    check_is_the_sale(load(path))


def workbook(path: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_an_annualized_workbook_with_titles_typed_cells_and_empty_rows_at_its_end(tmp_path: Path) -> None:
    typed: list[Any] = [3, "PARK SLOPE", "02 TWO FAMILY DWELLINGS", "1", 1082, 39, None, "B1", "475 8TH STREET", None,
                        11215, 2, 0, 2, 2000, 2400, 1905, 1, "B1", 1_200_000,
                        datetime(2023, 8, 25)]  # fmt: skip # noqa: DTZ001
    titles: list[list[Any]] = [["Brooklyn Annualized Sales for Calendar Year 2023. All Sales."], [None],
              ["For sales prior to the Final Roll, Neighborhood Name and Descriptive Data reflect 2023/2024"],
              ["Building Class Category is based on Building Class at Time of Sale."]]  # fmt: skip
    rows = load(
        workbook(tmp_path / "2023_brooklyn.xlsx", [*titles, HEADERS["line breaks"], typed, TRANSFER, [None] * 21])
    )
    check_is_the_sale(rows)
    assert len(rows) == 2
    assert rows["tax_class_at_time_of_sale"].tolist() == ["1", "1"]


def test_parquet_zip_and_folder(tmp_path: Path, rolling: Callable[..., Path]) -> None:
    one = load(rolling(SALE, TRANSFER))
    one.to_parquet(tmp_path / "again.parquet")
    check_is_the_sale(load(tmp_path / "again.parquet"))
    with zipfile.ZipFile(tmp_path / "sales.zip", "w") as archive:
        archive.writestr("data/2023.csv", csv_text(HEADERS["rolling 2017"], SALE))
        archive.writestr("__MACOSX/data/._2023.csv", b"\x00\x05")
        archive.writestr("README.md", "about")
    zipped = load(tmp_path / "sales.zip")
    check_is_the_sale(zipped)
    assert zipped.attrs["files"] == ["sales.zip:2023.csv"]
    (tmp_path / "INDEX.md").write_text("about")
    everything = load(tmp_path)
    assert len(everything) == 2 + 1 + 2
    assert everything.attrs["files"] == ["again.parquet", "sales.csv", "sales.zip:2023.csv"]


@pytest.mark.parametrize(
    "text",
    ["2023-08-25", "2023-08-25 00:00:00", "2023-08-25T00:00:00.000", "8/25/2023", "08/25/23", "8/25/2023 12:00:00 AM",
     "25-Aug-23", "August 25, 2023", "2023/08/25", "45163", "45163.0"],
)  # fmt: skip
def test_dates(text: str) -> None:
    assert parse_date(text) == date(2023, 8, 25)


@pytest.mark.parametrize("text", ["", " -  ", "N/A", "nan"])
def test_dates_that_are_not_known(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("borough", ["BROOKLYN", "Brooklyn", " 3 ", "3.0"])
def test_boroughs_by_name_or_code(rolling: Callable[..., Path], borough: str) -> None:
    assert load(rolling(changed("BOROUGH", borough)))["borough"].tolist() == [3]


def test_every_canonical_name_is_recognised_and_strangers_are_not() -> None:
    assert all(canonical(name) == name for name in RAW_COLUMNS)
    assert [canonical(h) for h in ("EASE-MENT", "Unnamed: 0", "bbl", "community_board", None)] == [None] * 5


# --- places ----------------------------------------------------------------------------------------------------------


def references(folder: Path) -> list[Path]:
    pd.DataFrame({"borough": [3], "block": [1082], "latitude": [40.668], "longitude": [-73.981], "n": [7]}).to_parquet(
        folder / "blocks.parquet"
    )
    (folder / "zips.csv").write_text("zip_code,latitude,longitude\n11215,40.663,-73.986\n11201,40.694,-73.99\n")
    return [folder / "zips.csv", folder / "blocks.parquet"]


def test_places_come_by_block_then_by_zip_code_and_the_shares_are_told(
    tmp_path: Path, rolling: Callable[..., Path]
) -> None:
    elsewhere = [changed("BLOCK", "7"), [*changed("BLOCK", "8")[:10], "99999", *SALE[11:]]]
    rows = load(rolling(SALE, *elsewhere, SALE), references=references(tmp_path))
    assert rows["latitude"].tolist() == pytest.approx([40.668, 40.663, np.nan, 40.668], nan_ok=True)
    assert rows["longitude"].tolist() == pytest.approx([-73.981, -73.986, np.nan, -73.981], nan_ok=True)
    assert rows.attrs["coordinates"] == {"source": 0.0, "block": 0.5, "zip": 0.25, "none": 0.25}


def test_a_folder_may_hold_its_references_and_the_source_s_own_places_win(tmp_path: Path) -> None:
    references(tmp_path)
    header = [*HEADERS["open-data API"], "latitude", "longitude"]
    text = csv_text(header, [*SALE, "40.7", "-74.0"], [*SALE, "", ""], [*SALE, "0", "0"])
    (tmp_path / "sales.csv").write_text(text, encoding="utf-8")
    rows = load(tmp_path)
    assert rows["latitude"].tolist() == [40.7, 40.668, 40.668]
    assert rows.attrs["coordinates"] == pytest.approx({"source": 1 / 3, "block": 2 / 3, "zip": 0, "none": 0})


def test_a_reference_that_is_none_or_contradicts_itself_is_refused(
    tmp_path: Path, rolling: Callable[..., Path]
) -> None:
    sales = rolling(SALE)
    with pytest.raises(InvalidInput, match=r"sales\.csv is not a table of places: found .*Needed: borough, block"):
        load(sales, references=[sales])
    twice = tmp_path / "twice.csv"
    twice.write_text("zip_code,latitude,longitude\n11215,40.6,-73.9\n11215,40.7,-73.9\n")
    with pytest.raises(InvalidInput, match=r"twice\.csv gives two places for \{'zip_code': 11215\.0\}"):
        load(sales, references=[twice])
    with pytest.raises(InvalidInput, match="no sales: all its tables are references"):
        load(twice.rename(tmp_path / "zips.csv"))


# --- what can't be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("SALE PRICE", "a lot", r"row 3: column sale_price holds 'a lot', which is not a number"),
        ("SALE PRICE", "inf", r"row 3: column sale_price holds 'inf', which is not a number"),
        ("SALE DATE", "31/12/2023", r"row 3: column sale_date holds '31/12/2023', which is not a date"),
        ("SALE DATE", "soon", r"row 3: column sale_date holds 'soon', which is not a date"),
        ("BOROUGH", "6", r"row 3: column borough holds '6', which is not one of 1 to 5 or MANHATTAN, BRONX"),
        ("BOROUGH", "NEWARK", r"row 3: column borough holds 'NEWARK'"),
        ("LOT", "39A", r"row 3: column lot holds '39A', which is not a number"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(
    rolling: Callable[..., Path], column: str, value: str, expected: str
) -> None:
    with pytest.raises(InvalidInput, match=r"sales\.csv, " + expected) as raised:
        load(rolling(SALE, changed(column, value)))
    assert "Correct the value" in raised.value.hint


def test_row_numbers_are_those_of_the_file_whatever_stands_above(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    text = "A title\n" + csv_text(HEADERS["line breaks"], SALE, SALE, changed("SALE PRICE", "x"))
    path.write_text(text, encoding="utf-8", newline="")
    line = 1 + next(n for n, words in enumerate(path.read_text(encoding="utf-8").splitlines()) if '"x"' in words)
    with pytest.raises(InvalidInput, match=f"row {line}: column sale_price"):
        load(path)
    rows = [["A title"], HEADERS["rolling 2017"], SALE, changed("YEAR BUILT", "old")]
    with pytest.raises(InvalidInput, match="row 4: column year_built holds 'old'"):
        load(workbook(tmp_path / "book.xlsx", rows))


@pytest.mark.parametrize("absent", REQUIRED)
def test_a_missing_column_is_named_with_what_was_found_and_what_is_needed(tmp_path: Path, absent: str) -> None:
    header = HEADERS["lower case"]
    at = header.index(absent)
    path = tmp_path / "sales.csv"
    path.write_text(csv_text([*header[:at], "other", *header[at + 1 :]], SALE), encoding="utf-8")
    with pytest.raises(InvalidInput) as raised:
        load(path)
    message = str(raised.value)
    assert message.startswith(f"sales.csv lacks the column {absent}. Found: ")
    assert "other" in message.split("Needed:", maxsplit=1)[0]
    assert message.split("Needed:")[1].strip(" .").split(", ") == list(REQUIRED)


def not_a_workbook() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("something", "else")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.csv", b"", r"empty\.csv is empty"),
        ("blank.csv", b" \n\n", r"blank\.csv is empty"),
        ("binary.csv", bytes(range(256)) * 4, r"binary\.csv (is|lacks)"),
        ("header.csv", ROLLING_2017.encode(), r"holds no sales"),
        ("wide.csv", f"{ROLLING_2017}\n{','.join(['1'] * 25)}\n".encode(), r"wide\.csv is not a regular csv table"),
        (
            "words.csv",
            b"Dear reader,\nthis is a letter.\n",
            r"words\.csv lacks the columns borough, .*Found: Dear reader",
        ),
        ("old.xls", b"\xd0\xcf\x11\xe0", r"old\.xls is not of a readable kind; allowed: \.csv"),
        ("cut.xlsx", b"PK\x03\x04 cut", r"cut\.xlsx is not a whole xlsx workbook"),
        ("other.xlsx", not_a_workbook(), r"other\.xlsx is not a whole xlsx workbook"),
        ("cut.parquet", b"PAR1 cut", r"cut\.parquet is not a whole parquet file"),
        ("cut.zip", b"PK\x03\x04 cut", r"cut\.zip is not a whole zip file"),
        ("other.zip", not_a_workbook(), r"other\.zip holds no file that can be read"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=expected):
        load(tmp_path / name)


def test_no_file_an_empty_folder_and_an_empty_sheet(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"There is no file or folder .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="holds no file that can be read"):
        load(tmp_path)
    with pytest.raises(InvalidInput, match=r"first sheet of sheet\.xlsx is empty"):
        load(workbook(tmp_path / "sheet.xlsx", []))
