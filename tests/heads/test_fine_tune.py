"""Starts from the pre-trained body, changes it, learns what a frozen one cannot tell, and repeats itself."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import read_features, untrained_autoencoder
from swapdae.autoencoder.network import Autoencoder
from swapdae.base.device import Device
from swapdae.encoding.encoder import Codes, Encoder, Layout
from swapdae.heads import mlp_network as mlp
from swapdae.heads.fine_tune import fine_tune
from swapdae.heads.mlp_network import FittedMLP, MLPConfig, fit_mlp
from swapdae.heads.objective import Objective

CPU = Device(torch.device("cpu"), torch.float32)
CONFIG = MLPConfig(
    width=16,
    n_layers=1,
    n_members=2,
    dropout=0.0,
    learning_rate=1e-2,
    weight_decay=0.0,
    batch_size=32,
    epochs=20,
    patience=20,
)
STACK = {"kind": "stack", "width": 8, "n_layers": 2}
BODIES = [
    STACK,
    {"kind": "transformer", "n_subspaces": 2, "d_subspace": 8, "n_heads": 2, "n_blocks": 1, "d_feedforward": 6},
]
FIT, STOP, REST = np.arange(300), np.arange(300, 350), np.arange(350, 450)
Array = NDArray[Any]


def encoded() -> tuple[Codes, Layout, Array]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.choice(list("xyz"), 450), "u": rng.normal(size=450), "v": rng.normal(size=450)})
    y = 10 * np.where(frame["a"] == "x", frame["u"], frame["v"]).astype(np.float64) + 100
    encoder = Encoder(("a",), ("u", "v"), "standard").fit(frame)
    return encoder.transform(frame), encoder.layout, y


def network(layout: Layout, body: dict[str, Any]) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(layout, DaeConfig.model_validate({"body": body}))


def features(model: Autoencoder, codes: Codes) -> Array:
    return np.concatenate(list(read_features(model, codes, model.layout, CPU)))


def tuned(body: dict[str, Any] = STACK, *, rate: float = 0.5, **how: Any) -> tuple[Autoencoder, FittedMLP, Array]:
    codes, layout, y = encoded()
    model, config = network(layout, body), MLPConfig(**{**vars(CONFIG), **how})
    objective = Objective.of(y[FIT], "regression", 0, "squared")
    parts = (FIT, y[FIT]), (STOP, y[STOP])
    return model, fine_tune(model, codes, *parts, objective, config, body_rate=rate, seed=0, device=CPU), y


def on_features(**how: Any) -> FittedMLP:
    """The same perceptron on the features of the body as it came."""
    codes, layout, y = encoded()
    x, config = features(network(layout, STACK), codes), MLPConfig(**{**vars(CONFIG), **how})
    objective = Objective.of(y[FIT], "regression", 0, "squared")
    return fit_mlp((x,), (FIT, y[FIT]), (STOP, y[STOP]), objective, config, seed=0, device=CPU)


def error(model: FittedMLP, y: Array) -> float:
    return float(np.sqrt(np.mean((model.predict(REST) - y[REST]) ** 2)) / y[REST].std())


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body["kind"]))
def test_changes_the_body_that_features_come_from_and_learns(body: dict[str, Any]) -> None:
    codes, layout, _ = encoded()
    model, fitted, y = tuned(body)
    before = features(network(layout, body), codes)
    assert before.shape == features(model, codes).shape
    assert np.abs(features(model, codes) - before).max() > 0.05
    assert error(fitted, y) < 0.7


@pytest.mark.parametrize(("pieces", "waves"), [(4, 0), (0, 4), (4, 4)])
def test_an_embedding_is_trained_along(pieces: int, waves: int) -> None:
    codes, layout, y = encoded()
    embedding = {"pieces": pieces, "waves": waves}
    config = DaeConfig.model_validate({"body": STACK, "embedding": embedding})
    model = untrained_autoencoder(codes, layout, config, seed=0, device=CPU)
    assert model.embedding is not None
    before = [parameter.detach().clone() for parameter in model.embedding.parameters()]
    objective, parts = Objective.of(y[FIT], "regression", 0, "squared"), ((FIT, y[FIT]), (STOP, y[STOP]))
    fine_tune(model, codes, *parts, objective, CONFIG, body_rate=0.5, seed=0, device=CPU)
    assert len(before) == 3 * (waves > 0)
    assert not any(map(torch.equal, before, model.embedding.parameters()))


def test_without_a_step_it_is_the_perceptron_on_the_body_as_it_came() -> None:
    codes, layout, _ = encoded()
    model, fitted, _ = tuned(epochs=0)
    assert np.array_equal(features(model, codes), features(network(layout, STACK), codes))
    assert fitted.predict(REST) == pytest.approx(on_features(epochs=0).predict(REST), rel=1e-5)


def test_a_body_at_rate_0_is_the_perceptron_on_its_features() -> None:
    codes, layout, _ = encoded()
    model, fitted, _ = tuned(rate=0.0, epochs=3, weight_decay=0.1)
    assert np.array_equal(features(model, codes), features(network(layout, STACK), codes))
    assert fitted.predict(REST) == pytest.approx(on_features(epochs=3, weight_decay=0.1).predict(REST), rel=1e-4)


def test_a_body_that_lost_what_counts_finds_it_again() -> None:
    """What an untrained body of few units drops no perceptron on its features can learn."""
    _, fitted, y = tuned(rate=1.0)
    assert error(fitted, y) < 0.7 * error(on_features(), y)


def test_same_seed_same_predictions_and_the_callers_random_numbers_stay() -> None:
    model, first, _ = tuned(epochs=2)
    expected = torch.rand(3)
    again, second, _ = tuned(epochs=2)
    assert np.array_equal(first.predict(REST), second.predict(REST))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert torch.equal(torch.rand(3), expected)  # network() seeds them, fine_tune() takes none


def test_stops_early_with_the_body_of_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    real = mlp._stop_loss

    def kept(*given: Any) -> float:
        losses.append(real(*given))
        return losses[-1]

    monkeypatch.setattr(mlp, "_stop_loss", kept)
    _, fitted, y = tuned(rate=1.0, learning_rate=0.3, patience=2)
    assert len(losses) < CONFIG.epochs and losses[-1] > min(losses)
    loss = np.mean((fitted.predict(STOP) - y[STOP]) ** 2) / y[FIT].var()
    assert loss == pytest.approx(min(losses), rel=1e-4)
