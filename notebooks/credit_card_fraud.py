# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # credit_card_fraud: which transaction is a fraud?
#
# Card transactions of two days in 2013, described by components that the issuer does not disclose. One in 580 is a
# fraud, so accuracy means nothing: whoever calls everything honest is right 99.8 % of the time. Rows carry a weight
# (how many published rows they stand for), and every figure below uses it. The columns are told in
# `docs/data_dictionary/credit_card_fraud.md`.

# %%
import numpy as np
import pandas as pd
import support
from support import bars, by_group, compare, group_bars, show

from ds_workflow.domain.thresholds import at_false_alarms, tradeoffs

lab = support.open_lab("credit_card_fraud", rows=20_000, least=6_000)
problem, train, holdout = lab.problem, lab.train, lab.holdout

# %% [markdown]
# ## The rows
#
# All frauds are there and a sample of the rest, so the share among the rows is not the share among transactions.

# %%
honest, fraud = train[train["is_fraud"] == 0], train[train["is_fraud"] == 1]
weighed = float(np.average(train["is_fraud"], weights=train["weight"]))
show(f"Frauds: {len(fraud):,} of {len(train):,} training rows, {weighed:.3%} of the transactions that they stand for.")

# %%
apart = {
    name: abs(fraud[name].mean() - honest[name].mean()) / honest[name].std()
    for name in (c.name for c in problem.columns)
    if name.startswith("v")
}
bars(apart, "How far frauds lie from honest rows", caption="standard deviations of honest rows")

# %% [markdown]
# Amounts do not tell them apart by themselves: frauds are small when a card is tried out, and large when it worked.

# %%
edges = [0, 1, 10, 100, 500, np.inf]
amounts = {
    name: np.histogram(part["amount"], edges, weights=part["weight"].clip(lower=1e-9))[0] for name, part in
    (("honest", honest), ("fraud", fraud))
}  # fmt: skip
words = ["to 1", "to 10", "to 100", "to 500", "more"]
show(pd.DataFrame({name: counts / counts.sum() for name, counts in amounts.items()}, index=words))

# %% [markdown]
# ## The baseline, a champion, a challenger
#
# Naive: the base rate for every row. Champion: logistic regression on the components as they are. Challenger: boosted
# trees with calibrated probabilities that also see how far off a row is in all components together (H-FRD-001). Average
# precision is what matters; the area under the ROC curve is high for both.

# %%
champion = lab.fit("v1.0", "logistic")
challenger = lab.fit("v2.0", "calibrated")
models = {"naive": lab.naive, "champion": champion.scored, "challenger": challenger.scored}
show(compare(lab, models, ["pr_auc", "roc_auc", "recall_at_1pct_fpr", "ece", "log_loss"]))

# %%
trees = challenger.model["model"]
importance = dict(zip(trees.feature_names_, trees.feature_importances_, strict=True))
bars(importance, "What the challenger leans on", unit="share")

# %% [markdown]
# ## What the champion gets wrong
#
# Where to draw the line? A missed fraud costs what frauds cost on average, an alarm the time of whoever looks at it.
# The table is the champion's on the holdout; costs are per transaction.

# %%
costs = problem.costs
show(f"Costs: {costs.reason}")
found = tradeoffs(champion.scored, costs, own=getattr(champion.model["model"], "threshold_", None), seed=lab.seed)
table = pd.DataFrame(
    [
        {
            "threshold": f"{t.threshold:.4g}",
            "why": t.why,
            "flagged": f"{t.flagged:.2%}",
            "precision": "" if t.precision is None else f"{t.precision:.1%}",
            "frauds found": f"{t.recall:.1%}",
            f"cost, {costs.unit}": t.cost,
        }
        for t in found.table
    ]
)
show(table, index=False)

# %% [markdown]
# Which frauds does it miss when it may flag 1 % of the honest rows? Those that differ in hardly anything: their
# components lie where honest ones lie, so no line through the components finds them.

# %%
line = at_false_alarms(champion.scored, 0.01)
frauds = holdout[holdout["is_fraud"] == 1]
caught = champion.scored.prediction[(holdout["is_fraud"] == 1).to_numpy()] >= line
strongest = sorted(apart, key=lambda name: -apart[name])[:5]
off = ((frauds[strongest] - honest[strongest].mean()) / honest[strongest].std()).abs().mean(axis=1)
show(f"{caught.mean():.0%} of {len(frauds)} held-out frauds are found at {line:.4f}.")
show(
    pd.DataFrame({"found": caught, "distance in the five strongest components": off.to_numpy(),
                  "amount": frauds["amount"].to_numpy()})
    .groupby("found").agg(["size", "median"])
)  # fmt: skip

# %%
pair = {"champion": champion.scored, "challenger": challenger.scored}
group_bars("pr_auc", "segment", pair, "Average precision by amount band", least=10)
show(by_group("recall_at_1pct_fpr", "segment", pair))

# %% [markdown]
# Are its probabilities probabilities? Costs can only be weighed against them if they are. Class weights make trees too
# bold, which is what H-FRD-002 is about.

# %%
support.reliability(lab, champion.scored, "Champion")
support.reliability(lab, challenger.scored, "Challenger")

# %% [markdown]
# ## What to try next
#
# * **H-FRD-001** claims the challenger's ranking, **H-FRD-002** that class weights rank better still, at no cost.
# * The holdout is the second evening, with a few dozen frauds: intervals are wide, and stay wide on the real rows.
