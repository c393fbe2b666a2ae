"""What an autoencoder adds, out of fold: changes of the metric with their uncertainty, and the words for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from swapdae.competition.metric import Metric
from swapdae.modelling.cross_fit import fold_values
from swapdae.modelling.decision import decided
from swapdae.modelling.paired import paired_difference

Array = NDArray[Any]
Verdict = Literal["helps", "harms", "nothing", "unknown"]


@dataclass(frozen=True)
class Change:
    """Of the metric's value: the mean of the paired differences over folds and its 95% interval. None where folds are
    too few, for AUC those that hold every class."""

    mean: float | None
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Judge:
    """What out-of-fold predictions, (n,) or (n, n_classes), are judged by.

    y: (n,). folds: (n,), -1 for rows that none predicts. weights: (n,) of rows, None where all count alike.
    """

    metric: Metric
    y: Array
    folds: Array
    weights: Array | None = None

    def value(self, oof: Array) -> float:
        """The metric of all rows predicted, of labels decided fold by fold where it wants labels."""
        rows = self.folds >= 0
        judged = decided(self.metric, self.y, oof, self.folds, self.weights)
        return self.metric.value(self.y[rows], judged[rows], None if self.weights is None else self.weights[rows])

    def change(self, before: Array, after: Array) -> Change:
        """From the predictions `before` to those `after`."""
        values = [fold_values(self.metric, self.y, oof, self.folds, self.weights) for oof in (before, after)]
        mean, low, high = (None if np.isnan(figure) else figure for figure in paired_difference(*values))
        if low is None or high is None:
            return Change(mean, None, None, "unknown")
        least = min(self.metric.value_of(low), self.metric.value_of(high))  # of the gain in score
        most = max(self.metric.value_of(low), self.metric.value_of(high))
        return Change(mean, low, high, "helps" if least > 0 else "harms" if most < 0 else "nothing")


def sentence(metric: Metric, blend: Change | None, ridge: Mapping[str, float], training: Change) -> str:
    """blend: what the heads that read the autoencoder change in it, None where all do. ridge: its metric on the raw
    columns, the untrained and the trained network's features. training: what it changes there."""
    figures = (f"{ridge[name]:.5f} on {what}" for name, what in RIDGE.items())
    better = "higher" if metric.greater_is_better else "lower"
    return (
        f"{_said(metric, 'the autoencoder', 'the blend', blend)} Ridge has {', '.join(figures)}. "
        f"{_said(metric, 'training the network', 'ridge', training)} "
        f"({metric.name} out of fold, {better} is better; in brackets 95% intervals over folds.)"
    )


RIDGE = {"raw": "raw columns", "untrained": "the untrained network's features", "trained": "the trained one's"}


def _said(metric: Metric, who: str, what: str, change: Change | None) -> str:
    start = who[0].upper() + who[1:]
    if change is None:
        return f"Every head reads {who}: what it adds to {what} cannot be told without one on raw columns."
    if change.verdict == "unknown":
        return f"Whether {who} helps {what} cannot be told: fewer than two folds have a {metric.name}."
    does = f"{change.verdict} {what}"
    if change.verdict == "nothing":
        does = f"adds nothing to {what} that can be told from noise"
    return f"{start} {does}: {change.mean:+.5f} {metric.name} ({change.low:+.5f} to {change.high:+.5f})."
