"""A problem is a declaration: what is predicted, from what, for whom, and how good is good.

It checks itself when it is made, so a wrong declaration never reaches a training run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from ds_workflow.domain.costs import Costs
from ds_workflow.domain.forecasting import Series
from ds_workflow.domain.metrics import metric
from ds_workflow.errors import InvalidInput, LeakageRefused, UnknownName

Task = Literal["regression", "binary", "forecast"]
Kind = Literal["number", "integer", "category", "text", "date"]
SplitMethod = Literal["chronological", "given", "hash", "ordered", "stratified", "last_month", "all"]
Availability = Literal["request", "as_of", "learned", "after_outcome"]


@dataclass(frozen=True)
class Column:
    """A column of the cleaned rows, as the data contract and the prediction schema know it.

    `required` says whether a prediction request must carry it. `categories` closes the list of allowed values
    (empty: open); `minimum` and `maximum` bound numbers, `earliest` and `latest` dates (YYYY-MM-DD), all inclusive.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    required: bool = False
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    example: str | float | int | None = None
    earliest: str = ""
    latest: str = ""


@dataclass(frozen=True)
class Feature:
    """What a model may see. `availability`: known at `request`, computed `as_of` the request from earlier records,
    `learned` on training rows only, or known only `after_outcome` (never an input). `trending` ones follow the calendar
    or the market by construction, so that a shift of theirs is expected and said, not alarmed."""

    name: str
    description: str
    availability: Availability
    unit: str = ""
    sources: tuple[str, ...] = ()
    trending: bool = False


@dataclass(frozen=True)
class FeatureSet:
    """A named, immutable list of features; `parent` is the version it grew from."""

    version: str
    features: tuple[str, ...]
    note: str
    parent: str = ""

    @staticmethod
    def grown(entered: Iterable[tuple[str, str]], notes: Mapping[str, str]) -> tuple[FeatureSet, ...]:
        """A set for every version of `notes`, oldest first, each with all features `(name, version)` that entered with
        it or before. Their order in `notes` counts, not that of their names: v10.0 may come after v2.0."""
        order, features = list(notes), list(entered)
        return tuple(
            FeatureSet(
                version, tuple(name for name, e in features if order.index(e) <= i), note, order[i - 1] if i else ""
            )
            for i, (version, note) in enumerate(notes.items())
        )


@dataclass(frozen=True)
class Split:
    """How the holdout is frozen. `chronological`: the last `holdout_share` of the rows in time, cut at a day boundary.
    `given`: as the column `split` says. `hash`: the clusters whose hashed name falls below `holdout_share`, for rows
    without time; a cluster is never on both sides, and a row keeps its side when others come or go. `ordered`: the last
    `holdout_share` of the rows by the numbers in column `by`, for rows that have an order but no dates; equal numbers
    are never on both sides. `stratified`: of the clusters with and of those without a row of class 1, the same
    `holdout_share`, dealt by hashed names; a cluster is never on both sides, but other rows may move it. `last_month`:
    the last calendar month that the rows reach into, whatever its share. `all`: every row, for models that were made
    elsewhere and learn nothing here."""

    method: SplitMethod = "chronological"
    holdout_share: float = 0.2
    by: str = ""

    def __post_init__(self) -> None:
        if self.method not in get_args(SplitMethod):
            raise UnknownName("split method", self.method, get_args(SplitMethod))
        if self.method == "ordered" and not self.by:
            raise InvalidInput("An ordered split needs to know by which column.")

    @property
    def by_time(self) -> bool:
        """Whether the holdout is what came last."""
        return self.method in ("chronological", "ordered", "last_month")


@dataclass(frozen=True)
class Problem:
    """One problem, declared once, used by every command, page and document."""

    name: str
    title: str
    task: Task
    target: str
    target_unit: str
    row_id: str
    time_column: str  # "" where rows have no time
    cluster_column: str
    segment_column: str
    segments: tuple[str, ...]
    columns: tuple[Column, ...]
    features: tuple[Feature, ...]
    feature_sets: tuple[FeatureSet, ...]
    forbidden: Mapping[str, str]  # column -> why it can never be a feature or a routing key
    sensitive: tuple[str, ...]
    metrics: tuple[str, ...]
    primary_metric: str
    strategies: tuple[str, ...]
    source: str
    licence: str
    intended_use: str
    limits: str
    slices: tuple[str, ...] = ()  # further groupings of the report, beside the segment
    fairness_columns: tuple[str, ...] = ()  # groups whose treatment is compared; empty: the sensitive ones
    router_modes: tuple[str, ...] = ()
    offset_feature: str = ""  # an as-of feature that estimates the log target: a booster may start from it
    derived: tuple[str, ...] = ()  # columns that follow from others: the featurizer adds them to a request
    split: Split = field(default_factory=Split)
    weight_column: str = ""  # how many rows of the population a row stands for; "": itself alone
    costs: Costs | None = None  # what decisions cost, where that is known
    series: Series | None = None  # of a forecast: how its rows stand in time

    def __post_init__(self) -> None:
        known = {f.name for f in self.features}
        for fs in self.feature_sets:
            for name in fs.features:
                self.refuse_leak(name)
                if name not in known:
                    raise InvalidInput(f"{self.name}: feature set {fs.version} names '{name}', which isn't declared.")
                if self.feature(name).availability == "after_outcome":
                    raise LeakageRefused(f"{self.name}: '{name}' can't be a feature: it is known after the outcome.")
        if self.offset_feature:
            self.feature(self.offset_feature)
        if not self.time_column and self.split.method in ("chronological", "last_month"):
            raise InvalidInput(
                f"{self.name}: a {self.split.method} split needs a time column; choose 'given' or 'hash'."
            )
        for name in filter(None, (self.split.by, self.weight_column)):
            self.column(name)
        of_two = {
            "a stratified split": self.split.method == "stratified",
            "weights of rows": bool(self.weight_column),
            "costs of decisions": self.costs is not None,
        }
        for what, declared in of_two.items():
            if declared and self.task != "binary":
                raise InvalidInput(f"{self.name}: {what} can be declared for two classes only, not for a {self.task}.")
        self._check_series()
        if self.primary_metric not in self.metrics:
            raise InvalidInput(f"{self.name}: the primary metric '{self.primary_metric}' is not among its metrics.")
        for name in self.metrics:
            metric(name)

    def _check_series(self) -> None:
        if (self.task == "forecast") != (self.series is not None):
            raise InvalidInput(f"{self.name}: a forecast, and nothing else, declares the series that its rows form.")
        if self.series is not None:
            self.column(self.series.column)
            self.feature(self.series.naive_feature)

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns whose groups are treated alike or not: the fairness columns, else the sensitive ones."""
        return self.fairness_columns or self.sensitive

    def split_by(self, method: str) -> Problem:
        """The same problem with its holdout frozen by another method, in the same share; "" changes nothing.

        Raises UnknownName for an unknown method, InvalidInput for one that these rows don't allow."""
        return replace(self, split=replace(self.split, method=method)) if method else self  # type: ignore[arg-type]

    def refuse_leak(self, name: str, *, role: str = "a feature") -> None:
        """Raise LeakageRefused when `name` may never be an input, with the reason."""
        if name == self.target:
            raise LeakageRefused(f"{self.name}: '{name}' can't be {role}: it is the target.")
        if name in self.forbidden:
            raise LeakageRefused(f"{self.name}: '{name}' can't be {role}: {self.forbidden[name]}.")
        if name in self.sensitive:
            raise LeakageRefused(f"{self.name}: '{name}' can't be {role}: it is sensitive, kept for the report only.")

    def feature(self, name: str) -> Feature:
        """The declared feature of that name."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise UnknownName("feature", name, (f.name for f in self.features))

    def feature_set(self, version: str) -> FeatureSet:
        """The declared feature set; UnknownName lists the known ones."""
        for fs in self.feature_sets:
            if fs.version == version:
                return fs
        raise UnknownName("feature-set version", version, (fs.version for fs in self.feature_sets))

    def column(self, name: str) -> Column:
        """The declared column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownName("column", name, (c.name for c in self.columns))

    @property
    def order_column(self) -> str:
        """What rows are put in order by: their time, else the numbers of an ordered split; "" where they have none."""
        return self.time_column or self.split.by

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns a prediction request may carry: all but target, derived, forbidden and sensitive ones."""
        closed = {self.target, self.row_id, *self.derived, *self.forbidden, *self.sensitive}
        return tuple(c for c in self.columns if c.name not in closed)
