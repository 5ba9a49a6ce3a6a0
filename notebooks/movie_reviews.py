# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # movie_reviews: is the review favourable?
#
# Free text, and the probability that its writer liked the film. The stars are the answer in other words and the film is
# known to lean one way, so both are **never inputs**. The columns are told in `docs/data_dictionary/movie_reviews.md`.

# %%
import re
from collections import Counter

import numpy as np
import pandas as pd
import support
from support import bars, by, by_group, compare, group_bars, show

lab = support.open_lab("movie_reviews", rows=6_000)
problem, train, holdout = lab.problem, lab.train, lab.holdout

# %% [markdown]
# ## The rows
#
# Half of the reviews are favourable, and lukewarm ones (5 and 6 stars) are not in the table, so the two sides are
# further apart than in life. No film stands in both parts.

# %%
words = train["text"].str.split().str.len()
show(f"Favourable: {train['positive'].mean():.1%} of the training rows.")
show(f"Words in a review: median {words.median():.0f}, nine in ten up to {words.quantile(0.9):.0f}.")
stars = train.groupby("rating").size()
show(pd.DataFrame({"reviews": stars, "share": stars / stars.sum()}).rename_axis("stars"))
show(by(train, "length_band", "positive").rename(columns={"mean": "share favourable"}))

# %% [markdown]
# Which words stand far more often on one side? The log of the ratio of their shares, for words of 100 reviews or more.


# %%
def spread(texts: pd.Series) -> Counter:
    """In how many texts each word stands."""
    return Counter(word for text in texts for word in set(re.findall(r"[a-z']+", text.lower())))


good, bad = (spread(train.loc[train["positive"] == side, "text"]) for side in (1, 0))
often = [w for w in good | bad if good[w] + bad[w] >= min(100, len(train) // 30)]
ratio = {w: float(np.log((good[w] + 1) / sum(good.values())) - np.log((bad[w] + 1) / sum(bad.values()))) for w in often}
ends = sorted(ratio, key=lambda w: ratio[w])
bars({w: ratio[w] for w in [*ends[:8], *ends[-8:]]}, "Words that stand on one side", caption="log ratio of shares")

# %% [markdown]
# ## The baseline, a champion, a challenger
#
# Naive: the training share for everybody. Champion: single words weighted by TF-IDF in a logistic regression.
# Challenger: runs of up to three words, weighted by how much more often they stand on one side (H-REV-001).

# %%
champion = lab.fit("v1.0", "text")
challenger = lab.fit("v1.0", "text_ratio")
models = {"naive": lab.naive, "champion": champion.scored, "challenger": challenger.scored}
show(compare(lab, models, ["accuracy", "roc_auc", "ece", "brier"]))

# %%
said = np.where(champion.scored.prediction >= 0.5, "said favourable", "said unfavourable")
true = np.where(champion.scored.truth == 1, "is favourable", "is unfavourable")
show("The champion's confusion matrix:")
show(pd.crosstab(pd.Series(true, name=""), pd.Series(said, name="")))

# %% [markdown]
# ## What the champion gets wrong
#
# Lukewarm reviews first: the further the stars are from the middle, the fewer errors.

# %%
pair = {"champion": champion.scored, "challenger": challenger.scored}
rated = {
    name: support.grouped(one, "stars", holdout["rating"].map("{:02.0f} stars".format)) for name, one in pair.items()
}
show(by_group("accuracy", "stars", rated))

# %%
group_bars("accuracy", "segment", pair, "Accuracy by length of the review")

# %% [markdown]
# Negation next: "not boring at all" holds a word that blames and a meaning that praises. Here are errors by how much of
# a review's words negate; runs of three words see more of it than single words.

# %%
negations = holdout["text"].str.lower().str.count(r"\b(?:not|nothing|hardly|never|far from|n't)\b")
dense = negations / holdout["text"].str.split().str.len()
cut = dense.rank(method="first", pct=True)
level = np.where(cut <= 1 / 3, "1: few negations", np.where(cut <= 2 / 3, "2: some", "3: many"))
show(by_group("accuracy", "level", {name: support.grouped(one, "level", level) for name, one in pair.items()}))

# %% [markdown]
# The reviews it is surest of and wrong about, and the words that misled it, with what each adds to the log odds of a
# favourable review.

# %%
error = np.abs(champion.scored.prediction - champion.scored.truth)
worst = np.argsort(-error)[:3]
features = champion.holdout_features.iloc[worst]
for place, told in zip(worst, champion.model["model"].explain_words(features, top=8), strict=True):
    row = holdout.iloc[place]
    start = " ".join(row["text"].split()[:40])
    show(
        f"**{row['rating']:.0f} stars**, answered {champion.scored.prediction[place]:.2f}: "
        + ", ".join(f"`{run}` {value:+.2f}" for run, value in told)
        + f"\n\n> {start} ..."
    )

# %%
support.reliability(lab, champion.scored, "Champion")

# %% [markdown]
# ## What to try next
#
# * **H-REV-001** claims the challenger's gain; **H-REV-002** that how a review is written (length, marks, capitals)
#   tells more beside its words.
# * Simulated reviews are made of a few dozen patterns of sentences, so both models look better here than on the real
#   ones; `benchmarks/problems.py` has those figures.
