"""Linear models of free text: runs of words as hashed columns, and a probability whose every word can be told.

A run of one to `longest` words is known by the 31-bit hash of its characters (MurmurHash3, as scikit-learn's
FeatureHasher has it), so a model keeps numbers and no dictionary of words. Among five million distinct runs about
one in 400 shares its number with another. Words to show come from the text that is asked about.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.calibration import Line, platt
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import Answers, CompiledModel, FeatureRows
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._boosted_classifier import Floats, classes, for_binary, log_loss, probability, require
from ds_workflow.strategies._design import Design
from ds_workflow.strategies._tuning import last_rows, study

WORD = r"\w+(?:'\w+)*|[!?]"  # "don't" is one word; marks that carry a mood are words too
FOLDS = 4
LEAST_OF_A_CLASS = 10
_HASHES = 2**31 - 1
_HASHER = FeatureHasher(_HASHES, input_type="string", alternate_sign=False, dtype=np.float32)
_MOST_STEPS = 2_000
_SMALL = 0.05  # about one run's part in a text of some hundred, at length 1: alike in size, the fit settles quickly
Counts: TypeAlias = Any  # a scipy.sparse.csr_array, which comes without types
Words = list[tuple[str, float]]


class Vocabulary(BaseEstimator):  # type: ignore[misc]
    """The runs of words that stand in at least `least_rows` training texts, as sorted hashes (k,)."""

    def __init__(self, longest: int, *, least_rows: int) -> None:
        self.longest = longest
        self.least_rows = least_rows

    def fit(self, texts: Sequence[str]) -> Counts:
        """Learn the runs of `texts` (n) and return how often each stands in each, (n, k)."""
        hashed = self._hashed(self._reader(), texts)
        found, rows = np.unique(hashed.indices, return_counts=True)
        self.hashes_ = found[rows >= self.least_rows].astype(np.int32)
        return self._kept(hashed)

    def counter(self) -> Callable[[Sequence[str]], Counts]:
        """A function from texts (n) to how often each known run stands in each, (n, k)."""
        read = self._reader()
        return lambda texts: self._kept(self._hashed(read, texts))

    def runs(self, text: str) -> dict[int, str]:
        """The known runs of one text, in lower case, by their column."""
        said = list(dict.fromkeys(self._reader()(text)))
        if not said:
            return {}
        place, known = self._place(_HASHER.transform([[run] for run in said]).indices)
        named: dict[int, str] = {}
        for run, column, there in zip(said, place, known, strict=True):
            if there:
                named.setdefault(int(column), run)
        return named

    def _reader(self) -> Callable[[str], list[str]]:
        """A function from a text to its runs of words, in lower case, as often as they stand there."""
        read: Callable[[str], list[str]] = CountVectorizer(
            token_pattern=WORD, ngram_range=(1, self.longest)
        ).build_analyzer()
        return read

    @staticmethod
    def _hashed(read: Callable[[str], list[str]], texts: Sequence[str]) -> Counts:
        return sparse.csr_array(_HASHER.transform(read(text) for text in texts))

    def _place(self, hashes: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The column of every hash, and whether there is one."""
        if not len(self.hashes_):
            return np.zeros(len(hashes), dtype=np.int64), np.zeros(len(hashes), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self.hashes_, hashes), len(self.hashes_) - 1)
        return place, np.asarray(self.hashes_[place] == hashes, dtype=np.bool_)

    def _kept(self, hashed: Counts) -> Counts:
        place, known = self._place(hashed.indices)
        before = np.append(0, np.cumsum(known)).astype(np.int32)
        kept = (hashed.data[known], place[known].astype(np.int32), before[hashed.indptr])
        return sparse.csr_array(kept, shape=(hashed.shape[0], len(self.hashes_)))


class TextClassifier(BaseEstimator):  # type: ignore[misc]
    """Logistic regression with a ridge penalty on weighted runs of words, every text scaled to length 1, and on the
    other features as `Design` gives them; `predict` answers with the probability of class 1.

    A subclass says how a run is weighted. Probabilities are put right by Platt's line through the log odds that models
    of the other three quarters of the rows give to each quarter, so that what was learned by heart does not count; a
    quarter is made of whole clusters where these are known.
    """

    contribution_unit = "log odds"
    importance_kind = "spread of the log-odds contribution"
    defaults: Mapping[str, Any] = {}

    def __init__(
        self,
        features: tuple[str, ...],
        texts: tuple[str, ...],
        *,
        params: Mapping[str, Any] | None = None,
        seed: int = 42,
    ) -> None:
        self.features = features
        self.texts = texts
        self.params = params
        self.seed = seed

    @staticmethod
    def _values(counts: Floats) -> Floats:
        """What a run that stands so often in a text counts before it is weighted."""
        raise NotImplementedError

    @staticmethod
    def _weights(counts: Counts, target: Floats) -> Floats:
        """The weight of every run, (k,), learned from `counts` (n, k) and classes (n,)."""
        raise NotImplementedError

    def fit(self, X: pd.DataFrame, y: Any, clusters: Any = None) -> TextClassifier:
        """Learn from features (n), classes (n,) of 0 and 1, and the clusters of rows that are alike, (n,), if any.

        Raises InvalidInput on other targets, missing columns, unknown hyperparameters, fewer than 50 rows or 10 of the
        rarer class, texts that share no words, and when rows held back are not told apart at all.
        """
        settings = settings_of(type(self), self.params)
        target = classes(y, len(require(X, self.features) and X))
        rarer = int(min(target.sum(), len(target) - target.sum()))
        if rarer < LEAST_OF_A_CLASS:
            raise InvalidInput(f"The rarer class has {rarer} training rows; at least {LEAST_OF_A_CLASS} are wanted.")
        self.vocabularies_ = {
            name: Vocabulary(int(settings["longest"]), least_rows=int(settings["least_rows"])) for name in self.texts
        }
        counts = [self.vocabularies_[name].fit(_texts(X[name])) for name in self.texts]
        if not any(block.nnz for block in counts):
            raise InvalidInput(
                f"No run of words stands in {settings['least_rows']} training texts or more.",
                hint="Give more rows, or a smaller 'least_rows'.",
            )
        self.design_ = Design().fit(X, self._others)
        others = self._beside(X)
        line = self._line(counts, others, target, float(settings["C"]), fold=_folds(target, clusters))
        weights, coefficients, intercept = self._learn(counts, others, target, float(settings["C"]))
        # float32 halves the file, and is finer than what the rows can tell
        self.weights_ = dict(zip(self.texts, (w.astype(np.float32) for w in weights), strict=True))
        ends = np.cumsum([block.shape[1] for block in counts])
        cut = np.split(line.slope * coefficients, ends)
        self.coefficients_ = dict(zip(self.texts, (c.astype(np.float32) for c in cut[:-1]), strict=True))
        self.others_ = cut[-1]
        self.intercept_ = float(line.slope * intercept + line.intercept)
        parts = np.column_stack(list(self._parts(counts, others)))
        self.centre_ = parts.mean(axis=0)
        spread = parts.std(axis=0)
        self.importances_ = spread / spread.sum() if spread.sum() > 0 else spread
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Probabilities of class 1, float64 of shape (n,)."""
        return probability(self._by_feature(X).sum(axis=1) + self.intercept_)

    def compiled(self, names: Sequence[str], *, coverage: float) -> CompiledModel:
        """`predict` for few rows at a time, from features in the order `names`; there are no intervals."""
        check_is_fitted(self, "coefficients_")
        reading = [(names.index(name), name, self.vocabularies_[name].counter()) for name in self.texts]
        addends = self.design_.addends(_SMALL * self.others_)
        plan = [(names.index(name), addends[name]) for name in self._others]

        def answer(rows: FeatureRows) -> Answers:
            odds = np.array([self.intercept_ + sum(add(row[at]) for at, add in plan) for row in rows.values])
            for at, name, count in reading:
                odds = odds + self._valued(name, count([row[at] for row in rows.values])).sum(axis=1)
            return Answers(probability(odds).tolist())

        return answer

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the log odds beside its training mean, (n, p), the words of a text taken together;
        with `expected_value_` they add up to a row's log odds."""
        return pd.DataFrame(self._by_feature(X) - self.centre_, columns=list(self.features), index=X.index)

    def explain_words(self, X: pd.DataFrame, *, top: int = 10) -> list[Words]:
        """Per row the `top` runs of words that move its log odds most, [(run, log odds)], largest first whatever the
        sign. What a run adds that stands in this text only inside a longer one is told with the longer one. All runs
        of a row and `intercept_`, with what the other features add, make its log odds."""
        check_is_fitted(self, "coefficients_")
        found = []
        for row in range(len(X)):
            told: Words = []
            for name in self.texts:
                (text,) = _texts(X[name].iloc[[row]])
                runs = self.vocabularies_[name].runs(text)
                counts = self.vocabularies_[name].counter()([text])
                added = self._valued(name, counts)
                said = [runs[int(column)] for column in counts.indices]
                told += _gathered(
                    dict(zip(said, added.data.tolist(), strict=True)),
                    dict(zip(said, counts.data.tolist(), strict=True)),
                )
            found.append(sorted(told, key=lambda item: (-abs(item[1]), item[0]))[:top])
        return found

    @property
    def expected_value_(self) -> float:
        """The log odds at the training means."""
        return float(self.intercept_ + self.centre_.sum())

    @property
    def feature_names_(self) -> list[str]:
        """Names of the columns that the model sees."""
        return list(self.features)

    @property
    def feature_importances_(self) -> Floats:
        """Spread over training rows of each feature's log-odds contribution, as shares, shape (p,)."""
        return np.asarray(self.importances_, dtype=np.float64)

    @property
    def _others(self) -> tuple[str, ...]:
        return tuple(name for name in self.features if name not in self.texts)

    def _beside(self, X: pd.DataFrame) -> Floats:
        """The columns that are no text, (n, terms), as small as a run is in a text."""
        return _SMALL * self.design_.transform(X)

    def _by_feature(self, X: pd.DataFrame) -> Floats:
        check_is_fitted(self, "coefficients_")
        require(X, self.features)
        counts = [self.vocabularies_[name].counter()(_texts(X[name])) for name in self.texts]
        return np.column_stack(list(self._parts(counts, self._beside(X))))

    def _parts(self, counts: Sequence[Counts], others: Floats) -> Iterator[Floats]:
        """The log odds that each feature adds, (n,) each, in the order of `features`."""
        terms = self.design_.terms
        texts = dict(zip(self.texts, counts, strict=True))
        for name in self.features:
            if name in texts:
                yield np.asarray(self._valued(name, texts[name]).sum(axis=1), dtype=np.float64)
            else:
                mine = [i for i, term in enumerate(terms) if term["feature"] == name]
                yield np.einsum("nk,k->n", others[:, mine], self.others_[mine])

    def _valued(self, name: str, counts: Counts) -> Counts:
        """What each run adds to each row's log odds, (n, k)."""
        scaled = self._scaled(counts, self.weights_[name].astype(np.float64))
        scaled.data *= self.coefficients_[name][scaled.indices]
        return scaled

    def _scaled(self, counts: Counts, weights: Floats) -> Counts:
        """Weighted runs, every text at Euclidean length 1, or at 0 when it has no known run."""
        data = self._values(counts.data.astype(np.float64)) * weights[counts.indices]
        length = np.sqrt(sparse.csr_array((data**2, counts.indices, counts.indptr), shape=counts.shape).sum(axis=1))
        data /= np.repeat(np.where(length > 0, length, 1.0), np.diff(counts.indptr))
        return sparse.csr_array((data, counts.indices, counts.indptr), shape=counts.shape)

    def _learn(
        self, counts: Sequence[Counts], others: Floats, target: Floats, strength: float
    ) -> tuple[list[Floats], Floats, float]:
        """Weights by text, coefficients of all columns and the intercept, not yet calibrated."""
        from sklearn.linear_model import LogisticRegression

        weights = [self._weights(block, target) for block in counts]
        matrix = self._matrix(counts, weights, others)
        # the dual costs one pass over the texts a step, however many runs there are
        fitted = LogisticRegression(
            C=strength, solver="liblinear", dual=True, max_iter=_MOST_STEPS, random_state=self.seed
        )
        fitted.fit(matrix, target)
        if int(fitted.n_iter_[0]) >= _MOST_STEPS:
            raise InvalidInput(f"The logistic regression did not settle within {_MOST_STEPS} steps.")
        return weights, np.asarray(fitted.coef_[0], dtype=np.float64), float(fitted.intercept_[0])

    def _matrix(self, counts: Sequence[Counts], weights: Sequence[Floats], others: Floats) -> Counts:
        blocks = [self._scaled(block, weight) for block, weight in zip(counts, weights, strict=True)]
        return sparse.hstack([*blocks, sparse.csr_array(others)], format="csr")

    def _line(
        self, counts: Sequence[Counts], others: Floats, target: Floats, strength: float, *, fold: NDArray[np.int64]
    ) -> Line:
        """Platt's line through log odds of rows that their model did not see; rows of one `fold` go together."""
        odds = np.empty(len(target))
        for k in range(FOLDS):
            held = fold == k
            weights, coefficients, intercept = self._learn(
                [block[~held] for block in counts], others[~held], target[~held], strength
            )
            matrix = self._matrix([block[held] for block in counts], weights, others[held])
            odds[held] = matrix @ coefficients + intercept
        return platt(odds, target, np.ones(len(target)))


def _folds(target: Floats, clusters: Any) -> NDArray[np.int64]:
    """Which of FOLDS parts each row belongs to, (n,): whole clusters, in the order of their hashed names; rows by class
    where there are no clusters, or so few that a model of the other parts would see one class only."""
    fold = np.empty(len(target), dtype=np.int64)
    for one in (0.0, 1.0):
        rows = np.flatnonzero(target == one)
        fold[rows] = np.arange(len(rows)) % FOLDS
    if clusters is None:
        return fold
    names, place = np.unique(np.asarray(clusters).astype(str), return_inverse=True)
    dealt = np.empty(len(names), dtype=np.int64)
    dealt[np.argsort([zlib.crc32(name.encode()) for name in names], kind="stable")] = np.arange(len(names)) % FOLDS
    by_cluster = dealt[place]
    both = all(0 < target[by_cluster != k].mean() < 1 for k in range(FOLDS)) if len(names) >= FOLDS else False
    return by_cluster if both else fold


def _texts(values: pd.Series[Any]) -> list[str]:
    """The texts, empty where they are missing."""
    found: list[str] = values.astype(object).where(values.notna(), "").astype(str).tolist()
    return found


def _gathered(added: dict[str, float], counts: Mapping[str, float]) -> Words:
    """Each run's value with those of the runs that stand only inside it; of several runs that hold one, the strongest
    takes it. The sum stays the same."""
    words = {run: run.split(" ") for run in added}
    holders: dict[str, str] = {}
    for run, said in words.items():
        for size in range(1, len(said)):
            for at in range(len(said) - size + 1):
                inner = " ".join(said[at : at + size])
                if counts.get(inner) == counts[run]:
                    held = holders.get(inner)
                    if held is None or abs(added[run]) > abs(added[held]):
                        holders[inner] = run
    total = dict(added)
    for run in sorted(holders, key=lambda name: len(words[name])):
        total[holders[run]] += total.pop(run)
    return list(total.items())


def settings_of(kind: type[TextClassifier], params: Mapping[str, Any] | None) -> dict[str, Any]:
    """The defaults with `params` on top. Raises InvalidInput on a name that is not among them."""
    unknown = sorted(set(params or {}) - set(kind.defaults))
    if unknown:
        raise InvalidInput(f"Unknown hyperparameter '{unknown[0]}'; known: {', '.join(kind.defaults)}.")
    return {**kind.defaults, **(params or {})}


def texts_of(problem: Problem, features: tuple[str, ...]) -> tuple[str, ...]:
    """The features that are free text: those named as a column of kind `text`."""
    written = {c.name for c in problem.columns if c.kind == "text"}
    return tuple(name for name in features if name in written)


def build_text(
    kind: type[TextClassifier], name: str, problem: Problem, options: StrategyOptions, features: tuple[str, ...]
) -> TextClassifier:
    """The unfitted estimator. Raises InvalidInput on another task than binary, on features without free text and on a
    router's options, LeakageRefused on a feature cut from the target."""
    if options.router_mode or options.min_segment_rows is not None:
        raise InvalidInput(
            f"--router-mode and --min-segment-rows have no meaning for the strategy '{name}', which has no routes.",
            hint="Leave them out.",
        )
    for_binary(problem, features)
    texts = texts_of(problem, features)
    if not texts:
        raise InvalidInput(
            f"The strategy '{name}' reads free text, and none of {', '.join(features) or 'no features'} is a column of "
            f"kind 'text' of {problem.name}.",
            hint="Choose another strategy, or a feature set with a text.",
        )
    settings_of(kind, options.params)
    return kind(features, texts, params=dict(options.params), seed=options.seed)


def tune_text(
    estimator: TextClassifier, X: pd.DataFrame, y: Any, *, trials: int, seed: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """The settings with the least log loss on the last 15 % of the training rows, starting from the defaults."""
    target, cut = classes(y, len(X)), last_rows(len(X))

    def error(trial: Any) -> float:
        params = {
            "C": trial.suggest_float("C", 0.1, 300.0, log=True),
            "least_rows": trial.suggest_int("least_rows", 2, 10),
            "longest": trial.suggest_int("longest", 1, 3),
        }
        draft = type(estimator)(estimator.features, estimator.texts, params=params, seed=estimator.seed)
        return log_loss(target[cut:], draft.fit(X.iloc[:cut], target[:cut]).predict(X.iloc[cut:]))

    return study(error, first=dict(estimator.defaults), trials=trials, seed=seed, say=say, what="log loss")
