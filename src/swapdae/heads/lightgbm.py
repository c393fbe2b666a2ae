"""LightGBM on the native features, categories as such, stopped early on the fold's stop rows."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.signals import DeferredSignals
from swapdae.heads.boosting import BoostingParams, in_one_line
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import FoldFeatures, Native, RowNumbers
from swapdae.modelling.head import Trial

WIDE = 256  # columns from which building histograms column by column is the faster


class Params(BoostingParams):
    """Named as in LightGBM. n_estimators is a cap; `patience` rounds without gain end it."""

    ours = frozenset(
        {"objective", "metric", "num_class", "force_col_wise", "force_row_wise", "bagging_freq", "seed"}
        | {"deterministic", "num_threads", "verbosity", "num_iterations", "early_stopping_round"}
        | {"monotone_constraints", "categorical_feature"}
    )
    learning_rate: float = Field(0.05, gt=0)
    num_leaves: int = Field(63, ge=2)
    min_child_samples: int = Field(40, ge=1)
    feature_fraction: float = Field(0.6, gt=0, le=1)
    bagging_fraction: float = Field(0.8, gt=0, le=1)
    lambda_l1: float = Field(0.1, ge=0)
    lambda_l2: float = Field(5.0, ge=0)
    cat_smooth: float = Field(100.0, ge=0)
    cat_l2: float = Field(100.0, ge=0)  # low values fit the noise of columns with 100 levels
    min_data_per_group: int = Field(100, ge=1)  # rows of a category for it to be split on
    path_smooth: float = Field(0.0, ge=0)
    extra_trees: bool = False
    n_estimators: int = Field(3000, ge=1)
    patience: int = Field(50, ge=1)


OBJECTIVES = {  # what is minimized, and what early stopping watches
    ("regression", "squared"): {"objective": "regression", "metric": "l2"},
    ("regression", "absolute"): {"objective": "regression_l1", "metric": "l1"},
    ("regression", "relative"): {"objective": "mape", "metric": "mape"},  # takes a target within 1 of 0 as 1
    ("regression", "quantile"): {"objective": "quantile", "metric": "quantile"},
    ("regression", "poisson"): {"objective": "poisson", "metric": "poisson"},
    ("regression", "gamma"): {"objective": "gamma", "metric": "gamma"},
    ("binary", "log"): {"objective": "binary", "metric": "binary_logloss"},
    ("multiclass", "log"): {"objective": "multiclass", "metric": "multi_logloss"},
}


def objective(view: FoldView) -> dict[str, Any]:
    """The view's task and loss in LightGBM's options."""
    classes = {"num_class": view.n_classes} if view.task == "multiclass" else {}
    level = {"alpha": view.level} if view.loss == "quantile" else {}
    return OBJECTIVES[view.task, view.loss] | classes | level


class LightGBMModel:
    """One fold's booster."""

    def __init__(self, params: Params, seed: int) -> None:
        self._params, self._seed = params, seed

    def fit(self, view: FoldView) -> None:
        import lightgbm as lgb

        native, (fit, stop) = view.native(), view.split
        x = native.table(view.train)
        layout = {"force_col_wise": True} if x.shape[1] >= WIDE else {"force_row_wise": True}
        options: dict[str, Any] = {
            **objective(view),
            **self._params.model_dump(exclude={"n_estimators", "patience", "monotone", "native", "refit"}),
            **self._native_options(native),
            **layout,  # one is named, else a timing decides and with it the rounding
            "bagging_freq": 1,
            "seed": self._seed,
            "deterministic": True,
            "num_threads": 0,  # all cores
            "verbosity": -1,
        }
        categorical = list(range(native.x_cat.shape[1]))

        def rows(part: NDArray[Any]) -> lgb.Dataset:
            of_part = view.weights_at(part)
            return lgb.Dataset(x[part], view.y[part], weight=of_part, categorical_feature=categorical, params=options)

        stopping = lgb.early_stopping(self._params.patience, verbose=False)
        # Inside the library a signal would be lost; it waits for the end of a round.
        with in_one_line("lightgbm", self._params), DeferredSignals() as signals:

            def train(data: lgb.Dataset, n_rounds: int, *watch: Any, **watched: Any) -> lgb.Booster:
                return lgb.train(options, data, n_rounds, callbacks=[*watch, lambda _: signals.deliver()], **watched)

            data = rows(fit)
            watched = data.create_valid(x[stop], view.y[stop], weight=view.weights_at(stop))
            self._booster = train(data, self._params.n_estimators, stopping, valid_sets=[watched])
            self._rounds = self._booster.best_iteration
            if self._params.refit:
                self._rounds = self._params.rounds_of_all(self._rounds, view)
                self._booster = train(rows(np.arange(len(view.train))), self._rounds)
        self._names = native.names

    def _native_options(self, native: Native) -> dict[str, Any]:
        """LightGBM passes over unknown parameters in silence, and takes many under several names, so both are looked up
        in its own table. Raises UserError."""
        from lightgbm.basic import _ConfigAliases

        params = self._params
        meant = {alias: name for name in _ConfigAliases._get_all_param_aliases() for alias in _ConfigAliases.get(name)}
        if unknown := [name for name in params.native if name not in meant]:
            raise UserError(f"head lightgbm: params.native: LightGBM has no parameter '{unknown[0]}'")
        ours = {meant.get(name, name): name for name in (*type(params).model_fields, *params.ours)}
        try:
            params.refuse({name: ours.get(meant[name], name) for name in params.native})
        except ValueError as error:
            raise UserError(f"head lightgbm: params.{error}") from None
        signs = {"monotone_constraints": list(params.signs(native))} if params.monotone else {}
        return {**params.native, **signs}

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> NDArray[Any]:
        return np.asarray(self._booster.predict(features.native().table(rows), num_iteration=self._rounds))

    def save(self, folder: Path) -> None:
        """model.txt, LightGBM's own text, up to the best round."""
        self._booster.save_model(folder / "model.txt", num_iteration=self._rounds)

    def gain(self) -> dict[str, float]:
        """The total gain of the splits on each column, up to the best round."""
        gain = self._booster.feature_importance("gain", iteration=self._rounds)
        return dict(zip(self._names, gain.tolist(), strict=True))


def make(params: Params, seed: int) -> LightGBMModel:
    return LightGBMModel(params, seed)


def load(folder: Path, device: DeviceName) -> LightGBMModel:
    """What `save` wrote, for prediction."""
    import lightgbm as lgb

    model = LightGBMModel(Params(), 0)
    model._booster = lgb.Booster(model_file=folder / "model.txt")
    model._rounds, model._names = model._booster.current_iteration(), tuple(model._booster.feature_name())
    return model


def space(trial: Trial, start: Params) -> Params:
    drawn = {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 7, 255, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 400, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1.0),
        "lambda_l1": trial.suggest_float("lambda_l1", 1e-3, 20.0, log=True),
        "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 100.0, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 1.0, 500.0, log=True),
        "cat_l2": trial.suggest_float("cat_l2", 1.0, 500.0, log=True),
        "min_data_per_group": trial.suggest_int("min_data_per_group", 10, 300, log=True),
        "path_smooth": trial.suggest_float("path_smooth", 0.0, 50.0),
        "extra_trees": trial.suggest_categorical("extra_trees", [False, True]),
    }
    return Params.model_validate({**start.model_dump(), **drawn})
