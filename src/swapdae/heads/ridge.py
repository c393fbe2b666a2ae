"""Ridge regression on the dense features, from the fold's moments; classes are regressed on 0/1 targets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.models import StrictModel
from swapdae.competition.metric import Loss
from swapdae.modelling import moments
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import RowNumbers
from swapdae.modelling.head import Trial

INSTEAD: dict[Loss, str] = dict.fromkeys(("absolute", "quantile", "poisson", "gamma"), "squared error")
LEAST_SHARE = 0.05  # of the mean target: no prediction is lower, where the metric takes positive ones only


class Params(StrictModel):
    """alpha: penalty as in scikit-learn's Ridge."""

    alpha: float = Field(100.0, gt=0)


class RidgeModel:
    """One fold's ridge."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def fit(self, view: FoldView) -> None:
        self._view = view
        self._solution = view.ridge([self._params.alpha])

    def predict(self, rows: RowNumbers) -> NDArray[Any]:
        prediction: NDArray[Any] = moments.predict(self._view.dense(), rows, self._solution)[0]
        if self._view.task == "regression":
            positive = self._view.loss in ("poisson", "gamma")
            return np.maximum(prediction[:, 0], LEAST_SHARE * self._view.y.mean()) if positive else prediction[:, 0]
        clipped: NDArray[Any] = np.clip(prediction, 0, 1)
        if self._view.task == "binary":
            return clipped[:, 0]
        clipped += 1e-9  # a row whose classes were all clipped to 0 is undecided
        normalised: NDArray[Any] = clipped / clipped.sum(axis=1, keepdims=True)
        return normalised


def make(params: Params, seed: int) -> RidgeModel:
    """Ridge draws nothing, so the seed is not used."""
    return RidgeModel(params)


def space(trial: Trial, start: Params) -> Params:
    return Params(alpha=trial.suggest_float("alpha", 1e-2, 1e6, log=True))
