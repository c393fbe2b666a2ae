"""The published network, noise and loss in their most naive form, against ours with the same weights."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapdae.autoencoder.config import DaeConfig, LossConfig, NoiseConfig
from swapdae.autoencoder.network import Autoencoder, autoencoder_loss
from swapdae.autoencoder.swap_noise import Inputs, Rows, SwapNoise
from swapdae.encoding.encoder import Codes, Layout
from tps_case import LEVELS

LAYOUT = Layout(
    tuple(len(levels) for levels in LEVELS.values()), 0, 14, tuple(LEVELS), (), tuple(f"cont{j}" for j in range(14))
)
N_ONE_HOT, N_NUMBERS, TOKENS, D = 56, 14, 8, 128
RATES = [0.95, 0.4, 0.7, *[0.9] * 7]
CPU = torch.device("cpu")
PUBLISHED = LossConfig(categories="binary", mask=2)


def some_rows(n: int) -> Rows:
    generator = torch.Generator().manual_seed(0)
    x_cat = torch.stack([torch.randint(1, k + 1, (n,), generator=generator) for k in LAYOUT.n_levels], dim=1)
    x_num = torch.randn(n, N_NUMBERS, generator=generator)
    return Rows.of(Codes(x_cat.to(torch.int16).numpy(), torch.zeros(n, 0).bool().numpy(), x_num.numpy()), CPU)


class NaiveBlock(nn.Module):
    """Attention, residual, norm; feed-forward, residual, norm: on (tokens, batch, d), as torch has it by default."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(D, 8)
        self.linear1, self.linear2 = nn.Linear(D, 512), nn.Linear(512, D)
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x, x, x)[0])
        y: Tensor = self.norm2(x + self.linear2(F.relu(self.linear1(x))))
        return y


class NaiveTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.excite = nn.Linear(70, TOKENS * D)
        self.blocks = nn.ModuleList(NaiveBlock() for _ in range(3))
        self.mask_head, self.reconstruction_head = nn.Linear(1024, 70), nn.Linear(1024 + 70, 70)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = F.relu(self.excite(x)).reshape(len(x), TOKENS, D).permute(1, 0, 2)
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens.permute(1, 0, 2).reshape(len(x), -1))
        mask = self.mask_head(outputs[-1])
        return torch.cat(outputs, 1), mask, self.reconstruction_head(torch.cat([outputs[-1], mask], 1))


class NaiveStack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(70, 1536), nn.Linear(1536, 1536), nn.Linear(1536, 1536)])
        self.mask_head, self.reconstruction_head = nn.Linear(1536, 70), nn.Linear(1536 + 70, 70)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        outputs = []
        for layer in self.layers:
            x = F.relu(layer(x))
            outputs.append(x)
        mask = self.mask_head(x)
        return torch.cat(outputs, 1), mask, self.reconstruction_head(torch.cat([x, mask], 1))


def naive_loss(mask_logits: Tensor, guess: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """By the published formula, cell by cell."""
    w = 0.75 * mask + 0.25 * (1 - mask)

    def entropy(z: Tensor, t: Tensor) -> Tensor:
        return -(t * torch.log(torch.sigmoid(z)) + (1 - t) * torch.log(1 - torch.sigmoid(z)))

    one_hot = (w * entropy(guess, clean))[:, :N_ONE_HOT].mean()
    numbers = (w * (guess - clean) ** 2)[:, N_ONE_HOT:].mean()
    return 10 / 24 * one_hot + 14 / 24 * numbers + 2 * entropy(mask_logits, mask).mean()


def pair(kind: str) -> tuple[Any, Any]:
    """Ours and the naive one, with the naive one's weights."""
    torch.manual_seed(0)
    body = {"kind": kind} if kind == "transformer" else {"kind": kind, "activation": "relu"}
    ours: Any = Autoencoder(LAYOUT, DaeConfig.model_validate({"body": body, "loss": PUBLISHED.model_dump()}))
    naive: Any = NaiveTransformer() if kind == "transformer" else NaiveStack()
    ours.mask_head.load_state_dict(naive.mask_head.state_dict())
    ours.reconstruction_head.load_state_dict(naive.reconstruction_head.state_dict())
    if kind == "stack":
        ours.body.layers.load_state_dict(naive.layers.state_dict())
    else:
        ours.body.excite.load_state_dict(naive.excite.state_dict())
        names = {
            "attention.in_proj_weight": "qkv.weight",
            "attention.in_proj_bias": "qkv.bias",
            "attention.out_proj.weight": "out.weight",
            "attention.out_proj.bias": "out.bias",
            "linear1.weight": "feedforward.0.weight",
            "linear1.bias": "feedforward.0.bias",
            "linear2.weight": "feedforward.2.weight",
            "linear2.bias": "feedforward.2.bias",
            "norm1.weight": "norm_attention.weight",
            "norm1.bias": "norm_attention.bias",
            "norm2.weight": "norm_feedforward.weight",
            "norm2.bias": "norm_feedforward.bias",
        }
        for mine, theirs in zip(ours.body.blocks, naive.blocks, strict=True):
            mine.load_state_dict({names[name]: value for name, value in theirs.state_dict().items()})
    return ours, naive


@pytest.mark.parametrize("kind", ["transformer", "stack"])
def test_features_heads_and_loss_are_equal(kind: str) -> None:
    ours, naive = pair(kind)
    clean = Inputs(LAYOUT, CPU)(some_rows(64))
    mask = torch.rand(clean.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    corrupted = torch.where(mask, clean.roll(1, 0), clean)
    with torch.no_grad():
        features, mask_logits, guess = naive(corrupted)
        output = ours(corrupted)
        assert torch.allclose(ours.features(corrupted), features, atol=1e-5)
        assert torch.allclose(output.mask_logits, mask_logits, atol=1e-5)
        assert torch.allclose(output.reconstruction, guess, atol=1e-5)
        loss = autoencoder_loss(output, clean, mask, LAYOUT, PUBLISHED)
        assert loss.item() == pytest.approx(naive_loss(mask_logits, guess, clean, mask.float()).item(), abs=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "stack"])
def test_gradients_are_equal(kind: str) -> None:
    ours, naive = pair(kind)
    clean = Inputs(LAYOUT, CPU)(some_rows(32))
    mask = torch.zeros_like(clean).bool()
    torch.autograd.backward(autoencoder_loss(ours(clean), clean, mask, LAYOUT, PUBLISHED))
    _, mask_logits, guess = naive(clean)
    torch.autograd.backward(naive_loss(mask_logits, guess, clean, mask.float()))
    first, first_naive = (
        (ours.body.excite, naive.excite) if kind == "transformer" else (ours.body.layers[0], naive.layers[0])
    )
    for mine, other in ((ours.mask_head, naive.mask_head), (first, first_naive)):
        assert torch.allclose(mine.weight.grad, other.weight.grad, atol=1e-5)


def naive_noise(x: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
    """Every one-hot column by itself, all from one other row."""
    swap = torch.bernoulli(rates.expand(x.shape))
    corrupted = torch.where(swap == 1, x[torch.randperm(len(x))], x)
    return corrupted, corrupted != x


def test_noise_has_the_published_distribution() -> None:
    config = NoiseConfig.model_validate(
        {"per": "one_hot", "donor": "row", "numerical": 0.25, "columns": dict(zip(LEVELS, RATES, strict=True))}
    )
    rows = some_rows(50_000)
    ours = SwapNoise(config, LAYOUT, CPU, torch.Generator().manual_seed(1))
    clean, corrupted, mask = ours(rows)
    torch.manual_seed(2)
    rates = torch.tensor(RATES).repeat_interleave(torch.tensor(LAYOUT.n_levels))
    naive, naive_mask = naive_noise(clean, torch.cat([rates, torch.full((N_NUMBERS,), 0.25)]))
    assert torch.equal(mask, corrupted != clean)
    assert torch.allclose(mask.float().mean(0), naive_mask.float().mean(0), atol=0.01)
    assert torch.allclose(corrupted.mean(0), naive.mean(0), atol=0.02)
    # One donor for a row: two swapped cells of a row come from the same place about as often as in the naive noise.
    both = (mask[:, -1] & mask[:, -2]).float().mean().item()
    naive_both = (naive_mask[:, -1] & naive_mask[:, -2]).float().mean().item()
    assert both == pytest.approx(naive_both, abs=0.01)
