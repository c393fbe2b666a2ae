"""The network against its definition, written out naively: torch's own attention, and the loss by its formula."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from swapdae.autoencoder.config import DaeConfig, LossConfig
from swapdae.autoencoder.layers.transformer import Block
from swapdae.autoencoder.network import Autoencoder, Output, autoencoder_loss
from swapdae.encoding.encoder import Layout

PUBLISHED = LossConfig(categories="binary", mask=2)
INDICATED = Layout((3,), 2, 3, ("a",), ("x", "y"), ("x", "y", "z"))
LAYOUT = Layout((2, 3), 0, 3, ("a", "b"), (), ("x", "y", "z"))
TPS = Layout(
    (2, 2, 2, 4, 4, 4, 8, 8, 7, 15),
    0,
    14,
    tuple(f"cat{j}" for j in range(10)),
    (),
    tuple(f"cont{j}" for j in range(14)),
)


def config(**body: object) -> DaeConfig:
    return DaeConfig.model_validate({"body": body})


def published(**body: object) -> DaeConfig:
    return DaeConfig(loss=PUBLISHED).model_copy(update={"body": config(**body).body})


def test_published_network_has_the_published_size() -> None:
    model = Autoencoder(TPS, published(kind="transformer"))
    assert TPS.n_inputs == 70
    assert sum(p.numel() for p in model.parameters()) == 815_920
    assert model.d_features == 3072


@pytest.mark.parametrize(
    ("body", "d_features"),
    [
        ({"kind": "transformer", "n_subspaces": 2, "d_subspace": 8, "n_heads": 2, "d_feedforward": 16}, 48),
        ({"kind": "stack", "width": 8}, 24),
        ({"kind": "stack", "width": 8, "activation": "gelu"}, 24),
    ],
)
def test_shapes(body: dict[str, object], d_features: int) -> None:
    model, x = Autoencoder(LAYOUT, config(**body)), torch.randn(5, LAYOUT.n_inputs)
    output = model(x)
    assert output.mask_logits is None
    assert output.reconstruction.shape == x.shape
    assert model.features(x).shape == (5, d_features) == (5, model.d_features)


def test_block_equals_torch_attention() -> None:
    torch.manual_seed(0)
    block, reference = Block(16, 4, 32), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
        reference.in_proj_weight.copy_(block.qkv.weight)
        reference.in_proj_bias.copy_(block.qkv.bias)
        reference.out_proj.weight.copy_(block.out.weight)
        reference.out_proj.bias.copy_(block.out.bias)
        x = torch.randn(7, 8, 16)
        expected = block.norm_attention(x + reference(x, x, x, need_weights=False)[0])
        expected = block.norm_feedforward(expected + block.feedforward(expected))
        assert torch.allclose(block(x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["relu", "gelu"])
def test_stack_is_linear_layers_with_the_activation_between(name: str) -> None:
    model, x = Autoencoder(LAYOUT, config(kind="stack", width=8, activation=name)), torch.randn(5, LAYOUT.n_inputs)
    weights, outputs = [p.detach().double() for p in model.body.parameters()], [x.double()]
    for weight, bias in zip(weights[::2], weights[1::2], strict=True):
        z = outputs[-1] @ weight.T + bias
        outputs.append(z.clamp(min=0) if name == "relu" else z * (1 + torch.erf(z / 2**0.5)) / 2)
    assert torch.allclose(model.features(x).double(), torch.cat(outputs[1:], dim=1), atol=1e-6)


def test_reconstruction_head_sees_the_predicted_mask() -> None:
    model = Autoencoder(LAYOUT, published(kind="stack", width=8))
    assert model.mask_head is not None
    with torch.no_grad():
        before = model(torch.ones(1, LAYOUT.n_inputs)).reconstruction.clone()
        model.mask_head.bias.add_(1)
        assert not torch.allclose(before, model(torch.ones(1, LAYOUT.n_inputs)).reconstruction)


def by_hand() -> tuple[Any, Any, Any, Any, Any]:
    """Of six rows of INDICATED: clean inputs, mask, mask logits, guess, weight of every cell."""
    rng = np.random.default_rng(0)
    clean = np.concatenate([np.eye(3)[[0, 1, 2, 0, 1, 2]], rng.integers(0, 2, (6, 2)), rng.normal(size=(6, 3))], axis=1)
    mask = rng.random((6, 8)) < 0.4
    logits, guess = rng.normal(size=(2, 6, 8)).astype(np.float32)
    return clean.astype(np.float32), mask, logits, guess, np.where(mask, 0.75, 0.25)


def entropy(z: Any, target: Any) -> Any:
    p = 1 / (1 + np.exp(-z))
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def test_published_loss_by_hand() -> None:
    clean, mask, logits, guess, weight = by_hand()
    expected = (
        3 / 6 * (weight * entropy(guess, clean))[:, :5].mean()
        + 3 / 6 * (weight * (guess - clean) ** 2)[:, 5:].mean()
        + 2 * entropy(logits, mask).mean()
    )
    output = Output([], torch.tensor(logits), torch.tensor(guess))
    loss = autoencoder_loss(output, torch.tensor(clean), torch.tensor(mask), INDICATED, PUBLISHED)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_loss_by_hand() -> None:
    """Three levels, two indicators, three numbers: six source columns, weighed alike. The last row has no level."""
    clean, mask, _, guess, weight = by_hand()
    clean[-1, :3] = 0
    p = np.exp(guess[:, :3]) / np.exp(guess[:, :3]).sum(axis=1, keepdims=True)
    moved = np.where(mask[:, :3].any(axis=1), 0.75, 0.25)
    expected = (
        (moved * -(clean[:, :3] * np.log(p)).sum(axis=1)).mean() / np.log(3)
        + (weight * entropy(guess, clean))[:, 3:5].mean(axis=0).sum() / np.log(2)
        + (weight * (guess - clean) ** 2)[:, 5:].mean(axis=0).sum()
    ) / 6
    output = Output([], None, torch.tensor(guess))
    loss = autoencoder_loss(output, torch.tensor(clean), torch.tensor(mask), INDICATED, LossConfig())
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("layout", [Layout((3,), 0, 0, ("a",), (), ()), Layout((), 0, 2, (), (), ("x", "y"))])
def test_loss_without_one_kind_of_column(layout: Layout) -> None:
    model = Autoencoder(layout, published(kind="stack", width=4))
    x = torch.ones(3, layout.n_inputs)
    for loss in (LossConfig(), PUBLISHED):
        assert torch.isfinite(autoencoder_loss(model(x), x, x > 2, layout, loss))
