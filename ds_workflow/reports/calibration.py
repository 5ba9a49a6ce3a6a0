"""Whether a model's probabilities can be read as such: the section of the run card and its chart."""

from __future__ import annotations

from ds_workflow.domain.calibration import Calibration, Estimate
from ds_workflow.reports.charts import reliability_curve
from ds_workflow.reports.tables import count, md, md_table, number, percent, span

SIDE, SLIM = 440, 350


def markdown(found: Calibration, *, fitted: dict[str, dict[str, float]] | None = None) -> str:
    """Figures, verdict in words, and the bins. `fitted` holds errors of cross-fitted training answers before and after
    probabilities were put right, where the model has such answers."""
    out = [
        f"{count(found.rows)} holdout rows, {count(found.positives)} of class 1. {verdict(found)}",
        "",
        *md_table(
            ["Figure", "Value", "Interval, 95 %", "Perfect"],
            [
                ["Mean probability answered", percent(found.predicted, decimals=3), "", ""],
                ["Share of class 1", percent(found.observed, decimals=3), "", ""],
                [
                    "Expected calibration error, 15 bins",
                    percent(found.ece, decimals=3),
                    "",
                    f"by chance {percent(found.by_chance, decimals=3)}, "
                    f"in 19 of 20 below {percent(found.by_chance_high, decimals=3)}",
                ],
                ["Calibration slope", *_estimate(found.slope), "1"],
                ["Calibration intercept", *_estimate(found.intercept), "0"],
                ["In the large (slope held at 1)", *_estimate(found.in_the_large), "0"],
                ["Brier score", number(found.brier), "", ""],
                ["= reliability", number(found.reliability), "", "0"],
                ["- resolution", number(found.resolution), "", "the uncertainty"],
                ["+ uncertainty", number(found.uncertainty), "", ""],
                ["+ what the bins blur", number(found.within), "", ""],
            ],
            align="lrll",
        ),
    ]
    if fitted and fitted["before"] != fitted["after"]:
        before, after = fitted["before"], fitted["after"]
        out += [
            "",
            f"Putting the probabilities right changed the cross-fitted answers for the training rows: log loss "
            f"{number(before['log_loss'])} to {number(after['log_loss'])}, Brier score {number(before['brier'])} to "
            f"{number(after['brier'])}.",
        ]
    bins = [
        [
            f"{percent(b.low, decimals=2)} to {percent(b.high, decimals=2)}",
            count(b.rows),
            percent(b.predicted, decimals=2),
            percent(b.observed, decimals=2),
            md(span(b.interval, "share")),
        ]
        for b in found.bins
    ]
    heads = ["Probabilities", "Rows", "Mean answered", "Observed", "Interval, 95 %"]
    out += ["", "Bins of equal information:", "", *md_table(heads, bins, align="lrrrl")]
    return "\n".join(out) + "\n"


def verdict(found: Calibration) -> str:
    """One or two sentences on what the figures show."""
    off = "above what a perfectly calibrated model shows by chance" if found.ece > found.by_chance_high else (
        "no larger than a perfectly calibrated model's could be by chance"
    )  # fmt: skip
    said = [f"The calibration error is {off}."]
    if found.slope is not None:
        low, high = found.slope.interval
        if high < 1:
            said.append("Answers are too sure: they lie further from the mean than the truth does.")
        elif low > 1:
            said.append("Answers are too unsure: the truth lies further from the mean than they do.")
    if found.in_the_large is not None:
        low, high = found.in_the_large.interval
        if low > 0:
            said.append("Taken together, they are too low.")
        elif high < 0:
            said.append("Taken together, they are too high.")
    return " ".join(said)


def chart(found: Calibration, *, title: str, width: int, styled: bool = False) -> str:
    """The reliability curve with the bins' intervals."""
    return reliability_curve(
        [(b.predicted, b.observed, b.rows) for b in found.bins],
        title=title,
        intervals=[b.interval for b in found.bins],
        width=width,
        styled=styled,
    )


def _estimate(value: Estimate | None) -> tuple[str, str]:
    if value is None:
        return "no figure", "classes are told apart without error"
    return number(value.value, digits=3), md(span(value.interval))
