"""XGBoost (hist) on the native features, categories as such, stopped early on the fold's stop rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.models import StrictModel
from swapdae.base.signals import DeferredSignals
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import Native, RowNumbers
from swapdae.modelling.head import Trial


class Params(StrictModel):
    """Named as in XGBoost. n_estimators is a cap; `patience` rounds without gain end it."""

    learning_rate: float = Field(0.05, gt=0)
    max_depth: int = Field(7, ge=1)
    min_child_weight: float = Field(20.0, ge=0)
    subsample: float = Field(0.8, gt=0, le=1)
    colsample_bytree: float = Field(0.6, gt=0, le=1)
    reg_alpha: float = Field(0.1, ge=0)
    reg_lambda: float = Field(5.0, ge=0)
    max_cat_to_onehot: int = Field(4, ge=1)
    n_estimators: int = Field(3000, ge=1)
    patience: int = Field(50, ge=1)


OBJECTIVES = {  # what is minimized, and what early stopping watches
    ("regression", "squared"): {"objective": "reg:squarederror", "eval_metric": "rmse"},
    ("regression", "absolute"): {"objective": "reg:absoluteerror", "eval_metric": "mae"},
    ("binary", "log"): {"objective": "binary:logistic", "eval_metric": "logloss"},
    ("multiclass", "log"): {"objective": "multi:softprob", "eval_metric": "mlogloss"},
}


def objective(view: FoldView) -> dict[str, Any]:
    """The view's task and loss in XGBoost's options."""
    classes = {"num_class": view.n_classes} if view.task == "multiclass" else {}
    return OBJECTIVES[view.task, view.loss] | classes


def _columns(native: Native) -> dict[str, Any]:
    """Kinds of columns, for a plain matrix: an unseen code takes the default branch, never raises."""
    n_cat = native.x_cat.shape[1]
    return {"feature_types": ["c"] * n_cat + ["q"] * (len(native.names) - n_cat), "enable_categorical": True}


class XGBoostModel:
    """One fold's booster."""

    def __init__(self, params: Params, seed: int) -> None:
        self._params, self._seed = params, seed

    def fit(self, view: FoldView) -> None:
        import xgboost as xgb

        native, (fit, stop) = view.native(), view.split
        x, columns = native.table(view.train), _columns(native)
        options = {
            **objective(view),
            **self._params.model_dump(exclude={"n_estimators", "patience"}),
            "tree_method": "hist",
            "seed": self._seed,
            "nthread": 0,  # all cores
            "verbosity": 0,
        }

        class Deliver(xgb.callback.TrainingCallback):
            def after_iteration(self, *round: Any) -> bool:
                signals.deliver()
                return False

        with DeferredSignals() as signals:  # inside the library one becomes another error; it waits for a round's end
            of_fit, of_stop = view.weights_at(fit), view.weights_at(stop)
            train = xgb.QuantileDMatrix(x[fit], label=view.y[fit], weight=of_fit, **columns)
            watched = xgb.QuantileDMatrix(x[stop], label=view.y[stop], weight=of_stop, ref=train, **columns)
            self._booster = xgb.train(
                options,
                train,
                self._params.n_estimators,
                evals=[(watched, "stop")],
                early_stopping_rounds=self._params.patience,
                verbose_eval=False,
                callbacks=[Deliver()],
            )
        self._native = native

    def predict(self, rows: RowNumbers) -> NDArray[Any]:
        import xgboost as xgb

        x = xgb.DMatrix(self._native.table(rows), **_columns(self._native))
        return np.asarray(self._booster.predict(x, iteration_range=(0, self._booster.best_iteration + 1)))


def make(params: Params, seed: int) -> XGBoostModel:
    return XGBoostModel(params, seed)


def space(trial: Trial, start: Params) -> Params:
    drawn = {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        "max_depth": trial.suggest_int("max_depth", 3, 10),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 300.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.4, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
        "reg_alpha": trial.suggest_float("reg_alpha", 1e-3, 20.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 100.0, log=True),
        "max_cat_to_onehot": trial.suggest_int("max_cat_to_onehot", 1, 128, log=True),
    }
    return Params.model_validate({**start.model_dump(), **drawn})
