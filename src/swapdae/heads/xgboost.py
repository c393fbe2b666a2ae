"""XGBoost (hist) on the native features, categories as such, stopped early on the fold's stop rows."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.signals import DeferredSignals
from swapdae.competition.metric import Loss
from swapdae.heads.boosting import BoostingParams, in_one_line
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import FoldFeatures, Native, RowNumbers
from swapdae.modelling.head import Trial


class Params(BoostingParams):
    """Named as in XGBoost. n_estimators is a cap; `patience` rounds without gain end it."""

    ours = frozenset(
        {"objective", "eval_metric", "num_class", "tree_method", "seed", "random_state", "nthread", "n_jobs"}
        | {"verbosity", "monotone_constraints", "early_stopping_rounds", "quantile_alpha"}
        | {"eta", "alpha", "lambda"}  # other names of fields
    )
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
    ("regression", "relative"): {"objective": "reg:absoluteerror", "eval_metric": "mape"},
    ("regression", "quantile"): {"objective": "reg:quantileerror", "eval_metric": "quantile"},
    ("regression", "poisson"): {"objective": "count:poisson", "eval_metric": "poisson-nloglik"},
    ("regression", "gamma"): {"objective": "reg:gamma", "eval_metric": "gamma-nloglik"},
    ("binary", "log"): {"objective": "binary:logistic", "eval_metric": "logloss"},
    ("multiclass", "log"): {"objective": "multi:softprob", "eval_metric": "mlogloss"},
}
INSTEAD: dict[Loss, str] = {"relative": "absolute error"}


def objective(view: FoldView) -> dict[str, Any]:
    """The view's task and loss in XGBoost's options."""
    classes = {"num_class": view.n_classes} if view.task == "multiclass" else {}
    level = {"quantile_alpha": view.level} if view.loss == "quantile" else {}
    return OBJECTIVES[view.task, view.loss] | classes | level


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
            **self._params.model_dump(exclude={"n_estimators", "patience", "monotone", "native", "refit"}),
            **self._native_options(native),
            "tree_method": "hist",
            "seed": self._seed,
            "nthread": 0,  # all cores
            "verbosity": 0,
        }

        class Deliver(xgb.callback.TrainingCallback):
            def after_iteration(self, *round: Any) -> bool:
                signals.deliver()
                return False

        bins = {name: self._params.native[name] for name in ("max_bin",) if name in self._params.native}

        def rows(part: NDArray[Any], ref: Any = None) -> xgb.QuantileDMatrix:
            of = {"label": view.y[part], "weight": view.weights_at(part), "ref": ref}
            return xgb.QuantileDMatrix(x[part], **of, **columns, **bins)

        # Inside the library a signal becomes another error; it waits for a round's end.
        with in_one_line("xgboost", self._params), DeferredSignals() as signals:

            def train(data: xgb.QuantileDMatrix, n_rounds: int, **watched: Any) -> xgb.Booster:
                return xgb.train(options, data, n_rounds, verbose_eval=False, callbacks=[Deliver()], **watched)

            data = rows(fit)
            watched = {"evals": [(rows(stop, data), "stop")], "early_stopping_rounds": self._params.patience}
            self._booster = train(data, self._params.n_estimators, **watched)
            self._rounds = self._booster.best_iteration + 1
            if self._params.refit:
                self._rounds = self._params.rounds_of_all(self._rounds, view)
                self._booster = train(rows(np.arange(len(view.train))), self._rounds)

    def _native_options(self, native: Native) -> dict[str, Any]:
        """XGBoost only warns of unknown parameters, so it is asked first, on two rows. Raises UserError."""
        import xgboost as xgb

        params = self._params
        if params.native:
            with warnings.catch_warnings(record=True) as told, in_one_line("xgboost", params):
                warnings.simplefilter("always")
                rows = xgb.DMatrix(np.zeros((2, 1)), label=np.arange(2))
                xgb.train({**params.native, "verbosity": 1}, rows, 1)
            if unused := [str(warning.message) for warning in told if "are not used" in str(warning.message)]:
                names = ", ".join(name for name in params.native if f'"{name}"' in unused[0])
                raise UserError(f"head xgboost: params.native: XGBoost has no use for {names}")
        signs = {"monotone_constraints": str(params.signs(native))} if params.monotone else {}
        return {**params.native, **signs}

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> NDArray[Any]:
        import xgboost as xgb

        native = features.native()
        x = xgb.DMatrix(native.table(rows), **_columns(native))
        return np.asarray(self._booster.predict(x, iteration_range=(0, self._rounds)))

    def save(self, folder: Path) -> None:
        """model.ubj, XGBoost's own binary JSON, up to the best round."""
        self._booster[: self._rounds].save_model(folder / "model.ubj")


def make(params: Params, seed: int) -> XGBoostModel:
    return XGBoostModel(params, seed)


def load(folder: Path, device: DeviceName) -> XGBoostModel:
    """What `save` wrote, for prediction."""
    import xgboost as xgb

    model = XGBoostModel(Params(), 0)
    model._booster = xgb.Booster(model_file=folder / "model.ubj")
    model._rounds = model._booster.num_boosted_rounds()
    return model


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
