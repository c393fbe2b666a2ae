"""A multilayer perceptron on the dense features, several members in one network, stopped early on the stop rows."""

from pydantic import Field

from swapdae.cross_fit import Array, FoldView
from swapdae.features import Rows
from swapdae.heads.interface import Trial
from swapdae.strict import Strict


class Params(Strict):
    """epochs is a cap (and the length of the cosine schedule); `patience` epochs without gain end it."""

    width: int = Field(256, ge=1)
    n_layers: int = Field(2, ge=1)
    n_members: int = Field(4, ge=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.03, ge=0)
    batch_size: int = Field(512, ge=1)
    epochs: int = Field(8, ge=1)
    patience: int = Field(3, ge=1)


class MLPModel:
    """One fold's network."""

    def __init__(self, params: Params, seed: int) -> None:
        self._params, self._seed = params, seed

    def fit(self, view: FoldView) -> None:
        from swapdae.nn.device import resolve_device  # torch takes seconds to import; other heads do without
        from swapdae.nn.mlp import MLPConfig, fit_mlp

        self._blocks = view.dense()
        fit, stop = view.split
        self._fitted = fit_mlp(
            self._blocks,
            (view.train[fit], view.y[fit]),
            (view.train[stop], view.y[stop]),
            task=view.task,
            n_classes=view.n_classes,
            absolute=view.metric == "mae",
            config=MLPConfig(**self._params.model_dump()),
            seed=self._seed,
            device=resolve_device(view.device),
        )

    def predict(self, rows: Rows) -> Array:
        return self._fitted.predict(self._blocks, rows)


def make(params: Params, seed: int) -> MLPModel:
    return MLPModel(params, seed)


def space(trial: Trial, start: Params) -> Params:
    drawn = {
        "width": trial.suggest_int("width", 64, 512, log=True),
        "n_layers": trial.suggest_int("n_layers", 1, 3),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "learning_rate": trial.suggest_float("learning_rate", 2e-4, 5e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.3, log=True),
    }
    return Params.model_validate({**start.model_dump(), **drawn})
