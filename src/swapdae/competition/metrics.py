"""Competition metrics. `score` is always higher-is-better; no direction flag travels further.

A new metric is a line in METRICS: it names the loss that heads minimize for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

Array = NDArray[Any]
Loss = Literal["squared", "absolute", "log"]
LOSSES: dict[str, tuple[Loss, ...]] = {  # that heads can minimize, by task
    "regression": ("squared", "absolute"),
    "binary": ("log",),
    "multiclass": ("log",),
}


@dataclass(frozen=True)
class Metric:
    """A competition's metric, and the loss that heads minimize for it.

    tasks: those it judges. function: (y, prediction) -> the figure that the competition prints. Predictions are (n,)
    for regression and binary (probability of the higher label) and (n, n_classes) probabilities for multiclass, y
    holding class numbers. takes_labels: whether it judges the likeliest class alone, so that a submission names that
    class where it would else hold one probability. Raises ValueError for an unknown task, and for a loss that no head
    minimizes for one of the tasks.
    """

    name: str
    greater_is_better: bool
    tasks: frozenset[str]
    loss: Loss
    function: Callable[..., float]
    takes_labels: bool = False

    def __post_init__(self) -> None:
        for task in sorted(self.tasks):
            if task not in LOSSES:
                raise ValueError(f"metric '{self.name}': task '{task}' is unknown; known are {', '.join(LOSSES)}")
            if self.loss not in LOSSES[task]:
                known = ", ".join(LOSSES[task])
                raise ValueError(f"metric '{self.name}': loss '{self.loss}' does not fit {task}, which takes {known}")

    def value(self, y: Array, prediction: Array, weights: Array | None = None) -> float:
        """The figure that the competition prints. weights: (n,), a row of weight 2 counts as two."""
        return float(self.function(y, prediction, **({} if weights is None else {"sample_weight": weights})))

    def score(self, y: Array, prediction: Array, weights: Array | None = None) -> float:
        """The metric turned so that higher is better."""
        return self.value_of(self.value(y, prediction, weights))

    def value_of(self, score: float) -> float:
        """The metric's value from its score, and back: the one place where the sign turns."""
        return score if self.greater_is_better else -score


def _probabilities(prediction: Array) -> Array:
    """Columns for both classes where only the higher label's probability is given; kept off 0 and 1."""
    p = np.clip(np.asarray(prediction, dtype=np.float64), 1e-7, 1 - 1e-7)
    if p.ndim == 1:
        return np.column_stack([1 - p, p])
    normalised: Array = p / p.sum(axis=1, keepdims=True)
    return normalised


def _auc(y: Array, prediction: Array, sample_weight: Array | None = None) -> float:
    if prediction.ndim == 1:
        return float(sk.roc_auc_score(y, prediction, sample_weight=sample_weight))
    labels = np.arange(prediction.shape[1])
    return float(
        sk.roc_auc_score(y, _probabilities(prediction), multi_class="ovr", labels=labels, sample_weight=sample_weight)
    )


def _logloss(y: Array, prediction: Array, sample_weight: Array | None = None) -> float:
    p = _probabilities(prediction)
    return float(sk.log_loss(y, p, labels=np.arange(p.shape[1]), sample_weight=sample_weight))


def _accuracy(y: Array, prediction: Array, sample_weight: Array | None = None) -> float:
    return float(np.average(y == _probabilities(prediction).argmax(axis=1), weights=sample_weight))


_REGRESSION = frozenset({"regression"})
_CLASSES = frozenset({"binary", "multiclass"})

METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("rmse", False, _REGRESSION, "squared", sk.root_mean_squared_error),
        Metric("mae", False, _REGRESSION, "absolute", sk.mean_absolute_error),
        Metric("auc", True, _CLASSES, "log", _auc),
        Metric("logloss", False, _CLASSES, "log", _logloss),
        Metric("accuracy", True, _CLASSES, "log", _accuracy, takes_labels=True),
    )
}
