"""Ridge regression on the dense features, from the fold's moments; classes are regressed on 0/1 targets.

It finds its own penalty (see FoldMoments.search), so there is nothing to tune. It knows squared error alone: for a
quantile, its predictions are shifted by that quantile of the training residuals; for a deviance, which has it fit
logarithms (see Problem.moments), they are scaled to the training targets' mean.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.models import StrictModel
from swapdae.competition.metric import Loss
from swapdae.modelling import moments
from swapdae.modelling.cross_fit import TO_LOG, FoldView
from swapdae.modelling.features import RowNumbers

INSTEAD: dict[Loss, str] = {
    "absolute": "squared error",
    "relative": "squared error",
    "quantile": "squared error, shifted",
    "poisson": "squared error of logarithms",
    "gamma": "squared error of logarithms",
}
LEAST_SHARE = 0.01  # of the mean target: no prediction is lower, where the metric takes positive ones only
FROM_LOG = {"poisson": np.expm1, "gamma": np.exp}


class Params(StrictModel):
    """alpha: penalty as in scikit-learn's Ridge; none: every fold searches its own, and nothing is tuned."""

    alpha: float | None = Field(None, gt=0)


class RidgeModel:
    """One fold's ridge."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def fit(self, view: FoldView) -> None:
        self._view = view
        self._solution = view.ridge(self._params.alpha)
        self._shift, self._factor = 0.0, 1.0
        if view.loss == "quantile":
            self._shift = float(np.quantile(view.y - self._of_regression(view.train), view.level))
        if view.loss in FROM_LOG:
            self._factor = float(view.y.mean() / self._of_regression(view.train).mean())

    def predict(self, rows: RowNumbers) -> NDArray[Any]:
        if self._view.task == "regression":
            return self._of_regression(rows)
        prediction: NDArray[Any] = moments.predict(self._view.dense(), rows, self._solution)[0]
        clipped: NDArray[Any] = np.clip(prediction, 0, 1)
        if self._view.task == "binary":
            return clipped[:, 0]
        clipped += 1e-9  # a row whose classes were all clipped to 0 is undecided
        normalised: NDArray[Any] = clipped / clipped.sum(axis=1, keepdims=True)
        return normalised

    def _of_regression(self, rows: RowNumbers) -> NDArray[Any]:
        prediction: NDArray[Any] = moments.predict(self._view.dense(), rows, self._solution)[0][:, 0]
        if self._view.loss not in FROM_LOG:
            return prediction + self._shift if self._shift else prediction
        y = self._view.y  # no logarithm outside those of the training targets is believed
        back = FROM_LOG[self._view.loss](np.clip(prediction, *TO_LOG[self._view.loss](np.array([y.min(), y.max()]))))
        least: NDArray[Any] = np.maximum(back * self._factor, LEAST_SHARE * y.mean())
        return least


def make(params: Params, seed: int) -> RidgeModel:
    """Ridge draws nothing, so the seed is not used."""
    return RidgeModel(params)
