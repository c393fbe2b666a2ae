"""Cross-fitting: every train row is predicted once, by a model that has not seen it."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.class_weight import compute_class_weight

from swapdae.base.device import DeviceName
from swapdae.competition.config import Task
from swapdae.competition.metrics import Loss, Metric
from swapdae.encoding.one_hot import one_hot
from swapdae.modelling.features import FeatureSet, FloatArray, Native, Pretrained, RowNumbers
from swapdae.modelling.moments import FoldMoments, Solution

Array = NDArray[Any]
ClassWeight = Mapping[int, float] | Literal["balanced"] | None
STOP_SHARE = 0.1  # of a fold's train rows, kept from fitting to tell when to stop


def _draw(n_draw: int, y: Array, classes: bool, rng: np.random.Generator) -> Array:
    """Sorted random positions, `n_draw` of len(y), spread evenly over the classes if there are any."""
    order = rng.permutation(len(y))
    if classes:
        order = order[np.argsort(y[order], kind="stable")]
    return np.sort(order[np.arange(n_draw) * len(y) // n_draw])


@dataclass(frozen=True, eq=False)
class FoldView:
    """What a head may see of one fold. It holds targets of the train rows only.

    train, held_out, test: row numbers into the features. y: (len(train),), targets of `train`, class
    numbers for classes. loss: what the metric has heads minimize. native, dense: the fold's features of all rows.
    ridge: alphas -> ridge fitted on all the fold's train rows, even where `train` is a sample of them: moments
    of a sample would cost more, not less. pretrained: the autoencoder whose features these are; None where they are
    not one's alone. weights: (len(train),) of the rows, None where all count alike.
    """

    fold: int
    train: RowNumbers
    held_out: RowNumbers
    test: RowNumbers
    y: Array
    task: Task
    n_classes: int
    loss: Loss
    seed: int
    device: DeviceName
    native: Callable[[], Native]
    dense: Callable[[], tuple[FloatArray, ...]]
    ridge: Callable[[Sequence[float]], Solution]
    pretrained: Callable[[], Pretrained] | None = None
    weights: Array | None = None

    def weights_at(self, part: Array) -> Array | None:
        """Of these positions within `train`."""
        return None if self.weights is None else self.weights[part]

    @cached_property
    def split(self) -> tuple[Array, Array]:
        """Positions within `train` to fit on (90%) and to stop early by (10%), classes spread evenly.

        A class of one row is fitted on. Each part has a row, even if it must be the same one.
        """
        classes = self.task != "regression"
        rng = np.random.default_rng([self.seed, self.fold])
        stop = _draw(max(1, round(STOP_SHARE * len(self.y))), self.y, classes, rng)
        if classes:
            _, number, counts = np.unique(self.y, return_inverse=True, return_counts=True)
            stop = stop[counts[number[stop]] > 1]
        fit = np.setdiff1d(np.arange(len(self.y)), stop)
        return (fit if len(fit) else stop), (stop if len(stop) else fit[:1])


class Model(Protocol):
    """A head's model of one fold."""

    def fit(self, view: FoldView) -> None:
        """Fits on view.train."""

    def predict(self, rows: RowNumbers) -> Array:
        """(n,) for regression and binary (probability of class 1), (n, n_classes) for multiclass."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One feature set to be modelled. y, folds: (n_train,); folds are numbered from 0 and none is empty.

    n_penalties: how many ridge will be asked for on the same features, more than one in tuning.
    pretrained: a fold's autoencoder, see FoldView. weights: (n_train,), which the metric counts too. class_weight: what
    heads weigh classes by, besides: by number, or "balanced", which gives all classes of a training part one weight.
    """

    features: FeatureSet
    y: Array
    folds: Array
    n_test: int
    task: Task
    n_classes: int  # 0 for regression
    metric: Metric
    seed: int
    n_penalties: int = 1
    device: DeviceName = "auto"  # of heads that use one
    pretrained: Callable[[int], Pretrained] | None = None
    weights: Array | None = None
    class_weight: ClassWeight = None

    def __post_init__(self) -> None:
        if self.y.shape != self.folds.shape or self.y.ndim != 1:
            raise ValueError(f"y {self.y.shape} and folds {self.folds.shape} must both be (n_train,)")
        if self.n_folds < 2 or not np.array_equal(np.unique(self.folds), np.arange(self.n_folds)):
            raise ValueError("folds must be numbered from 0, without gaps, and be two at least")
        if self.task not in self.metric.tasks:
            raise ValueError(f"metric '{self.metric.name}' does not fit task '{self.task}'")

    @property
    def n_folds(self) -> int:
        return int(self.folds.max()) + 1

    @cached_property
    def _moments(self) -> dict[int, FoldMoments]:
        return {}

    def moments(self, fold: int) -> FoldMoments:
        """Ridge moments, shared by all ridge trials, and by all folds where rows weigh alike in all. Classes become 0/1
        targets."""
        by_fold = self.class_weight == "balanced"
        if (key := fold if by_fold else 0) not in self._moments:
            many, shared = self.task == "multiclass", self.features.shared and not by_fold
            targets = one_hot(self.y, self.n_classes) if many else self.y
            self._moments[key] = FoldMoments(
                self.features.dense, targets, self.folds, shared, self.row_weights(fold), self.n_penalties
            )
        return self._moments[key]

    def row_weights(self, fold: int) -> Array | None:
        """(n_train,) what heads weigh rows by in this fold; None where all count alike. Balance is that of its training
        part."""
        if self.class_weight is None:
            return self.weights
        of_class = np.ones(self.n_classes)
        if self.class_weight == "balanced":
            y = self.y[self.folds != fold]
            classes = np.unique(y)
            of_class[classes] = compute_class_weight("balanced", classes=classes, y=y)
        else:
            of_class[list(self.class_weight)] = list(self.class_weight.values())
        weights: Array = of_class[self.y] * (1.0 if self.weights is None else self.weights)
        return weights

    def view(self, fold: int, tune_rows: int | None = None) -> FoldView:
        """The view of one fold; with `tune_rows`, on a sample of so many train rows, always the same one."""
        train, held_out = np.flatnonzero(self.folds != fold), np.flatnonzero(self.folds == fold)
        if tune_rows is not None and tune_rows < len(train):
            rng = np.random.default_rng([self.seed, fold, tune_rows])
            train = train[_draw(tune_rows, self.y[train], self.task != "regression", rng)]
        weights = self.row_weights(fold)
        return FoldView(
            fold=fold,
            train=train,
            held_out=held_out,
            test=np.arange(len(self.y), len(self.y) + self.n_test),
            y=self.y[train],
            task=self.task,
            n_classes=self.n_classes,
            loss=self.metric.loss,
            seed=self.seed,
            device=self.device,
            native=partial(self.features.native, fold),
            dense=partial(self.features.dense, fold),
            ridge=lambda alphas: self.moments(fold).solve(fold, alphas),
            pretrained=None if self.pretrained is None else partial(self.pretrained, fold),
            weights=None if weights is None else weights[train],
        )


@dataclass(frozen=True, eq=False)
class CrossFit:
    """oof: (n_train,) or (n_train, n_classes). test: mean over the folds' models; None if not asked for.

    score: the metric's score of the whole `oof`. fold_scores: each fold's, NaN where a fold lacks a class.
    """

    oof: Array
    test: Array | None
    fold_scores: tuple[float, ...]
    score: float


def cross_fit(
    problem: Problem,
    make: Callable[[int], Model],
    on_fold: Callable[[int, float], None] | None = None,
    *,
    name: str = "",
    with_test: bool = True,
    tune_rows: int | None = None,
) -> CrossFit:
    """Fits a fresh model make(fold) per fold, each predicting the fold's held-out rows and all test rows.

    on_fold: called with the fold and its score after each; may raise to stop. name: the head's, for messages.
    Raises FloatingPointError on a prediction that is not finite, ValueError on one of the wrong shape.
    """
    width = (problem.n_classes,) if problem.task == "multiclass" else ()
    oof = np.full((len(problem.y), *width), np.nan)
    test = np.zeros((problem.n_test, *width)) if with_test else None
    scores: list[float] = []
    for fold in range(problem.n_folds):
        view, model = problem.view(fold, tune_rows), make(fold)
        model.fit(view)
        where = f"head '{name or type(model).__name__}', fold {fold}"
        oof[view.held_out] = _checked(model.predict(view.held_out), (len(view.held_out), *width), where)
        if test is not None and problem.n_test:
            test += _checked(model.predict(view.test), test.shape, where) / problem.n_folds
        weights = None if problem.weights is None else problem.weights[view.held_out]
        scores.append(_fold_score(problem.metric, problem.y[view.held_out], oof[view.held_out], weights))
        if on_fold is not None:
            on_fold(fold, scores[-1])
    return CrossFit(oof, test, tuple(scores), problem.metric.score(problem.y, oof, problem.weights))


def _checked(prediction: Array, shape: tuple[int, ...], where: str) -> Array:
    if prediction.shape != shape:
        raise ValueError(f"{where}: predictions are {prediction.shape}, not {shape}")
    if bad := int(np.sum(~np.isfinite(prediction))):
        raise FloatingPointError(f"{where}: {bad} of {prediction.size} predictions are not finite numbers")
    return prediction


def fold_values(metric: Metric, y: Array, prediction: Array, folds: Array, weights: Array | None = None) -> Array:
    """(n_folds,) the metric of each fold's rows, in the order of fold numbers; NaN where a fold lacks a class."""
    held_out = [folds == fold for fold in np.unique(folds)]
    of = [None if weights is None else weights[rows] for rows in held_out]
    scores = [_fold_score(metric, y[rows], prediction[rows], w) for rows, w in zip(held_out, of, strict=True)]
    return np.array([metric.value_of(score) for score in scores])


def _fold_score(metric: Metric, y: Array, prediction: Array, weights: Array | None = None) -> float:
    """The metric's score of a fold's rows. AUC needs every class, and a small fold may lack one: then NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        try:
            return metric.score(y, prediction, weights)
        except ValueError:
            return float("nan")
