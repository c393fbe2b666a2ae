"""What a metric is. `score` is always higher-is-better; no direction flag travels further."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Loss = Literal["squared", "absolute", "relative", "squared_log", "quantile", "poisson", "gamma", "log"]
Wants = Literal["predictions", "labels", "ranks"]
LOSSES: dict[str, tuple[Loss, ...]] = {  # that heads can minimize, by task
    "regression": ("squared", "absolute", "relative", "squared_log", "quantile", "poisson", "gamma"),
    "binary": ("log",),
    "multiclass": ("log",),
}
LARGEST_LOG = 300.0  # of a prediction of log(1 + y): farther ones overflow


class Refusal(NamedTuple):
    """Targets that a metric cannot judge. bad: y -> which rows, (n,) bool. what: of such a cell, and what to do."""

    bad: Callable[[Array], Array]
    what: str


@dataclass(frozen=True)
class Metric:
    """A competition's metric, and the loss that heads minimize for it.

    tasks: those it judges. loss: where regression is one of several tasks, that of regression; classes then take "log".
    function: (y, prediction[, weights]) -> the figure that the competition prints. y holds class numbers for classes.

    wants: what the function is given. "predictions": (n,) for regression and binary (probability of the higher label),
    (n, n_classes) probabilities for multiclass. "labels": (n,) class numbers, whole numbers for regression; the
    submission then holds labels. "ranks": (n, k) class numbers, the likeliest first.
    ordinal: whether labels are grades, so that cut points on one number decide them, and not the likeliest class.
    level: the quantile of the loss "quantile". refuses: targets that it cannot judge.

    Raises ValueError for an unknown task, and for a loss that no head minimizes for one of the tasks.
    """

    name: str
    greater_is_better: bool
    tasks: frozenset[str]
    loss: Loss
    function: Callable[..., float]
    wants: Wants = "predictions"
    ordinal: bool = False
    level: float = 0.5
    k: int = 1
    refuses: Refusal | None = None

    def __post_init__(self) -> None:
        for task in sorted(self.tasks):
            if task not in LOSSES:
                raise ValueError(f"metric '{self.name}': task '{task}' is unknown; known are {', '.join(LOSSES)}")
            loss = "log" if self._has_regression and task != "regression" else self.loss
            if loss not in LOSSES[task]:
                known = ", ".join(LOSSES[task])
                raise ValueError(f"metric '{self.name}': loss '{self.loss}' does not fit {task}, which takes {known}")

    @property
    def _has_regression(self) -> bool:
        return "regression" in self.tasks

    @property
    def takes_labels(self) -> bool:
        return self.wants == "labels"

    @property
    def takes_weights(self) -> bool:
        parameters = inspect.signature(self.function).parameters.values()
        return sum(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters) > 2

    def value(self, y: Array, prediction: Array, weights: Array | None = None) -> float:
        """The figure that the competition prints. Labels and ranks are read off predictions where it wants those; what
        is int is taken for labels or ranks already.

        weights: (n,), a row of weight 2 counts as two. Raises ValueError where the function takes none.
        """
        if self.takes_labels:
            prediction = labels_of(prediction, whole=y.dtype.kind == "f")
        elif self.wants == "ranks" and prediction.dtype.kind == "f":
            prediction = ranks_of(prediction, self.k)
        if weights is None:
            return float(self.function(y, prediction))
        if not self.takes_weights:
            raise ValueError(f"metric '{self.name}' takes no weights; give its function a third parameter for them")
        return float(self.function(y, prediction, weights))

    def score(self, y: Array, prediction: Array, weights: Array | None = None) -> float:
        """The metric turned so that higher is better."""
        return self.value_of(self.value(y, prediction, weights))

    def value_of(self, score: float) -> float:
        """The metric's value from its score, and back: the one place where the sign turns."""
        return score if self.greater_is_better else -score

    def loss_of(self, task: str) -> Loss:
        """What a head minimizes on targets that are taken `to_fit`."""
        if self._has_regression and task != "regression":
            return "log"
        return "squared" if self.loss == "squared_log" else self.loss

    def to_fit(self, y: Array) -> Array:
        """Targets, or predictions, on the scale that heads fit: log(1 + y) for "squared_log"."""
        scaled: Array = np.log1p(y) if self.loss == "squared_log" else y
        return scaled

    def from_fit(self, prediction: Array) -> Array:
        """Predictions in the target's own units, from those of heads."""
        if self.loss != "squared_log":
            return prediction
        back: Array = np.expm1(np.clip(prediction, 0, LARGEST_LOG))
        return back


def labels_of(prediction: Array, *, whole: bool) -> Array:
    """The plainest labels, (n,): the likeliest class, the class above 0.5; or if `whole`, the nearest whole number.

    What are labels already, int, stays as it is.
    """
    labels: Array
    if prediction.ndim == 2:
        labels = prediction.argmax(axis=1)
    elif prediction.dtype.kind in "iu":
        labels = prediction
    else:
        labels = np.rint(prediction).astype(np.int64) if whole else (prediction > 0.5).astype(np.int64)
    return labels


def ranks_of(prediction: Array, k: int) -> Array:
    """(n, k) numbers of the likeliest classes, the likeliest first."""
    ranks: Array = np.argsort(-prediction, axis=1, kind="stable")[:, :k]
    return ranks
