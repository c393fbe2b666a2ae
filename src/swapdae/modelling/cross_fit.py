"""Cross-fitting: every train row is predicted once, by a model that has not seen it."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.class_weight import compute_class_weight

from swapdae.base.device import DeviceName
from swapdae.competition.config import Task
from swapdae.competition.fold_rows import Folds
from swapdae.competition.metrics import Loss, Metric
from swapdae.competition.stop_rows import draw, split
from swapdae.encoding.one_hot import one_hot
from swapdae.modelling.decision import decided
from swapdae.modelling.features import FeatureSet, FloatArray, FoldFeatures, Native, RowNumbers
from swapdae.modelling.moments import FoldMoments, Solution

Array = NDArray[Any]
TO_LOG: dict[str, Callable[[Array], Array]] = {"poisson": np.log1p, "gamma": np.log}  # ridge fits these instead
ClassWeight = Mapping[int, float] | Literal["balanced"] | None


@dataclass(frozen=True, eq=False)
class FoldView:
    """What a head may see of one fold. It holds targets of the train rows only.

    train, held_out, test: row numbers into the features. y: (len(train),), targets of `train`, class
    numbers for classes, on the scale that heads fit. loss: what the metric has heads minimize; level: the quantile of
    the loss "quantile". native, dense: the fold's features of all rows.
    ridge: a penalty, or None for the one that FoldMoments.search finds -> ridge fitted with it on all the fold's train
    rows, even where `train` is a sample of them: moments of a sample would cost more, not less. groups, times:
    (len(train),) or None, and gap: of `train`, see Folds. weights: (len(train),) of the rows, None where all count
    alike.
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
    ridge: Callable[[float | None], Solution]
    groups: Array | None = None
    times: Array | None = None
    gap: float = 0.0
    level: float = 0.5
    weights: Array | None = None

    def weights_at(self, part: Array) -> Array | None:
        """Of these positions within `train`."""
        return None if self.weights is None else self.weights[part]

    @cached_property
    def split(self) -> tuple[Array, Array]:
        """Positions within `train` to fit on (90%) and to stop early by (10%), see stop_rows."""
        rng = np.random.default_rng([self.seed, self.fold])
        return split(self.y, self.task != "regression", rng, groups=self.groups, times=self.times, gap=self.gap)


class Predictor(Protocol):
    """A fitted model."""

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> Array:
        """Of rows of any features that are made as the fold's own were, whose FoldView gives them. (n,) for regression
        and binary (probability of class 1), (n, n_classes) for multiclass."""


class Model(Predictor, Protocol):
    """A head's model of one fold."""

    def fit(self, view: FoldView) -> None:
        """Fits on view.train."""


@runtime_checkable
class Saved(Protocol):
    """What a model offers that is to be kept, beside its kind's `load`."""

    def save(self, folder: Path) -> None:
        """Writes what prediction needs into an empty folder; nothing is pickled."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One feature set to be modelled. y: (n_train,), as many rows as `folds` has, of which each trains and predicts.

    weights: (n_train,), which the metric counts too. class_weight: what heads weigh classes by, besides: by number, or
    "balanced", which gives all classes of a training part one weight.
    """

    features: FeatureSet
    y: Array
    folds: Folds
    n_test: int
    task: Task
    n_classes: int  # 0 for regression
    metric: Metric
    seed: int
    device: DeviceName = "auto"  # of heads that use one
    weights: Array | None = None
    class_weight: ClassWeight = None

    def __post_init__(self) -> None:
        if self.y.shape != (len(self.folds),):
            raise ValueError(f"y {self.y.shape} and folds of {len(self.folds)} rows do not fit")
        if not (self.folds.training.any(axis=1) & self.folds.held_out.any(axis=1)).all():
            raise ValueError("folds must each have rows to train on and to hold out")
        if self.task not in self.metric.tasks:
            raise ValueError(f"metric '{self.metric.name}' does not fit task '{self.task}'")

    @property
    def n_folds(self) -> int:
        return self.folds.n_folds

    @cached_property
    def fitted_y(self) -> Array:
        """(n_train,) targets on the scale that heads fit."""
        return self.metric.to_fit(self.y)

    @cached_property
    def moments(self) -> FoldMoments:
        """Ridge moments of all folds. Classes become 0/1 targets, those of a deviance logarithms."""
        to_log = TO_LOG.get(self.metric.loss_of(self.task), np.asarray)
        targets = one_hot(self.y, self.n_classes) if self.task == "multiclass" else to_log(self.fitted_y)
        shared = self.features.shared and self.class_weight != "balanced"
        return FoldMoments(self.features.dense, targets, self.folds, shared, self.row_weights)

    def ridge(self, fold: int, alpha: float | None) -> Solution:
        """See FoldView."""
        return self.moments.search(fold) if alpha is None else self.moments.solve(fold, alpha)

    def row_weights(self, fold: int) -> Array | None:
        """(n_train,) what heads weigh rows by in this fold; None where all count alike. Balance is that of its training
        part."""
        if self.class_weight is None:
            return self.weights
        of_class = np.ones(self.n_classes)
        if self.class_weight == "balanced":
            y = self.y[self.folds.train(fold)]
            classes = np.unique(y)
            of_class[classes] = compute_class_weight("balanced", classes=classes, y=y)
        else:
            of_class[list(self.class_weight)] = list(self.class_weight.values())
        weights: Array = of_class[self.y] * (1.0 if self.weights is None else self.weights)
        return weights

    def view(self, fold: int, tune_rows: int | None = None) -> FoldView:
        """The view of one fold; with `tune_rows`, on a sample of so many train rows, always the same one."""
        train, folds = self.folds.train(fold), self.folds
        if tune_rows is not None and tune_rows < len(train):
            rng = np.random.default_rng([self.seed, fold, tune_rows])
            train = train[draw(tune_rows, self.y[train], self.task != "regression", rng)]
        weights = self.row_weights(fold)
        return FoldView(
            fold=fold,
            train=train,
            held_out=folds.out(fold),
            test=np.arange(len(self.y), len(self.y) + self.n_test),
            y=self.fitted_y[train],
            task=self.task,
            n_classes=self.n_classes,
            loss=self.metric.loss_of(self.task),
            level=self.metric.level,
            seed=self.seed,
            device=self.device,
            native=partial(self.features.native, fold),
            dense=partial(self.features.dense, fold),
            ridge=partial(self.ridge, fold),
            groups=None if folds.groups is None else folds.groups[train],
            times=None if folds.times is None else folds.times[train],
            gap=folds.gap,
            weights=None if weights is None else weights[train],
        )


@dataclass(frozen=True, eq=False)
class CrossFit:
    """oof: (n_train,) or (n_train, n_classes), the mean over repeats; NaN in rows that no fold holds out. test: mean
    over the models of Folds.of_test; None if not asked for.

    score: the metric's score of all rows predicted, of labels decided fold by fold if the metric wants labels.
    fold_scores: each fold's, NaN where a fold lacks a class.
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
    keep: Callable[[int, Model], None] = lambda fit, model: None,
) -> CrossFit:
    """Fits a fresh model make(fold) per fold, each predicting the fold's held-out rows; those of Folds.of_test predict
    all test rows.

    on_fold: called with the fold and its score after each, of the plainest labels if the metric wants labels; may raise
    to stop. name: the head's, for messages. keep: called with each fit that predicts test rows, and its model.
    Raises FloatingPointError on a prediction that is not finite, ValueError on one of the wrong shape.
    """
    width = (problem.n_classes,) if problem.task == "multiclass" else ()
    oof = np.where(problem.folds.predicted.reshape(-1, *(1 for _ in width)), np.zeros(width), np.nan)
    test = np.zeros((problem.n_test, *width)) if with_test else None
    scores: list[float] = []
    tested = problem.folds.of_test if with_test and problem.n_test else range(0)
    for fold in range(max(problem.n_folds, tested.stop)):
        view, model = problem.view(fold, tune_rows), make(fold)
        model.fit(view)
        where = f"head '{name or type(model).__name__}', fold {fold}"
        if fold < problem.n_folds:
            held_out = problem.metric.from_fit(model.predict(view, view.held_out))
            prediction = _checked(held_out, (len(view.held_out), *width), where)
            oof[view.held_out] += prediction / problem.folds.repeats
            weights = None if problem.weights is None else problem.weights[view.held_out]
            scores.append(_fold_score(problem.metric, problem.y[view.held_out], prediction, weights))
        if test is not None and fold in tested:
            of_test = problem.metric.from_fit(model.predict(view, view.test))
            test += _checked(of_test, test.shape, where) / len(tested)
            keep(fold, model)
        if on_fold is not None and fold < problem.n_folds:
            on_fold(fold, scores[-1])
    metric, labels, predicted = problem.metric, problem.folds.labels, problem.folds.predicted
    judged = decided(metric, problem.y, oof, labels, problem.weights)
    if metric.wants == "labels":
        scores = _fold_scores(metric, problem.y, judged, labels, problem.weights)
    of = None if problem.weights is None else problem.weights[predicted]
    return CrossFit(oof, test, tuple(scores), metric.score(problem.y[predicted], judged[predicted], of))


def _checked(prediction: Array, shape: tuple[int, ...], where: str) -> Array:
    if prediction.shape != shape:
        raise ValueError(f"{where}: predictions are {prediction.shape}, not {shape}")
    if bad := int(np.sum(~np.isfinite(prediction))):
        raise FloatingPointError(f"{where}: {bad} of {prediction.size} predictions are not finite numbers")
    return prediction


def fold_values(metric: Metric, y: Array, prediction: Array, folds: Array, weights: Array | None = None) -> Array:
    """(n_folds,) the metric of each fold's rows, in the order of fold numbers; NaN where a fold lacks a class.

    folds: (n,) of which -1 is none. weights: (n,). Where the metric wants labels, they are decided by the other folds'
    rows.
    """
    scores = _fold_scores(metric, y, decided(metric, y, prediction, folds, weights), folds, weights)
    return np.array([metric.value_of(score) for score in scores])


def _fold_scores(metric: Metric, y: Array, judged: Array, folds: Array, weights: Array | None) -> list[float]:
    held_out = [folds == fold for fold in np.unique(folds[folds >= 0])]
    of = [None if weights is None else weights[rows] for rows in held_out]
    return [_fold_score(metric, y[rows], judged[rows], w) for rows, w in zip(held_out, of, strict=True)]


def _fold_score(metric: Metric, y: Array, prediction: Array, weights: Array | None = None) -> float:
    """The metric's score of a fold's rows. AUC needs every class, and a small fold may lack one: then NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        try:
            return metric.score(y, prediction, weights)
        except ValueError:
            return float("nan")
