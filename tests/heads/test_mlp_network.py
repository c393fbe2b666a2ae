"""The perceptron of several members: shapes, members that differ, learning, early stopping, drop-out's rate."""

from typing import Any

import numpy as np
import pytest
import torch

from swapdae.base.device import Device
from swapdae.competition.config import Task
from swapdae.competition.metrics import Loss
from swapdae.heads import mlp_network as mlp
from swapdae.heads.mlp_network import MLP, Dropout, MLPConfig, fit_mlp
from swapdae.heads.objective import Objective

CPU = Device(torch.device("cpu"), torch.float32)
CONFIG = MLPConfig(
    width=32,
    n_layers=2,
    n_members=3,
    dropout=0.0,
    learning_rate=1e-2,
    weight_decay=0.0,
    batch_size=32,
    epochs=30,
    patience=30,
)


def fitted(task: Task, n_classes: int = 0, **how: Any) -> tuple[mlp.FittedMLP, np.ndarray[Any, Any], Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5)).astype(np.float32)
    x[:, 4] = 7.0  # constant
    signal = x[:, 0] * x[:, 1] + x[:, 2]
    y = signal * 10 + 100 if task == "regression" else np.digitize(signal, [-0.5, 0.5][: n_classes - 1])
    blocks = (x[:, :2], x[:, 2:].astype(np.float16))
    fit, stop = ((rows, y[rows]) for rows in (np.arange(300), np.arange(300, 350)))
    objective = Objective.of(fit[1], task, n_classes, how.pop("loss", "squared" if task == "regression" else "log"))
    model = fit_mlp(blocks, fit, stop, objective, MLPConfig(**{**vars(CONFIG), **how}), seed=0, device=CPU)
    return model, model.predict(blocks, np.arange(350, 400)), y[350:]


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_learns_an_interaction(loss: Loss) -> None:
    _, prediction, y = fitted("regression", loss=loss)
    assert prediction.shape == (50,) and np.corrcoef(prediction, y)[0, 1] > 0.95


def test_binary_predicts_the_chance_of_class_1() -> None:
    _, prediction, y = fitted("binary", 2)
    assert prediction.shape == (50,) and ((prediction > 0.5) == y).mean() > 0.85
    assert (prediction >= 0).all() and (prediction <= 1).all()


def test_multiclass_predicts_distributions() -> None:
    _, prediction, y = fitted("multiclass", 3)
    assert prediction.sum(axis=1) == pytest.approx(1) and (prediction.argmax(axis=1) == y).mean() > 0.75


def test_members_share_layers_and_differ() -> None:
    model = MLP(5, 2, CONFIG)
    output = model(torch.randn(4, 5))
    assert output.shape == (4, 3, 2)
    assert not torch.allclose(output[:, 0], output[:, 1])
    assert [p.shape for p in model.layers.parameters() if p.ndim == 2] == [(32, 5), (32, 32)]


def test_stops_early_and_keeps_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 1.0, 2.0, 2.0, 0.5])
    weights: list[torch.Tensor] = []

    def told(model: MLP, *rest: object) -> float:
        weights.append(model.out_bias.detach().clone())
        return next(losses)

    monkeypatch.setattr(mlp, "_stop_loss", told)
    model, _, _ = fitted("regression", patience=2)
    assert len(weights) == 4  # two epochs without gain after the second
    assert torch.equal(model.model.get_parameter("out_bias"), weights[1])


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    dropout, x = Dropout(rate), torch.ones(301, 331)
    y = dropout(x)
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(dropout.eval()(x), x)


def test_rows_fewer_than_a_batch() -> None:
    _, prediction, _ = fitted("regression", batch_size=10_000, epochs=2)
    assert np.isfinite(prediction).all()
