"""Ridge regression on the dense features, from the fold's moments; classes are regressed on 0/1 targets.

It finds its own penalty (see FoldMoments.search), so there is nothing to tune. It knows squared error alone: for a
quantile, its predictions are shifted by that quantile of the training residuals; for a deviance, which has it fit
logarithms (see Problem.moments), they are scaled to the training targets' mean.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.device import DeviceName
from swapdae.base.files import read_json, write_json
from swapdae.base.models import StrictModel
from swapdae.competition.config import Task
from swapdae.competition.metric import Loss
from swapdae.modelling import moments
from swapdae.modelling.cross_fit import TO_LOG, FoldView
from swapdae.modelling.features import FoldFeatures, RowNumbers

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


@dataclass(frozen=True)
class Reading:
    """From the linear function to a prediction. low, high: of the training targets' logarithms, outside which none is
    believed. least: what is predicted at least, where logarithms are fitted."""

    task: Task
    loss: Loss
    shift: float = 0.0
    factor: float = 1.0
    low: float = 0.0
    high: float = 0.0
    least: float = 0.0


class RidgeModel:
    """One fold's ridge."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def fit(self, view: FoldView) -> None:
        self._solution, y = view.ridge(self._params.alpha), view.y
        self._reading = Reading(view.task, view.loss)
        if view.loss == "quantile":
            shift = float(np.quantile(y - self._of_regression(view, view.train), view.level))
            self._reading = replace(self._reading, shift=shift)
        if view.loss in FROM_LOG:
            low, high = TO_LOG[view.loss](np.array([y.min(), y.max()])).tolist()
            self._reading = replace(self._reading, low=low, high=high, least=float(LEAST_SHARE * y.mean()))
            factor = float(y.mean() / self._of_regression(view, view.train).mean())
            self._reading = replace(self._reading, factor=factor)

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> NDArray[Any]:
        if self._reading.task == "regression":
            return self._of_regression(features, rows)
        prediction: NDArray[Any] = moments.predict(features.dense(), rows, self._solution)[0]
        clipped: NDArray[Any] = np.clip(prediction, 0, 1)
        if self._reading.task == "binary":
            return clipped[:, 0]
        clipped += 1e-9  # a row whose classes were all clipped to 0 is undecided
        normalised: NDArray[Any] = clipped / clipped.sum(axis=1, keepdims=True)
        return normalised

    def _of_regression(self, features: FoldFeatures, rows: RowNumbers) -> NDArray[Any]:
        reading = self._reading
        prediction: NDArray[Any] = moments.predict(features.dense(), rows, self._solution)[0][:, 0]
        if reading.loss not in FROM_LOG:
            return prediction + reading.shift if reading.shift else prediction
        back = FROM_LOG[reading.loss](np.clip(prediction, reading.low, reading.high))
        least: NDArray[Any] = np.maximum(back * reading.factor, reading.least)
        return least

    def save(self, folder: Path) -> None:
        """coef.npy and intercept.npy, of one penalty, and how their sum is read, in reading.json."""
        for name, part in self._solution._asdict().items():
            np.save(folder / f"{name}.npy", part)
        write_json(folder / "reading.json", asdict(self._reading))


def make(params: Params, seed: int) -> RidgeModel:
    """Ridge draws nothing, so the seed is not used."""
    return RidgeModel(params)


def load(folder: Path, device: DeviceName) -> RidgeModel:
    """What `save` wrote, for prediction."""
    model = RidgeModel(Params())
    parts = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in moments.Solution._fields}
    model._solution, model._reading = moments.Solution(**parts), Reading(**read_json(folder / "reading.json"))
    return model
