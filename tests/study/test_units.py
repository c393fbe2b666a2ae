"""Units against the network written out by hand; what is restored against networks whose answers are known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from swapdae.autoencoder.config import DaeConfig, NoiseConfig
from swapdae.autoencoder.fused_block import fused_kernels
from swapdae.autoencoder.layers.transformer import Transformer
from swapdae.autoencoder.network import Autoencoder, Output
from swapdae.autoencoder.swap_noise import Inputs, Rows
from swapdae.base.device import Device
from swapdae.encoding.encoder import Codes, Encoder, Layout
from swapdae.study.units import n_units, read_corrupted_units, read_units, restored

CPU = Device(torch.device("cpu"), torch.float32)
TRANSFORMER = {
    "kind": "transformer",
    "n_subspaces": 2,
    "d_subspace": 8,
    "n_heads": 2,
    "n_blocks": 2,
    "d_feedforward": 6,
}


def encoded(n: int = 40) -> tuple[Codes, Layout]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.choice(list("xyz"), n), "u": rng.normal(size=n), "v": rng.normal(size=n)})
    frame.loc[::5, "v"] = np.nan
    encoder = Encoder(("a",), ("u", "v"), "standard").fit(frame)
    return encoder.transform(frame), encoder.layout


def network(layout: Layout, **body: Any) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(layout, DaeConfig.model_validate({"body": body})).eval()


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "stack", "width": 8},
        {"kind": "stack", "width": 8, "activation": "relu"},
        TRANSFORMER,
    ],
)
def test_features_are_those_that_heads_read(body: dict[str, Any]) -> None:
    codes, layout = encoded()
    model = network(layout, **body)
    (both,) = read_units(model, codes, CPU, "features")
    with torch.no_grad():
        expected = model.features(Inputs(layout, CPU.device)(Rows.of(codes, CPU.device)))
    assert np.array_equal(both[0], both[1]) and np.allclose(both[0], expected, atol=1e-6)
    assert n_units(model, "features") == both[1].shape[1]
    (relu,) = read_units(model, codes, CPU, "relu")
    assert n_units(model, "relu") == relu[1].shape[1] and np.allclose(relu[0], expected, atol=1e-6)
    if body["kind"] != "transformer":
        smooth = body["kind"] == "stack" and "activation" not in body  # GELU, the default
        least = relu[1].min()
        assert np.array_equal(relu[0], relu[1]) and (-0.171 < least < 0 if smooth else least == 0)


def test_relu_units_of_a_transformer_are_those_inside() -> None:
    codes, layout = encoded()
    model = network(layout, **TRANSFORMER)
    body = model.body
    assert isinstance(body, Transformer)
    (found,) = read_units(model, codes, CPU, "relu")
    with torch.no_grad():
        tokens = body.excite(Inputs(layout, CPU.device)(Rows.of(codes, CPU.device))).relu().view(-1, 2, 8)
        expected = [tokens.flatten(1)]
        for block in body.blocks:
            hidden: list[torch.Tensor] = []
            up = block.get_submodule("feedforward.0")
            hook = up.register_forward_hook(lambda m, i, o, kept=hidden: kept.append(o.relu()))
            tokens = block(tokens)
            hook.remove()
            expected.append(hidden[0].flatten(1))
    assert found[1].shape == (40, 16 + 2 * 2 * 6)
    assert np.allclose(found[1], torch.cat(expected, dim=1), atol=1e-6) and found[1].min() == 0


@pytest.mark.skipif(fused_kernels(torch.ones(1, 1, 16), torch.float32, 1, 16) is None, reason="needs a C++ compiler")
def test_units_of_a_block_that_is_compiled_are_those_of_the_plain_one() -> None:
    """At these sizes training and features take the compiled block, which keeps nothing of what is inside it."""
    codes, layout = encoded()
    sizes = {"n_subspaces": 3, "d_subspace": 32, "n_heads": 4, "n_blocks": 2, "d_feedforward": 48}
    compiled, plain = (
        Autoencoder(layout, DaeConfig.model_validate({"body": {"kind": "transformer", **sizes}, "training": training}))
        for training in ({"compile": True}, {"compile": False})
    )
    plain.load_state_dict(compiled.state_dict())
    calls: list[str] = []
    for model in (compiled, plain):
        up = model.body.get_submodule("blocks.0.feedforward.0")
        up.register_forward_hook(lambda m, i, o: calls.append("plain"))
    with torch.no_grad():
        fused = compiled.features(Inputs(layout, CPU.device)(Rows.of(codes, CPU.device)))
    assert not calls, "the compiled block is not taken at these sizes"
    for units in ("relu", "features"):
        (mine,), (other,) = (read_units(model, codes, CPU, units) for model in (compiled, plain))
        assert mine[1].shape == (40, n_units(compiled, units))
        assert np.allclose(mine[0], other[0], atol=1e-5) and np.allclose(mine[1], other[1], atol=1e-5)
        assert np.allclose(mine[0], fused, atol=1e-5)
    noise = NoiseConfig(categorical=0.3, numerical=0.3)
    (one,), (two,) = (read_corrupted_units(model, codes, noise, CPU, "relu", 0) for model in (compiled, plain))
    assert one.shape == (40, 3 * 32 + 2 * 3 * 48) and np.allclose(one, two, atol=1e-5)


def test_blocks_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, layout = encoded()
    model = network(layout, kind="stack", width=8)
    (whole,) = read_units(model, codes, CPU, "relu")
    monkeypatch.setattr("swapdae.study.units.BATCH", 16)
    parts = [units for _, units in read_units(model, codes, CPU, "relu")]
    assert [len(part) for part in parts] == [16, 16, 8] and np.allclose(np.concatenate(parts), whole[1], atol=1e-6)


def test_noise_of_rate_0_changes_nothing_and_draws_follow_the_seed() -> None:
    codes, layout = encoded()
    model = network(layout, kind="stack", width=8)
    (clean,) = read_units(model, codes, CPU, "relu")

    def corrupted(rate: float, seed: int) -> np.ndarray:
        noise = NoiseConfig(categorical=rate, numerical=rate)
        return np.concatenate(list(read_corrupted_units(model, codes, noise, CPU, "relu", seed)))

    assert np.array_equal(corrupted(0.0, 1), clean[1])
    assert np.array_equal(corrupted(0.5, 1), corrupted(0.5, 1))
    assert not np.array_equal(corrupted(0.5, 1), corrupted(0.5, 2))


class Known(torch.nn.Module):
    """Answers with what it is given, whatever it is asked; the mask it was given as its logits."""

    def __init__(self, layout: Layout, answer: torch.Tensor) -> None:
        super().__init__()
        self.layout, self._answer = layout, answer

    def forward(self, x: torch.Tensor) -> Output:
        return Output([], (x != self._answer).float(), self._answer)


def test_restored_of_a_network_that_knows_and_of_one_that_guesses() -> None:
    codes, layout = encoded(2000)
    clean = Inputs(layout, CPU.device)(Rows.of(codes, CPU.device))
    noise = NoiseConfig(categorical=0.5, numerical=0.3)
    knows: Any = Known(layout, clean)
    columns = restored(knows, codes, noise, CPU, seed=0)
    assert [(c["column"], c["kind"]) for c in columns] == [
        ("a", "category"), ("v", "missing"), ("u", "number"), ("v", "number"),
    ]  # fmt: skip
    for column in columns:
        assert column["quality"] == pytest.approx(1) and column["mask_auc"] == 1
    shares = [c["corrupted"] for c in columns]
    assert shares[0] == pytest.approx(0.5 * 2 / 3, abs=0.05)  # a donor holds the same of three levels every third time
    assert shares[2] == pytest.approx(0.3, abs=0.05)
    guesses: Any = Known(layout, torch.zeros_like(clean))
    numbers = restored(guesses, codes, noise, CPU, seed=0)[2:]
    assert all(abs(float(c["quality"] or 0)) < 0.05 for c in numbers)  # the mean explains nothing


def test_nothing_is_said_of_columns_that_were_never_corrupted() -> None:
    codes, layout = encoded()
    model = network(layout, kind="stack", width=8)
    for column in restored(model, codes, NoiseConfig(categorical=0, numerical=0), CPU, seed=0):
        assert column["corrupted"] == 0 and column["quality"] is column["mask_auc"] is None


def test_a_network_without_mask_head_restores_and_tells_no_mask() -> None:
    codes, layout = encoded()
    assert DaeConfig().loss.mask == 0
    columns = restored(network(layout, kind="stack", width=8), codes, NoiseConfig(categorical=0.5), CPU, seed=0)
    assert columns[0]["quality"] is not None and columns[0]["mask_auc"] is None
