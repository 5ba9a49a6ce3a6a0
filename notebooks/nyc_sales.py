# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # nyc_sales: what will a home in New York City sell for?
#
# Residential sales of the five boroughs, and the price of each before it is known. Histories are as of the day of the
# sale: a row sees only what was sold strictly before. Whatever is cut from the price (its tier, the price per square
# foot) is **never an input**. The columns are told in `docs/data_dictionary/nyc_sales.md`.

# %%
import numpy as np
import pandas as pd
import support
from support import by, by_group, compare, group_bars, show

from ds_workflow.reports.charts import Month, residual_series

lab = support.open_lab("nyc_sales", rows=20_000)
problem, train, holdout = lab.problem, lab.train, lab.holdout

# %% [markdown]
# ## The rows
#
# Prices span three orders of magnitude, so errors are counted in per cent of the price. The four segments differ in
# what is known: apartments come without a floor area.

# %%
show(by(train, "segment", "sale_price", how="median").rename(columns={"median": "median price"}))
show(support.missing(train))

# %%
spread = np.log10(train["sale_price"]).groupby(train["segment"]).agg(["std", "min", "max"])
show("Spread of log10 price inside the segments (0.30 is a factor of two):")
show(spread)

# %% [markdown]
# The market moves: the median by quarter, on all rows. The holdout is the last stretch of time, so a model has to carry
# what it learned forward.

# %%
quarter = lab.rows["sale_date"].dt.to_period("Q").astype(str)
moved = lab.rows.assign(quarter=quarter).groupby("quarter")["sale_price"].agg(rows="size", median="median")
show(moved[moved["rows"] >= support.FEW])

# %% [markdown]
# How often has the same building been sold before? That is what a history can use.

# %%
seen = holdout["building_id"].isin(set(train["building_id"]))
show(f"{seen.mean():.0%} of the held-out sales are in a building that was sold in training.")

# %% [markdown]
# ## The baseline, a champion, a challenger
#
# Naive: the median of neighbourhood and segment. Champion: one boosted model on the basic attributes. Challenger: a
# model of each segment on as-of histories of unit, building and block (H-SEG-001).

# %%
champion = lab.fit("v1.0", "global")
challenger = lab.fit("v2.0", "segmented_router", router_mode="segment_only")
models = {"naive": lab.naive, "champion": champion.scored, "challenger": challenger.scored}
show(compare(lab, models, ["mdape", "ppe10", "mape", "r2", "interval_coverage"]))

# %%
trees = champion.model["model"]
importance = dict(zip(trees.feature_names_, trees.feature_importances_, strict=True))
support.bars(importance, "What the champion leans on (share of total gain)", unit="share")

# %% [markdown]
# ## What the champion gets wrong
#
# The median hides the segments: it is apartments and walk-ups where an attribute table knows little.

# %%
pair = {"champion": champion.scored, "challenger": challenger.scored}
group_bars("mdape", "segment", pair, "Median absolute percentage error by segment")

# %% [markdown]
# By quarter of the price the errors lean the other way at both ends: cheap homes are over-valued and dear ones
# under-valued, as every model that knows too little does. (The quarters are cut from the price, so they can only be a
# way to look, never an input.)

# %%
show(by_group("bias", "price_tier", pair))
show(by_group("mdape", "price_tier", pair))

# %% [markdown]
# Where are the errors largest? The mean absolute percentage error, by what is known of a sale.

# %%
error = np.abs(champion.scored.prediction / champion.scored.truth - 1)
show(
    support.slice_errors(
        holdout,
        error,
        {
            "segment": lambda r: r["segment"],
            "borough": lambda r: r["borough"],
            "building sold before": lambda r: r["building_id"].isin(set(train["building_id"])),
            "year built": lambda r: pd.cut(r["year_built"], [0, 1900, 1930, 1960, 1990, 2100]),
        },
    )
)

# %% [markdown]
# The five worst misses, which is where a person should look first: mostly prices far below what such homes cost, so a
# part of a price, a sale in the family or a wrong record, and no model can know that.

# %%
worst = np.argsort(-error)[:5]
columns = ["segment", "borough", "neighborhood", "sale_price"]
show(holdout.iloc[worst][columns].assign(said=champion.scored.prediction[worst].round(-3)), index=False)

# %% [markdown]
# Does it drift? The median signed error by month of the holdout; a line that leaves 0 is a market that moved on.

# %%
month = pd.Series(champion.scored.time.astype("datetime64[M]").astype(str))
signed = {name: pd.Series(one.prediction / one.truth - 1).groupby(month).median() for name, one in pair.items()}
months = [
    Month(m, float(signed["champion"][m]), float(signed["challenger"][m]), int((month == m).sum()))
    for m in sorted(month.unique())
]
show("**Median signed error by month**")
show(residual_series(months, title="Median signed error by month"))

# %% [markdown]
# The 80 % intervals: they should cover 80 % in every segment, not just on the whole.

# %%
show(by_group("interval_coverage", "segment", pair))
show(by_group("interval_width", "segment", pair))

# %% [markdown]
# ## What to try next
#
# * **H-SEG-001** claims the challenger's gain, **H-TIER-002** and **H-TREND-003** go on from there, **H-TUNE-004** asks
#   whether tuning is worth anything after that.
# * On the real sales of 2019-2024 the figures are other ones: `benchmarks/nyc_accuracy.py` prints them.
