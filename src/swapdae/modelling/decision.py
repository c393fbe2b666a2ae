"""Labels from predictions: the threshold or the cut points that serve a metric of labels best.

A decision sees targets, so it is fitted on out-of-fold predictions, and what is scored is decided fold by fold: the
labels of a fold by the decision of the other folds' rows.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from swapdae.competition.metric import Metric

Array = NDArray[Any]
LEVELS = np.linspace(0, 1, 51)  # of each class's predictions, which are tried as thresholds
MOST_GRADES = 20  # whose cut points are searched; between more of them, numbers are rounded
STEP = 0.2  # of the search for cut points at first, in standard deviations of the predictions


@dataclass(frozen=True)
class Decision:
    """kind: "none" leaves predictions as they are; "likeliest" takes the likeliest class; "threshold" takes the higher
    label above values[0]; "cuts" counts the values below a number, or below the mean grade of a row's classes, and adds
    that to the lowest grade."""

    kind: Literal["none", "likeliest", "threshold", "cuts"]
    values: tuple[float, ...] = ()
    lowest: int = 0

    def decide(self, prediction: Array) -> Array:
        """(n,) class numbers, or whole numbers for regression; the predictions themselves for "none"."""
        if self.kind == "none":
            return prediction
        if self.kind == "likeliest":
            return np.asarray(prediction.argmax(axis=1))
        if self.kind == "threshold":
            return (prediction > self.values[0]).astype(np.int64)
        return self.lowest + np.searchsorted(np.array(self.values), _grade(prediction), side="left")


def fit_decision(metric: Metric, y: Array, prediction: Array, weights: Array | None = None) -> Decision:
    """The decision that scores best on these rows. y: float in regression, class numbers else. weights: (n,)."""
    if not metric.takes_labels:
        return Decision("none")
    if y.dtype.kind == "f" or (metric.ordinal and prediction.ndim == 2):
        return _cuts(metric, y, prediction, weights)
    if prediction.ndim == 2:
        return Decision("likeliest")
    return _threshold(metric, y, prediction, weights)


def decided(metric: Metric, y: Array, prediction: Array, folds: Array, weights: Array | None = None) -> Array:
    """Each fold's rows decided by the decision of the other folds' rows; predictions as they are where none is due.

    folds: (n,) fold numbers; rows of -1 are in no fold, decide nothing and become 0.
    """
    if not metric.takes_labels:
        return prediction
    labels = np.zeros(len(y), dtype=np.int64)
    for fold in np.unique(folds[folds >= 0]):
        mine, others = folds == fold, (folds >= 0) & (folds != fold)
        of_others = None if weights is None else weights[others]
        labels[mine] = fit_decision(metric, y[others], prediction[others], of_others).decide(prediction[mine])
    return labels


def _threshold(metric: Metric, y: Array, prediction: Array, weights: Array | None) -> Decision:
    """The best of 0.5 and of quantiles of each class's predictions, so that a rare class has its share of them."""
    by_class = [np.quantile(prediction[y == label], LEVELS) for label in np.unique(y)]
    tried = np.unique(np.concatenate([[0.5], *by_class])).tolist()
    score = {t: _score(metric, y, (prediction > t).astype(np.int64), weights) for t in tried}
    return Decision("threshold", (max(tried, key=lambda t: (score[t], -abs(t - 0.5))),))


def _cuts(metric: Metric, y: Array, prediction: Array, weights: Array | None) -> Decision:
    """Nelder and Mead's search from halves, or from cuts that give each grade its share, whichever scores better."""
    many = prediction.ndim == 2
    lowest, highest = (0, prediction.shape[1] - 1) if many else (int(y.min()), int(y.max()))
    grade, halves = _grade(prediction), np.arange(lowest, highest) + 0.5

    def decision(cuts: Array) -> Decision:
        return Decision("cuts", tuple(np.sort(cuts).tolist()), lowest)

    def loss(cuts: Array) -> float:
        return -_score(metric, y, decision(cuts).decide(prediction), weights)

    if len(halves) >= MOST_GRADES or not len(halves):
        return decision(halves)
    shares = np.quantile(grade, [float(np.mean(y < half)) for half in halves])
    start = min(halves, shares, key=loss)
    simplex = np.vstack([start, start + STEP * (grade.std() or 1.0) * np.eye(len(start))])
    return decision(minimize(loss, start, method="Nelder-Mead", options={"initial_simplex": simplex}).x)


def _grade(prediction: Array) -> Array:
    """One number a row: the prediction itself, or the mean class number."""
    grade: Array = prediction @ np.arange(prediction.shape[1]) if prediction.ndim == 2 else prediction
    return grade


def _score(metric: Metric, y: Array, labels: Array, weights: Array | None) -> float:
    """metric.score, from each pair of target and label once, weighted by its rows: a search asks hundreds of times."""
    if not metric.takes_weights:
        return metric.score(y, labels, weights)
    y = y.astype(np.int64)
    low = min(int(y.min()), int(labels.min()))
    width = max(int(y.max()), int(labels.max())) - low + 1
    counts = np.bincount((y - low) * width + (labels - low), weights)
    pairs = np.flatnonzero(counts)
    return metric.score(pairs // width + low, pairs % width + low, counts[pairs].astype(np.float64))
