"""Drift of a table: tests against scipy, false alarms by simulation, and rows whose drift is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy import stats
from scipy.spatial import distance

from ds_workflow.domain import drift, two_samples
from ds_workflow.domain.drift_table import compare
from ds_workflow.errors import InvalidInput


@given(st.integers(0, 10_000), st.integers(2, 300), st.integers(2, 300), st.booleans())
def test_kolmogorov_smirnov_is_that_of_scipy(seed: int, n: int, m: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(0.3, size=m)
    if ties:
        a, b = a.round(), b.round()
    found = two_samples.kolmogorov_smirnov(np.sort(a), np.sort(b))
    assert found.statistic == approx(stats.ks_2samp(a, b).statistic, abs=1e-12)
    scale = np.sqrt(n * m / (n + m))
    assert found.p_value == approx(stats.kstwobign.sf(scale * found.statistic), abs=1e-12)


@given(st.lists(st.tuples(st.integers(6, 500), st.integers(6, 500)), min_size=2, max_size=12))
def test_chi_square_and_jensen_shannon_are_those_of_scipy(rows: list[tuple[int, int]]) -> None:
    p, q = np.array(rows, dtype=float).T
    if p.sum() > 3 * q.sum() or q.sum() > 3 * p.sum():
        return  # some bin would be pooled, which scipy does not do
    oracle = stats.chi2_contingency(np.array([p, q]), correction=False)
    if oracle.expected_freq.min() >= 5:
        found = two_samples.chi_square(p, q)
        assert (found.statistic, found.p_value, found.df) == approx(
            (oracle.statistic, oracle.pvalue, oracle.dof), abs=1e-9
        )
    assert two_samples.jensen_shannon(p, q) == approx(distance.jensenshannon(p, q, base=2), abs=1e-9)
    assert two_samples.jensen_shannon(p, p) == approx(0, abs=1e-7)


def test_the_detectable_psi_is_detected_as_often_as_is_said() -> None:
    """Five bins, 1,000 against 2,000 rows: a shift of the detectable size is shown in 80 % of 2,000 draws."""
    rng = np.random.default_rng(5)
    n, m, alpha = 1_000, 2_000, 0.01
    aim = two_samples.detectable_psi(5, n, m, alpha=alpha)
    base = np.full(5, 0.2)

    def moved(by: float) -> np.ndarray:
        return base + by * np.array([1, -1, 0, 0, 0])

    by = next(b for b in np.linspace(0.001, 0.19, 2_000) if np.sum((moved(b) - base) * np.log(moved(b) / base)) >= aim)
    shown = [
        two_samples.chi_square(rng.multinomial(n, base), rng.multinomial(m, moved(by))).p_value <= alpha
        for _ in range(2_000)
    ]
    assert np.mean(shown) == approx(0.8, abs=0.04)


def table(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Four columns of different kinds: a number, a skewed number with gaps, a small count, a category."""
    skewed = rng.lognormal(size=rows)
    skewed[rng.uniform(size=rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "normal": rng.normal(size=rows),
            "skewed": skewed,
            "count": rng.poisson(2, rows),
            "kind": rng.choice(["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.15, 0.05]),
        }
    )


@pytest.mark.parametrize(("rows", "runs"), [(60, 250), (200, 250), (1_000, 200), (100_000, 8)])
def test_false_alarms_stay_at_the_stated_level(rows: int, runs: int) -> None:
    """Without drift at most 5 % of tables raise an alarm (with three standard errors of room); a PSI limit of 0.2 alone
    would alarm in most tables of 60 rows, a p-value alone in 5 % of the largest for nothing that matters."""
    rng = np.random.default_rng(rows)
    reference = table(rng, max(rows, 2_000))
    found = [compare(reference, table(rng, rows), threshold=0.02) for _ in range(runs)]
    alarms = np.mean([bool(f.drifted) for f in found])
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    if rows == 60:
        alone = np.mean([max(c.psi for c in f.columns.values()) > 0.2 for f in found])
        assert alone > 0.3


def test_what_moved_is_found_and_named() -> None:
    rng = np.random.default_rng(1)
    reference, new = table(rng, 5_000), table(rng, 2_000)
    new["normal"] += 1.0
    new.loc[rng.uniform(size=len(new)) < 0.5, "skewed"] = np.nan
    new["kind"] = new["kind"].replace({"d": "e", "a": "f"})
    found = compare(reference, new)
    assert set(found.drifted) == {"normal", "skewed", "kind"}
    assert found.columns["kind"].new_categories == ("e", "f")
    assert found.columns["kind"].vanished_categories == ("a", "d")
    assert found.columns["skewed"].missing_new == approx(0.55, abs=0.03)
    assert found.columns["count"].status == "stable"
    document = found.to_dict()
    assert document["overall_drift"] is True
    assert document["features"]["normal"] == found.columns["normal"].psi > 0.5
    for column in found.columns.values():
        assert sum(b[1] for b in column.bins) == approx(1)
        assert sum(b[2] for b in column.bins) == approx(1)


def test_rows_out_of_range_are_an_alert() -> None:
    rng = np.random.default_rng(2)
    reference = pd.DataFrame({"x": rng.uniform(0, 1, 3_000)})
    away = rng.uniform(0, 1, 500)
    away[:450] = 100.0
    assert compare(reference, pd.DataFrame({"x": away})).drifted == ("x",)


def test_values_out_of_range_have_a_bar_of_their_own() -> None:
    rng = np.random.default_rng(2)
    for known in (rng.uniform(0, 1, 3_000), rng.integers(0, 3, 3_000).astype(float)):
        low, high = known.min(), known.max()
        new = np.concatenate([known[:300], np.full(600, high + 5), np.full(100, low - 5)])
        shown = compare(pd.DataFrame({"x": known}), pd.DataFrame({"x": new})).columns["x"].bins
        shares = {label: (before, after) for label, before, after in shown}
        assert shares[f"above {high:.4g}"] == approx((0, 0.6))
        assert shares[f"below {low:.4g}"] == approx((0, 0.1))
        assert [sum(s) for s in zip(*shares.values(), strict=True)] == approx([1, 1])


def test_a_level_that_no_row_has_is_no_category() -> None:
    """pandas' own type of categories against the same values as texts."""
    rng = np.random.default_rng(7)
    old, new = (pd.Series(rng.choice(["a", "b", "c"][:n], 400)) for n in (3, 2))
    old = old[old != "b"].reset_index(drop=True)
    kinds = pd.CategoricalDtype(["a", "b", "c", "never"])
    plain = compare(old.to_frame("x"), new.to_frame("x")).columns["x"]
    typed = compare(old.astype(kinds).to_frame("x"), new.astype(kinds).to_frame("x")).columns["x"]
    assert typed == plain
    assert (typed.new_categories, typed.vanished_categories) == (("b",), ("c",))


def test_few_rows_are_unknown_and_a_table_beside_itself_is_stable() -> None:
    rng = np.random.default_rng(3)
    reference = table(rng, 2_000)
    few = compare(reference, table(rng, 20))
    assert few.status == "unknown"
    same = compare(reference, reference)
    assert same.status == "stable"
    assert all(c.psi == 0 and c.p_value == 1 for c in same.columns.values())


def test_names_of_rows_and_dates_are_no_features() -> None:
    rng = np.random.default_rng(4)
    reference = table(rng, 300).assign(id=np.arange(300), day=pd.Timestamp("2024-01-01"), empty=None)
    new = table(rng, 300).assign(id=np.arange(300, 600), day=pd.Timestamp("2025-01-01"), empty=None, extra=1)
    assert set(compare(reference, new).skipped) == {"id", "day", "empty", "extra"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="kind"), "no column kind"),
        (lambda t: t.head(0), "no rows"),
        (lambda t: t.assign(normal="many"), "'normal' holds numbers"),
    ],
)
def test_tables_that_can_not_be_compared_are_refused(change, words: str) -> None:  # type: ignore[no-untyped-def]
    reference = table(np.random.default_rng(6), 200)
    with pytest.raises(InvalidInput, match=words):
        compare(reference, change(reference))
    for bad in (0, -0.1, float("inf"), float("nan")):
        with pytest.raises(InvalidInput, match="threshold"):
            compare(reference, reference, threshold=bad)


@pytest.mark.real_data
def test_known_drift_of_the_employment_survey_is_found(real_data: Path) -> None:
    """Massachusetts 2015 against 2016-2018: the model's inputs hardly move between years (2016 raises nothing), and a
    slice of one sex, or of the young, is found at once."""
    folder = real_data / "nannyml_drift"
    reference = pd.read_parquet(folder / "employment_MA_reference.pq")
    analysis = pd.read_parquet(folder / "employment_MA_analysis.pq")
    inputs = [c for c in analysis.columns if c not in ("year", "prediction", "predicted_probability")]
    first = analysis[analysis["year"] == 2016]
    whole = compare(reference[inputs], first[inputs])
    assert whole.status == "stable"
    assert set(whole.skipped) == {"id"}
    assert "SEX" in compare(reference[inputs], first.loc[first["SEX"] == "1", inputs]).drifted
    young = compare(reference[inputs], first.loc[first["AGEP"] < 30, inputs]).drifted
    assert {"AGEP", "MAR"} <= set(young)


SOLD = ["sale_price", "borough", "residential_units", "gross_square_feet", "year_built", "tax_class_at_time_of_sale"]


def sold(folder: Path, kind: str) -> dict[str, pd.DataFrame]:
    """Sales of one category of building in the springs of 2020 and 2022, as the department published them; 0 square
    feet and year 0 mean that nobody knows."""
    path = folder / "nyc_property_sales" / "nyc_dof_sales_2019_2024.parquet"
    found = {}
    for year in (2020, 2022):
        spring = [("sale_date", ">=", pd.Timestamp(year, 4, 1)), ("sale_date", "<", pd.Timestamp(year, 7, 1))]
        wanted = [*SOLD, "building_class_category", "sale_date"]
        rows = pd.read_parquet(path, columns=wanted, filters=[*spring, ("sale_price", ">=", 10_000)])
        rows = rows[rows["building_class_category"].str.startswith(kind)].sort_values("sale_date", kind="stable")
        known = rows[["gross_square_feet", "year_built"]].astype("float64")
        found[str(year)] = rows[SOLD].assign(**known.where(known > 0)).reset_index(drop=True)
    return found


@pytest.mark.real_data
def test_what_the_pandemic_did_to_prices_of_houses_is_found_and_nothing_else(real_data: Path) -> None:
    """One-family houses, spring of 2020 against spring of 2022: the same houses in the same places, dearer by a
    seventh or more in the middle and at both quartiles. Apartments in cooperatives cost what they had cost."""
    houses = sold(real_data, "01")
    old, new = houses["2020"], houses["2022"]
    assert len(old) > 1_500 and len(new) > 3_000
    for share in (0.25, 0.5, 0.75):
        assert new["sale_price"].quantile(share) > 8 / 7 * old["sale_price"].quantile(share)
    found = compare(old, new)
    assert found.drifted == ("sale_price",)
    price = found.columns["sale_price"]
    assert price.ks == approx(stats.ks_2samp(old["sale_price"], new["sale_price"]).statistic)
    edges = [-np.inf, *np.quantile(old["sale_price"].to_numpy(np.float64), np.arange(1, 10) / 10), np.inf]
    p, q = (np.histogram(t["sale_price"].to_numpy(np.float64), edges)[0] / len(t) for t in (old, new))
    assert price.psi == approx(stats.entropy(p, q) + stats.entropy(q, p), rel=1e-6)  # PSI is Jeffreys' divergence
    boroughs = pd.crosstab(np.repeat([0, 1], [len(old), len(new)]), pd.concat([old, new])["borough"].to_numpy())
    oracle = stats.chi2_contingency(boroughs.to_numpy(), correction=False).pvalue
    assert found.columns["borough"].p_value == approx(oracle, rel=1e-6)

    flats = sold(real_data, "10")
    assert compare(flats["2020"], flats["2022"]).columns["sale_price"].status == "stable"
    assert stats.ks_2samp(flats["2020"]["sale_price"], flats["2022"]["sale_price"]).pvalue > 0.01


@pytest.mark.real_data
@pytest.mark.parametrize("rows", [60, 400])
def test_two_halves_of_one_quarter_seldom_alarm(real_data: Path, rows: int) -> None:
    """Random halves of one spring's sales differ by chance alone: no more tables alarm than the level over all columns
    allows (with 60 rows a PSI above 0.2 is what chance gives on average)."""
    spring = sold(real_data, "01")["2022"]
    rng = np.random.default_rng(11)
    alarms, beyond = 0, 0
    for _ in range(60):
        drawn = spring.iloc[rng.permutation(len(spring))[: 2 * rows]]
        found = compare(drawn.iloc[:rows], drawn.iloc[rows:])
        alarms += bool(found.drifted)
        beyond += found.columns["sale_price"].psi > 0.2
    assert alarms <= stats.binom.ppf(0.999, 60, 0.05)
    assert (beyond > 20) is (rows == 60), "PSI alone would alarm on every small table"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_quantiles_of_sorted_values_are_those_of_numpy(values: list[float], shares: list[float]) -> None:
    found = drift.quantiles(np.sort(np.array(values)), np.array(shares))
    assert found == approx(np.quantile(values, shares), rel=1e-12, abs=1e-9)


@given(st.integers(0, 1_000), st.booleans())
def test_counts_of_sorted_values_and_of_counted_names_are_those_of_rows(seed: int, few: bool) -> None:
    rng = np.random.default_rng(seed)
    number = pd.Series(np.where(rng.random(200) < 0.1, np.nan, rng.integers(0, 12 if few else 10_000, 200)))
    other = pd.Series(rng.normal(100, 40, 150).round())
    bins = drift.profile_of(number)
    assert bins.count_ordered(drift.ordered(other), missing=0) == approx(bins.count(other))
    names = pd.Series(rng.choice(["a", "b", "c", None], 90, p=[0.5, 0.2, 0.2, 0.1]))
    named = drift.profile_of(names)
    oracle = names.fillna("missing").value_counts()
    assert named.counts == (*(int(oracle.get(n, 0)) for n in "abc"), 0, int(oracle.get("missing", 0)))


def test_rows_out_of_range_are_as_many_as_chance_says() -> None:
    """Of 10 new values, those beyond the range of 30 old ones: their share over 4,000 draws, and the tail's level."""
    rng = np.random.default_rng(3)
    drawn = [
        two_samples.outside_range(np.sort(rng.normal(size=30)), np.sort(rng.normal(size=10))) for _ in range(4_000)
    ]
    assert np.mean([share for share, _ in drawn]) == approx(2 / 31, abs=0.004)  # Wilks: 2 / (n + 1)
    assert np.mean([p <= 0.05 for _, p in drawn]) <= 0.05 + 0.01


def test_nine_of_ten_rows_out_of_range_alarm_however_few_they_are() -> None:
    old = pd.DataFrame({"x": np.linspace(0, 1, 300), "kind": np.resize(["a", "b", "c"], 300)})
    new = pd.DataFrame({"x": [*np.full(9, 7.0), 0.5], "kind": ["z"] * 9 + ["a"]})
    found = compare(old, new)
    assert set(found.drifted) == {"x", "kind"}
    assert found.columns["x"].outside == approx(0.9)
    assert compare(old, pd.DataFrame({"x": [0.2] * 10, "kind": ["a"] * 10})).columns["x"].status == "unknown"
