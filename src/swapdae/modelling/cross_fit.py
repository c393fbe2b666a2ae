"""Cross-fitting: every train row is predicted once, by a model that has not seen it."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from swapdae.base.device import DeviceName
from swapdae.competition.config import Task
from swapdae.competition.metrics import Loss, Metric
from swapdae.encoding.one_hot import one_hot
from swapdae.modelling.decision import decided
from swapdae.modelling.features import FeatureSet, FloatArray, Native, Pretrained, RowNumbers
from swapdae.modelling.moments import FoldMoments, Solution

Array = NDArray[Any]
TO_LOG: dict[str, Callable[[Array], Array]] = {"poisson": np.log1p, "gamma": np.log}  # ridge fits these instead
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
    numbers for classes, on the scale that heads fit. loss: what the metric has heads minimize; level: the quantile of
    the loss "quantile". native, dense: the fold's features of all rows.
    ridge: alphas -> ridge fitted on all the fold's train rows, even where `train` is a sample of them: moments
    of a sample would cost more, not less. pretrained: the autoencoder whose features these are; None where they are
    not one's alone.
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
    level: float = 0.5

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
    pretrained: a fold's autoencoder, see FoldView.
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
    def fitted_y(self) -> Array:
        """(n_train,) targets on the scale that heads fit."""
        return self.metric.to_fit(self.y)

    @cached_property
    def moments(self) -> FoldMoments:
        """Ridge moments of all folds, shared by all ridge trials. Classes become 0/1 targets, those of a deviance
        logarithms."""
        to_log = TO_LOG.get(self.metric.loss_of(self.task), np.asarray)
        targets = one_hot(self.y, self.n_classes) if self.task == "multiclass" else to_log(self.fitted_y)
        return FoldMoments(self.features.dense, targets, self.folds, self.features.shared, n_penalties=self.n_penalties)

    def view(self, fold: int, tune_rows: int | None = None) -> FoldView:
        """The view of one fold; with `tune_rows`, on a sample of so many train rows, always the same one."""
        train, held_out = np.flatnonzero(self.folds != fold), np.flatnonzero(self.folds == fold)
        if tune_rows is not None and tune_rows < len(train):
            rng = np.random.default_rng([self.seed, fold, tune_rows])
            train = train[_draw(tune_rows, self.y[train], self.task != "regression", rng)]
        return FoldView(
            fold=fold,
            train=train,
            held_out=held_out,
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
            ridge=lambda alphas: self.moments.solve(fold, alphas),
            pretrained=None if self.pretrained is None else partial(self.pretrained, fold),
        )


@dataclass(frozen=True, eq=False)
class CrossFit:
    """oof: (n_train,) or (n_train, n_classes). test: mean over the folds' models; None if not asked for.

    score: the metric's score of the whole `oof`, of labels decided fold by fold if the metric wants labels.
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
) -> CrossFit:
    """Fits a fresh model make(fold) per fold, each predicting the fold's held-out rows and all test rows.

    on_fold: called with the fold and its score after each, of the plainest labels if the metric wants labels; may raise
    to stop. name: the head's, for messages.
    Raises FloatingPointError on a prediction that is not finite, ValueError on one of the wrong shape.
    """
    width = (problem.n_classes,) if problem.task == "multiclass" else ()
    oof = np.full((len(problem.y), *width), np.nan)
    test = np.zeros((problem.n_test, *width)) if with_test else None
    for fold in range(problem.n_folds):
        view, model = problem.view(fold, tune_rows), make(fold)
        model.fit(view)
        where = f"head '{name or type(model).__name__}', fold {fold}"
        held_out = problem.metric.from_fit(model.predict(view.held_out))
        oof[view.held_out] = _checked(held_out, (len(view.held_out), *width), where)
        if test is not None and problem.n_test:
            test += _checked(problem.metric.from_fit(model.predict(view.test)), test.shape, where) / problem.n_folds
        if on_fold is not None:
            on_fold(fold, _fold_score(problem.metric, problem.y[view.held_out], oof[view.held_out]))
    judged = decided(problem.metric, problem.y, oof, problem.folds)
    scores = _fold_scores(problem.metric, problem.y, judged, problem.folds)
    return CrossFit(oof, test, scores, problem.metric.score(problem.y, judged))


def _checked(prediction: Array, shape: tuple[int, ...], where: str) -> Array:
    if prediction.shape != shape:
        raise ValueError(f"{where}: predictions are {prediction.shape}, not {shape}")
    if bad := int(np.sum(~np.isfinite(prediction))):
        raise FloatingPointError(f"{where}: {bad} of {prediction.size} predictions are not finite numbers")
    return prediction


def fold_values(metric: Metric, y: Array, prediction: Array, folds: Array) -> Array:
    """(n_folds,) the metric of each fold's rows, in the order of fold numbers; NaN where a fold lacks a class.

    Where the metric wants labels, they are decided by the other folds' rows.
    """
    scores = _fold_scores(metric, y, decided(metric, y, prediction, folds), folds)
    return np.array([metric.value_of(score) for score in scores])


def _fold_scores(metric: Metric, y: Array, judged: Array, folds: Array) -> tuple[float, ...]:
    held_out = [folds == fold for fold in np.unique(folds)]
    return tuple(_fold_score(metric, y[rows], judged[rows]) for rows in held_out)


def _fold_score(metric: Metric, y: Array, prediction: Array) -> float:
    """The metric's score of a fold's rows. AUC needs every class, and a small fold may lack one: then NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        try:
            return metric.score(y, prediction)
        except ValueError:
            return float("nan")
