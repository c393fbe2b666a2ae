"""CatBoost on the native features, categories as such, stopped early on the fold's stop rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.device import DeviceName
from swapdae.base.files import read_json, write_json
from swapdae.base.signals import DeferredSignals
from swapdae.competition.metric import Loss
from swapdae.heads.boosting import BoostingParams, in_one_line
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import FoldFeatures, Native, RowNumbers
from swapdae.modelling.head import Trial

if TYPE_CHECKING:
    from catboost import Pool


class Params(BoostingParams):
    """Named as in CatBoost. iterations is a cap; `od_wait` rounds without gain end it."""

    ours = frozenset(
        {"loss_function", "objective", "classes_count", "bootstrap_type", "random_seed", "random_state"}
        | {"thread_count", "logging_level", "verbose", "verbose_eval", "silent", "metric_period"}
        | {"allow_writing_files", "monotone_constraints", "cat_features", "use_best_model", "early_stopping_rounds"}
    )
    learning_rate: float = Field(0.05, gt=0)
    depth: int = Field(7, ge=1, le=16)
    l2_leaf_reg: float = Field(5.0, ge=0)
    random_strength: float = Field(1.0, ge=0)
    subsample: float = Field(0.8, gt=0, le=1)
    rsm: float = Field(1.0, gt=0, le=1)  # share of columns per split
    one_hot_max_size: int = Field(4, ge=1)
    max_ctr_complexity: int = Field(1, ge=1)  # categories combined; 2 took three times as long on flights
    iterations: int = Field(3000, ge=1)
    od_wait: int = Field(50, ge=1)


OBJECTIVES = {  # what is minimized, and what early stopping watches
    ("regression", "squared"): {"loss_function": "RMSE"},
    ("regression", "absolute"): {"loss_function": "MAE"},
    ("regression", "relative"): {"loss_function": "MAPE"},  # takes a target within 1 of 0 as 1
    ("regression", "poisson"): {"loss_function": "Poisson"},
    ("regression", "gamma"): {"loss_function": "Tweedie:variance_power=1.9"},
    ("binary", "log"): {"loss_function": "Logloss"},
    ("multiclass", "log"): {"loss_function": "MultiClass"},
}
INSTEAD: dict[Loss, str] = {"gamma": "Tweedie deviance of power 1.9"}
LOGARITHMS = ("poisson", "gamma")  # losses whose model is one of the logarithm, which starts from 0: a mean of 1


def objective(view: FoldView) -> dict[str, Any]:
    """The view's task and loss in CatBoost's options."""
    classes = {"classes_count": view.n_classes} if view.task == "multiclass" else {}
    if view.loss == "quantile":
        return {"loss_function": f"Quantile:alpha={view.level}"}
    return OBJECTIVES[view.task, view.loss] | classes


def _pool(
    native: Native, rows: RowNumbers, y: NDArray[Any] | None = None, weights: NDArray[Any] | None = None
) -> "Pool":
    """Categories must come as integers, so a frame rather than one matrix of floats."""
    from catboost import Pool

    n_cat = native.x_cat.shape[1]
    parts = [native.x_cat[rows], *(block[rows].astype(np.float32) for block in native.x_num)]
    frame = pd.concat([pd.DataFrame(part) for part in parts], axis=1)
    frame.columns = pd.RangeIndex(frame.shape[1])
    return Pool(frame, label=y, weight=weights, cat_features=list(range(n_cat)))


@dataclass(frozen=True)
class _UntilSignal:
    """CatBoost's callback that ends training when a signal waits: what is raised in one, CatBoost turns into Ctrl-C."""

    signals: DeferredSignals

    def after_iteration(self, info: object) -> bool:
        """Whether to go on."""
        return not self.signals.pending


class CatBoostModel:
    """One fold's CatBoost."""

    def __init__(self, params: Params, seed: int) -> None:
        self._params, self._seed = params, seed

    def fit(self, view: FoldView) -> None:
        from catboost import CatBoost

        native, self._task, params = view.native(), view.task, self._params
        self._is_log = view.loss in LOGARITHMS
        self._scale = float(view.y.mean()) if self._is_log else 1.0
        fit, stop = view.split
        options: dict[str, Any] = {
            **objective(view),
            **params.model_dump(exclude={"iterations", "od_wait", "monotone", "native", "refit"}),
            **params.native,
            **({"monotone_constraints": list(params.signs(native))} if params.monotone else {}),
            "bootstrap_type": "Bernoulli",
            "random_seed": self._seed,
            "thread_count": -1,  # all cores
            "logging_level": "Silent",
            "allow_writing_files": False,
        }
        y = view.y / self._scale if self._is_log else view.y

        def rows(part: NDArray[Any]) -> "Pool":
            return _pool(native, view.train[part], y[part], view.weights_at(part))

        with in_one_line("catboost", params), DeferredSignals() as signals:
            callbacks = [_UntilSignal(signals)]
            self._model = CatBoost({**options, "iterations": params.iterations, "od_wait": params.od_wait})
            self._model.fit(rows(fit), eval_set=rows(stop), use_best_model=True, callbacks=callbacks)
            if params.refit and not signals.pending:
                n_rounds = params.rounds_of_all(self._model.tree_count_, view)
                self._model = CatBoost({**options, "iterations": n_rounds})
                self._model.fit(rows(np.arange(len(view.train))), callbacks=callbacks)

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> NDArray[Any]:
        kind = "Probability" if self._task != "regression" else "Exponent" if self._is_log else "RawFormulaVal"
        prediction = np.asarray(self._model.predict(_pool(features.native(), rows), prediction_type=kind))
        if self._is_log:
            return prediction * self._scale
        return prediction[:, 1] if self._task == "binary" else prediction

    def save(self, folder: Path) -> None:
        """model.cbm, CatBoost's own format, and how its output is read, in reading.json."""
        self._model.save_model(str(folder / "model.cbm"))
        write_json(folder / "reading.json", {"task": self._task, "is_log": self._is_log, "scale": self._scale})


def make(params: Params, seed: int) -> CatBoostModel:
    return CatBoostModel(params, seed)


def load(folder: Path, device: DeviceName) -> CatBoostModel:
    """What `save` wrote, for prediction."""
    from catboost import CatBoost

    model, reading = CatBoostModel(Params(), 0), read_json(folder / "reading.json")
    model._task, model._is_log, model._scale = reading["task"], reading["is_log"], reading["scale"]
    model._model = CatBoost().load_model(str(folder / "model.cbm"))
    return model


def space(trial: Trial, start: Params) -> Params:
    drawn = {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
        "depth": trial.suggest_int("depth", 4, 9),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 50.0, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.1, 10.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "rsm": trial.suggest_float("rsm", 0.3, 1.0),
        "one_hot_max_size": trial.suggest_int("one_hot_max_size", 2, 32, log=True),
        "max_ctr_complexity": trial.suggest_int("max_ctr_complexity", 1, 3),
    }
    return Params.model_validate({**start.model_dump(), **drawn})
