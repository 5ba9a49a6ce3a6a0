# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # taxi_demand: how many pick-ups in each zone and hour of tomorrow?
#
# Hourly counts by zone; the forecast is issued at midnight for the 24 hours that follow, from the counts of the days
# before. Nothing of a trip itself (distance, fare, where it ended) is **ever an input**. The columns are told in
# `docs/data_dictionary/taxi_demand.md`.

# %%
import numpy as np
import pandas as pd
import support
from support import bars, by_group, compare, group_bars, show

from ds_workflow.domain import forecasting

lab = support.open_lab("taxi_demand", rows=40_000, least=24_000)
problem, train, holdout = lab.problem, lab.train, lab.holdout

# %% [markdown]
# ## The rows
#
# A few zones carry most of the volume. Where an hour sees two pick-ups, chance alone makes large errors in per cent; so
# errors are counted against the volume (WAPE), against the seasonal naive (MASE), and in per cent only on busy rows.

# %%
volume = train.groupby("zone")["pickups"].mean().sort_values(ascending=False)
bars(volume, "Pick-ups an hour, by zone", caption="mean of the training rows")
show(f"The first three zones carry {volume.head(3).sum() / volume.sum():.0%} of all pick-ups.")

# %% [markdown]
# The week repeats: working days peak at the end of the afternoon, weekends later and flatter.

# %%
weekend = np.where(train["day"].dt.day_of_week >= 5, "weekend", "working day")
profile = train.astype({"hour": int}).pivot_table(index="hour", columns=weekend, values="pickups", aggfunc="mean")
show(profile.iloc[::3])

# %% [markdown]
# How noisy is it? Counts that are as chance would have them have a variance of their mean. What is above that is
# weather, events and whatever else nobody here knows.

# %%
series = problem.series
place = series.moment(train, problem.time_column) % series.season
cells = train.groupby([train["zone"], place])["pickups"].agg(["mean", "var"])
band = pd.cut(cells["mean"], [0, 1, 5, 20, np.inf], labels=["to 1", "to 5", "to 20", "more"])
ratio = (cells["var"] / cells["mean"]).groupby(band, observed=True).agg(["size", "median"])
show("Variance over mean, by the usual count at that hour of the week (1 is chance alone):")
show(ratio.rename(columns={"size": "zones and hours", "median": "variance / mean"}))

# %% [markdown]
# ## The baseline, a champion, a challenger
#
# Naive: the same hour a week before. Champion: boosted trees on lags and the calendar. Challenger: the same with
# holidays and how zone, city and hour have lately moved. The last month is held out.

# %%
champion = lab.fit("v1.0", "forecaster")
challenger = lab.fit("v2.0", "forecaster")
models = {"naive": lab.naive, "champion": champion.scored, "challenger": challenger.scored}
show(compare(lab, models, ["wape", "mase", "mape_busy", "volume_bias", "coverage_80", "coverage_95"]))

# %%
trees = champion.model["model"]
importance = dict(zip(trees.feature_names_, trees.feature_importances_, strict=True))
bars(importance, "What the champion leans on", unit="share")

# %% [markdown]
# ## What the champion gets wrong
#
# By volume first: on quiet zones hardly anybody can beat the seasonal naive by much, because what is left is chance.

# %%
pair = {"champion": champion.scored, "challenger": challenger.scored}
group_bars("wape", "segment", pair, "Errors against the volume, by class of zone")

# %%
expected = forecasting.poisson_wape(np.maximum(champion.scored.prediction, 1e-9))
floor = float(np.average(expected, weights=champion.scored.prediction))
show(
    f"If every count were chance around the champion's own forecast, WAPE would be {floor:.3f}; "
    f"it is {support.metric('wape')(champion.scored):.3f}."
)

# %% [markdown]
# By day: the days on which it is worst are holidays, of which it knows nothing, and days of which nobody knew.

# %%
error = np.abs(champion.scored.prediction - champion.scored.truth)
days = pd.DataFrame({"day": holdout["day"].dt.strftime("%a %d %b"), "error": error,
                     "signed": champion.scored.prediction - champion.scored.truth,
                     "challenger error": np.abs(challenger.scored.prediction - challenger.scored.truth),
                     "pick-ups": holdout["pickups"]})  # fmt: skip
total = days.groupby("day", sort=False).sum()
shares = total[["error", "challenger error", "signed"]].div(total["pick-ups"], axis=0)
show("The five worst days: error, the challenger's, and signed error, over the day's pick-ups.")
show(shares.sort_values("error", ascending=False).head(5))

# %% [markdown]
# By hour: the error follows the volume, the share of it does not; nights are chance.

# %%
of_hour = pd.DataFrame({"hour": holdout["hour"].astype(int), "error": error, "pick-ups": holdout["pickups"]})
by_hour = of_hour.groupby("hour").sum()
show(by_hour.assign(wape=by_hour["error"] / by_hour["pick-ups"]).iloc[::3])

# %% [markdown]
# Do the intervals hold, in every class of zone?

# %%
show(by_group("coverage_80", "segment", pair))
show(by_group("coverage_95", "segment", pair))

# %% [markdown]
# ## What to try next
#
# * **H-TAX-001** claims the champion's gain over last week's hour, **H-TAX-002** that of holidays and recent drift; on
#   a month without a holiday the first half of that is worth nothing.
# * Weather is what the errors of single days look like, and no source here has it.
