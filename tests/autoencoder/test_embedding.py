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
PIECES, WAVES = {"pieces": 4, "waves": 0}, {"pieces": 0, "waves": 5, "sigma": 1.0}
by_kind = pytest.mark.parametrize("embedding", [PIECES, WAVES, {"pieces": 4, "waves": 5}], ids=str)


def codes(n: int = 60) -> Codes:
    """x is missing in a fifth of the rows, y takes three values."""
    rng = np.random.default_rng(0)
    x_cat = np.column_stack([rng.integers(1, 4, n), rng.integers(1, 5, n)]).astype(np.int16)
    missing, numbers = rng.random((n, 1)) < 0.2, rng.normal(size=(n, 3))
    numbers[missing[:, 0], 0] = 0
    numbers[:, 1] = rng.integers(-1, 2, n)
    return Codes(x_cat, missing, numbers.astype(np.float32))


def config(embedding: dict[str, Any] | None) -> DaeConfig:
    return DaeConfig.model_validate(
        {"body": {"kind": "stack", "width": 32}, "embedding": embedding, "training": {"epochs": 3, "batch_size": 16}}
    )


def network(embedding: dict[str, Any]) -> Autoencoder:
    return untrained_autoencoder(codes(), LAYOUT, config(embedding), seed=0, device=CPU)


def embedded(model: Autoencoder) -> Any:
    """(n, d) behind the inputs, which come first as they are."""
    x = codes().one_hot(LAYOUT)
    with torch.no_grad():
        found = model.embed(torch.from_numpy(x)).numpy()
    assert np.array_equal(found[:, : LAYOUT.n_inputs], x)
    return found[:, LAYOUT.n_inputs :]


def test_pieces_by_hand() -> None:
    found, rows = embedded(network(PIECES)).reshape(60, 3, 4), codes()
    for j in (0, 2):
        x = rows.x_num[:, j]
        there = x[~rows.missing[:, 0]] if j == 0 else x
        edges = np.quantile(there, [0, 0.25, 0.5, 0.75, 1])
        for t in range(4):
            expected = np.clip((x - edges[t]) / (edges[t + 1] - edges[t]), 0, 1)
            assert found[:, j, t] == pytest.approx(expected, abs=1e-5)


def test_quantiles_that_agree_make_one_edge() -> None:
    found, x = embedded(network(PIECES)).reshape(60, 3, 4)[:, 1], codes().x_num[:, 1]
    assert np.array_equal(found, np.column_stack([x > -1, x > 0, 0 * x, 0 * x]))


def test_waves_by_hand() -> None:
    model = network(WAVES)
    own = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    found = embedded(model).reshape(60, 3, 5)
    for j in range(3):
        angles = 2 * np.pi * np.outer(codes().x_num[:, j], own["embedding.waves.frequencies"][j])
        waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        expected = np.maximum(waves @ own["embedding.waves.weight"][j] + own["embedding.waves.bias"][j], 0)
        assert found[:, j] == pytest.approx(expected, abs=1e-5)


def test_pieces_come_before_waves() -> None:
    found = embedded(network({"pieces": 4, "waves": 5}))
    assert found.shape == (60, 27) and np.array_equal(found[:, :12], embedded(network(PIECES)))


def test_an_embedding_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="both 0; leave the embedding out"):
        config({"pieces": 0, "waves": 0})


@by_kind
def test_without_numbers_there_is_nothing_to_embed(embedding: dict[str, Any]) -> None:
    layout = Layout((3,), 0, 0, ("a",), (), ())
    model = Autoencoder(layout, config(embedding))
    assert model.embedding is None and model.features(torch.eye(3)).shape == (3, 96)


@by_kind
def test_targets_are_the_numbers_themselves_and_the_embedding_trains(embedding: dict[str, Any]) -> None:
    model, _ = fit_autoencoder(codes(), LAYOUT, config(embedding), seed=0, device=CPU, show_progress=False)
    assert model(torch.from_numpy(codes().one_hot(LAYOUT))).reconstruction.shape == (60, LAYOUT.n_inputs)
    before, after = network(embedding).embedding, model.embedding
    assert before is not None and after is not None
    for (name, one), other in zip(before.named_parameters(), after.parameters(), strict=True):
        assert not torch.equal(one, other), name
    for buffer, kept in zip(before.buffers(), after.buffers(), strict=True):
        assert torch.equal(buffer, kept)


@by_kind
def test_goes_on_from_a_checkpoint_to_the_bit(embedding: dict[str, Any], tmp_path: Path) -> None:
    def stop(model: Autoencoder, epoch: Any) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    whole, log = fit_autoencoder(codes(), LAYOUT, config(embedding), seed=1, device=CPU, show_progress=False)
    how: dict[str, Any] = {"seed": 1, "device": CPU, "work": tmp_path, "show_progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit_autoencoder(codes(), LAYOUT, config(embedding), **how, on_epoch=stop)
    resumed, again = fit_autoencoder(codes(), LAYOUT, config(embedding), **how)
    assert [epoch.loss for epoch in log] == [epoch.loss for epoch in again]
    states = whole.state_dict(), resumed.state_dict()
    assert states[0].keys() == states[1].keys() and any(name.startswith("embedding.") for name in states[0])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@by_kind
def test_bfloat16_gives_nearly_the_same_features(embedding: dict[str, Any]) -> None:
    model, half = network(embedding), Device(torch.device("cpu"), torch.bfloat16)
    one, other = (np.concatenate(list(read_features(model, codes(), LAYOUT, device))) for device in (CPU, half))
    assert np.abs(one - other).max() < 0.03 and not np.array_equal(one, other)


def test_without_an_embedding_keys_are_what_they_were() -> None:
    assert "embedding" not in DaeConfig().decisive()
    assert config(PIECES).decisive()["embedding"] != config(WAVES).decisive()["embedding"]
