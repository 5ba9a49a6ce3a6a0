# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # code_suggestions: will the developer accept?
#
# Suggestions of a code assistant, and the probability that each is accepted. What happens to a suggestion afterwards
# (edits, builds, tests, errors) is **never an input**, and a developer's past is read strictly before the day. Nobody
# publishes such rows, so all of them are simulated, with effects that are known: that makes this a place to see what a
# model can and cannot find out. The columns are told in `docs/data_dictionary/code_suggestions.md`.

# %%
import numpy as np
import pandas as pd
import support
from support import bars, by, by_group, compare, group_bars, show

from ds_workflow.reports import odds

lab = support.open_lab("code_suggestions", rows=40_000)
problem, train, holdout = lab.problem, lab.train, lab.holdout

# %% [markdown]
# ## The rows
#
# About a third is accepted. Kind of task, language and segment matter; so do waiting time and length.

# %%
show(
    f"Accepted: {train['accepted'].mean():.1%} of the training rows, of {train['developer_id'].nunique():,} developers."
)
bars(by(train, "task", "accepted")["mean"], "Share accepted, by kind of task", unit="share")

# %%
waited = pd.qcut(train["latency_ms"], 5)
length = pd.qcut(train["suggestion_length"], 5)
show(by(train.assign(waited=waited), "waited", "accepted").rename(columns={"mean": "share accepted"}))
show(by(train.assign(length=length), "length", "accepted").rename(columns={"mean": "share accepted"}))

# %% [markdown]
# The newer model is better and slower, so a plain comparison hides a part of what it gains: the same model in slices of
# the same waiting time.

# %%
slices = pd.qcut(train["latency_ms"], 4, labels=["fastest", "fast", "slow", "slowest"])
show(by(train, "model_version", "accepted").rename(columns={"mean": "share accepted"}))
show(train.pivot_table(index=slices, columns="model_version", values="accepted", aggfunc="mean", observed=True))

# %% [markdown]
# Rows of one developer are alike, far more than chance would have it. So the developer is what is drawn again for an
# interval, and what a model can learn from.

# %%
often = train.groupby("developer_id")["accepted"].agg(["size", "mean"]).query("size >= 50")["mean"]
show("Share accepted by developers with 50 suggestions or more, and what chance alone would show:")
chance = np.random.default_rng(lab.seed).binomial(50, train["accepted"].mean(), 10_000) / 50
parts = [0.05, 0.25, 0.5, 0.75, 0.95]
show(pd.DataFrame({"developers": often.quantile(parts), "by chance": np.quantile(chance, parts)}, index=parts))

# %% [markdown]
# ## The baseline, a champion, a challenger
#
# Naive: the share of acceptances of the kind of task. Champion: logistic regression on what the request says.
# Challenger: boosted trees that also see how the developer took suggestions so far (H-SUG-001).

# %%
champion = lab.fit("v1.0", "logistic")
challenger = lab.fit("v2.0", "global")
models = {"naive": lab.naive, "champion": champion.scored, "challenger": challenger.scored}
show(compare(lab, models, ["roc_auc", "pr_auc", "accuracy", "ece", "brier"]))

# %% [markdown]
# What the champion says of each term. The intervals let rows of one developer be alike; an odds ratio tells how rows
# differ, not what a change would do.

# %%
ratios = champion.model["model"].odds_ratios(
    champion.features, train["accepted"].to_numpy(), clusters=train["developer_id"].to_numpy()
)
show("**Odds ratios of the champion's terms**")
show(odds.chart(ratios.to_dict(), width=760, styled=True))

# %% [markdown]
# ## What the champion gets wrong
#
# It gives all developers of a segment the same answer. Sorted by how much a developer accepts in truth, it is far too
# high for one end and far too low for the other; the challenger knows the developer's past and follows.

# %%
pair = {"champion": champion.scored, "challenger": challenger.scored}
who = holdout["developer_id"]
seen = pd.DataFrame({"developer": who, "accepted": holdout["accepted"]} | {m: s.prediction for m, s in pair.items()})
each = seen.groupby("developer").agg(rows=("accepted", "size"), accepted=("accepted", "mean"),
                                     champion=("champion", "mean"), challenger=("challenger", "mean"))  # fmt: skip
each = each[each["rows"] >= 10]
each["fifth"] = pd.qcut(each["accepted"].rank(method="first"), 5, labels=["least", "second", "third", "fourth", "most"])
show("Held-out developers with 10 suggestions or more, in fifths by what they accepted: mean share and mean answers.")
show(each.groupby("fifth", observed=True)[["accepted", "champion", "challenger"]].mean())

# %% [markdown]
# Where nothing is known of a developer the challenger has nothing to add, and should not be worse.

# %%
first = train.groupby("developer_id").size()
known = pd.cut(who.map(first).fillna(0), [-1, 0, 20, 100, np.inf], labels=["0: new", "1 to 20", "21 to 100", "more"])
scored = {name: support.grouped(one, "known", known) for name, one in pair.items()}
show(by_group("roc_auc", "known", scored))

# %%
group_bars("roc_auc", "segment", pair, "ROC-AUC inside each segment")

# %%
support.reliability(lab, champion.scored, "Champion")

# %% [markdown]
# ## What to try next
#
# * **H-SUG-001** claims the challenger's gain; **H-SUG-002** asks whether a logistic regression that knows the past
#   keeps it, and its odds ratios.
# * Accepted is not right: what was accepted and then failed its tests is another question, which these models must not
#   be asked.
