"""Embeddings of numbers against a construction of their own in numpy, and in a training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features, untrained_autoencoder
from swapdae.autoencoder.network import Autoencoder
from swapdae.base.device import Device
from swapdae.encoding.encoder import Codes, Layout

CPU = Device(torch.device("cpu"), torch.float32)
LAYOUT = Layout((3, 4), 1, 3, ("a", "b"), ("x",), ("x", "y", "z"))
KINDS = pytest.mark.parametrize("kind", ["piecewise", "periodic"])


def codes(n: int = 60) -> Codes:
    """x is missing in a fifth of the rows, y takes three values."""
    rng = np.random.default_rng(0)
    x_cat = np.column_stack([rng.integers(1, 4, n), rng.integers(1, 5, n)]).astype(np.int16)
    missing, numbers = rng.random((n, 1)) < 0.2, rng.normal(size=(n, 3))
    numbers[missing[:, 0], 0] = 0
    numbers[:, 1] = rng.integers(-1, 2, n)
    return Codes(x_cat, missing, numbers.astype(np.float32))


def config(kind: str | None, **embedding: object) -> DaeConfig:
    how = None if kind is None else {"kind": kind, **embedding}
    return DaeConfig.model_validate(
        {"body": {"kind": "stack", "width": 32}, "embedding": how, "training": {"epochs": 3, "batch_size": 16}}
    )


def network(kind: str | None, seed: int = 0, **embedding: object) -> Autoencoder:
    return untrained_autoencoder(codes(), LAYOUT, config(kind, **embedding), seed=seed, device=CPU)


def embedded(model: Autoencoder, x: Any) -> Any:
    """(n, n_numbers, size) of inputs (n, n_inputs), which come first as they are."""
    with torch.no_grad():
        found = model.embed(torch.from_numpy(x)).numpy()
    assert np.array_equal(found[:, : LAYOUT.n_inputs], x)
    return found[:, LAYOUT.n_inputs :].reshape(len(x), LAYOUT.n_numbers, -1)


@KINDS
def test_size(kind: str) -> None:
    assert embedded(network(kind, size=5), codes().one_hot(LAYOUT)).shape == (60, 3, 5)


def test_piecewise_by_hand() -> None:
    found, rows = embedded(network("piecewise", size=4), codes().one_hot(LAYOUT)), codes()
    for j in (0, 2):
        x = rows.x_num[:, j]
        there = x[~rows.missing[:, 0]] if j == 0 else x
        edges = np.quantile(there, [0, 0.25, 0.5, 0.75, 1])
        for t in range(4):
            expected = np.clip((x - edges[t]) / (edges[t + 1] - edges[t]), 0, 1)
            assert found[:, j, t] == pytest.approx(expected, abs=1e-5)


def test_quantiles_that_agree_make_one_edge() -> None:
    found, x = embedded(network("piecewise", size=4), codes().one_hot(LAYOUT))[:, 1], codes().x_num[:, 1]
    assert np.array_equal(found, np.column_stack([x > -1, x > 0, 0 * x, 0 * x]))


def test_periodic_by_hand() -> None:
    model, rows = network("periodic", size=5, frequencies=2, sigma=1.0), codes()
    model.embedding.bias.data.normal_()
    own = {name: value.numpy().astype(np.float64) for name, value in model.embedding.state_dict().items()}
    found = embedded(model, rows.one_hot(LAYOUT))
    for j in range(3):
        angles = 2 * np.pi * np.outer(rows.x_num[:, j], own["frequencies"][j])
        waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        expected = np.maximum(waves @ own["weight"][j] + own["bias"][j], 0)
        assert found[:, j] == pytest.approx(expected, abs=1e-5)


@KINDS
def test_without_numbers_there_is_nothing_to_embed(kind: str) -> None:
    layout = Layout((3,), 0, 0, ("a",), (), ())
    model = Autoencoder(layout, config(kind))
    assert model.embedding is None and model.features(torch.eye(3)).shape == (3, 96)


@KINDS
def test_targets_are_the_numbers_themselves_and_the_embedding_trains(kind: str) -> None:
    model, _ = fit_autoencoder(codes(), LAYOUT, config(kind), seed=0, device=CPU, show_progress=False)
    assert model(torch.from_numpy(codes().one_hot(LAYOUT))).reconstruction.shape == (60, LAYOUT.n_inputs)
    before, after = network(kind).embedding, model.embedding
    for (name, one), other in zip(before.named_parameters(), after.parameters(), strict=True):
        assert not torch.equal(one, other), name
    for one, other in zip(before.buffers(), after.buffers(), strict=True):
        assert torch.equal(one, other)


@KINDS
def test_goes_on_from_a_checkpoint_to_the_bit(kind: str, tmp_path: Path) -> None:
    def stop(model: Autoencoder, epoch: Any) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    whole, log = fit_autoencoder(codes(), LAYOUT, config(kind), seed=1, device=CPU, show_progress=False)
    how: dict[str, Any] = {"seed": 1, "device": CPU, "work": tmp_path, "show_progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit_autoencoder(codes(), LAYOUT, config(kind), **how, on_epoch=stop)
    resumed, again = fit_autoencoder(codes(), LAYOUT, config(kind), **how)
    assert [epoch.loss for epoch in log] == [epoch.loss for epoch in again]
    states = whole.state_dict(), resumed.state_dict()
    assert states[0].keys() == states[1].keys() and any(name.startswith("embedding.") for name in states[0])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@KINDS
def test_bfloat16_gives_nearly_the_same_features(kind: str) -> None:
    model, half = network(kind), Device(torch.device("cpu"), torch.bfloat16)
    one, other = (np.concatenate(list(read_features(model, codes(), LAYOUT, device))) for device in (CPU, half))
    assert np.abs(one - other).max() < 0.03 and not np.array_equal(one, other)


def test_without_an_embedding_keys_are_what_they_were() -> None:
    assert "embedding" not in DaeConfig().decisive()
    assert config("periodic").decisive()["embedding"] != config("piecewise").decisive()["embedding"]
