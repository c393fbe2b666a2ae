"""A multilayer perceptron on the dense features, several members in one network, stopped early on the stop rows."""

from pathlib import Path

from pydantic import Field

from swapdae.base.device import DeviceName
from swapdae.base.models import StrictModel
from swapdae.modelling.cross_fit import Array, FoldView
from swapdae.modelling.features import FoldFeatures, RowNumbers
from swapdae.modelling.head import Trial


class Params(StrictModel):
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
        from swapdae.base.device import resolve_device  # torch takes seconds to import; other heads do without
        from swapdae.heads.mlp_network import MLPConfig, fit_mlp
        from swapdae.heads.objective import Objective

        params, device = self._params, resolve_device(view.device)
        fit, stop = ((view.train[part], view.y[part]) for part in view.split)
        weights = (view.weights_at(view.split[0]), view.weights_at(view.split[1]))
        config = MLPConfig(**params.model_dump())
        objective = Objective.of(fit[1], view.task, view.n_classes, view.loss, view.level)
        self._fitted = fit_mlp(
            view.dense(), fit, stop, objective, config, seed=self._seed, device=device, weights=weights
        )

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> Array:
        return self._fitted.predict(features.dense(), rows)

    def save(self, folder: Path) -> None:
        """model.safetensors, weights and scaling, and model.json, sizes and how the output is read."""
        self._fitted.save(folder)


def make(params: Params, seed: int) -> MLPModel:
    return MLPModel(params, seed)


def load(folder: Path, device: DeviceName) -> MLPModel:
    """What `save` wrote, for prediction."""
    from swapdae.base.device import resolve_device
    from swapdae.heads.mlp_network import load_mlp

    model = MLPModel(Params(), 0)
    model._fitted = load_mlp(folder, resolve_device(device))
    return model


def space(trial: Trial, start: Params) -> Params:
    drawn: dict[str, float] = {
        "width": trial.suggest_int("width", 64, 512, log=True),
        "n_layers": trial.suggest_int("n_layers", 1, 3),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "learning_rate": trial.suggest_float("learning_rate", 2e-4, 5e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.3, log=True),
    }
    return Params.model_validate({**start.model_dump(), **drawn})
