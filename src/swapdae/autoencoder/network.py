"""The denoising autoencoder: a body (transformer, stack or bottleneck), a mask head, a reconstruction head, the loss.

The transformer body, both heads and the loss are those of the winning network of Tabular Playground Series Feb 2021;
docs/method.md gives the formulas. The plain stack is the network it grew from.
"""

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapdae.autoencoder.config import BottleneckConfig, DaeConfig, LossConfig, StackConfig, TransformerConfig
from swapdae.autoencoder.fused_block import FusedBlock, fused_kernels
from swapdae.encoding.encoder import Layout

WEIGHTS = (
    *("qkv.weight", "qkv.bias", "out.weight", "out.bias", "norm_attention.weight", "norm_attention.bias"),
    *("feedforward.0.weight", "feedforward.0.bias", "feedforward.2.weight", "feedforward.2.bias"),
    *("norm_feedforward.weight", "norm_feedforward.bias"),
)


class Block(nn.Module):
    """Post-norm transformer encoder block on (batch, tokens, d), no dropout.

    With `compiled` it runs as one function on a CPU (FusedBlock), where a compiler is found and the sizes are usual.
    Elsewhere attention is written out as two products: at 8 tokens of 16 dimensions a head, torch's fused kernel for
    CPUs is slower.
    """

    def __init__(self, d: int, n_heads: int, d_feedforward: int, *, compiled: bool = True) -> None:
        super().__init__()
        self.n_heads, self.d_feedforward, self.compiled = n_heads, d_feedforward, compiled
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)
        self.norm_attention = nn.LayerNorm(d)
        self.feedforward = nn.Sequential(nn.Linear(d, d_feedforward), nn.ReLU(), nn.Linear(d_feedforward, d))
        self.norm_feedforward = nn.LayerNorm(d)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        dtype = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
        if self.compiled and fused_kernels(x, dtype, self.n_heads, self.d_feedforward) is not None:
            weights = (self.get_parameter(name) for name in WEIGHTS)
            fused: Tensor = FusedBlock.apply(x, dtype, self.n_heads, *weights)  # type: ignore[no-untyped-call]
            return fused
        batch, tokens, d = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.n_heads, d // self.n_heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]
        weights = ((query * (d // self.n_heads) ** -0.5) @ key.transpose(-2, -1)).softmax(dim=-1)
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2).reshape(batch, tokens, d)
        x = self.norm_attention(x + self.out(mixed))
        return torch.as_tensor(self.norm_feedforward(x + self.feedforward(x)))


class TransformerBody(nn.Module):
    """One wide linear-ReLU layer cut into subspaces, which are the tokens of transformer blocks."""

    def __init__(self, n_inputs: int, config: TransformerConfig, *, compiled: bool = True) -> None:
        super().__init__()
        self.shape = (config.n_subspaces, config.d_subspace)
        self.d_last = config.n_subspaces * config.d_subspace
        self.d_features = config.n_blocks * self.d_last
        self.excite = nn.Linear(n_inputs, self.d_last)
        self.blocks = nn.ModuleList(
            Block(config.d_subspace, config.n_heads, config.d_feedforward, compiled=compiled)
            for _ in range(config.n_blocks)
        )

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        tokens = self.excite(x).relu().view(-1, *self.shape)
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens.flatten(1))
        return outputs, outputs[-1]


class StackBody(nn.Module):
    """n_layers x (linear, activation) of one width; features are every layer's outputs."""

    def __init__(self, n_inputs: int, config: StackConfig) -> None:
        super().__init__()
        self.d_last = config.width
        self.d_features = config.n_layers * config.width
        self.activation = nn.GELU() if config.activation == "gelu" else nn.ReLU()
        widths = [n_inputs] + [config.width] * config.n_layers
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        outputs = []
        for layer in self.layers:
            x = self.activation(layer(x))
            outputs.append(x)
        return outputs, x


class BottleneckBody(nn.Module):
    """Wide, narrow, wide; features are the narrow layer's outputs."""

    def __init__(self, n_inputs: int, config: BottleneckConfig) -> None:
        super().__init__()
        self.d_last = config.width
        self.d_features = config.bottleneck
        self.down = nn.Sequential(nn.Linear(n_inputs, config.width), nn.ReLU())
        self.narrow = nn.Sequential(nn.Linear(config.width, config.bottleneck), nn.ReLU())
        self.up = nn.Sequential(nn.Linear(config.bottleneck, config.width), nn.ReLU())

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        narrow = self.narrow(self.down(x))
        return [narrow], self.up(narrow)


class Output(NamedTuple):
    """Of one batch: the body's outputs by block, mask logits and reconstruction, both (batch, n_inputs)."""

    blocks: list[Tensor]
    mask_logits: Tensor | None  # None where loss.mask is 0
    reconstruction: Tensor


class Autoencoder(nn.Module):
    """Body, mask head (unless its loss weighs nothing), and a reconstruction head that also sees the predicted mask."""

    def __init__(self, layout: Layout, config: DaeConfig) -> None:
        super().__init__()
        n_inputs = layout.n_inputs
        self.layout = layout
        self.body = _body(n_inputs, config)
        n_mask = n_inputs if config.loss.mask else 0
        self.mask_head = nn.Linear(self.body.d_last, n_inputs) if n_mask else None
        self.reconstruction_head = nn.Linear(self.body.d_last + n_mask, n_inputs)

    @property
    def d_features(self) -> int:
        return self.body.d_features

    def forward(self, x: Tensor) -> Output:
        blocks, last = self.body(x)
        if self.mask_head is None:
            return Output(blocks, None, self.reconstruction_head(last))
        mask_logits = self.mask_head(last)
        reconstruction = self.reconstruction_head(torch.cat([last, mask_logits.to(last.dtype)], dim=1))
        return Output(blocks, mask_logits, reconstruction)

    def features(self, x: Tensor) -> Tensor:
        """(batch, d_features): the body's outputs side by side."""
        return torch.cat(self.body(x)[0], dim=1)


def _body(n_inputs: int, config: DaeConfig) -> TransformerBody | StackBody | BottleneckBody:
    body = config.body
    if isinstance(body, TransformerConfig):
        return TransformerBody(n_inputs, body, compiled=config.training.compile)
    if isinstance(body, StackConfig):
        return StackBody(n_inputs, body)
    return BottleneckBody(n_inputs, body)


def autoencoder_loss(output: Output, clean: Tensor, mask: Tensor, layout: Layout, config: LossConfig) -> Tensor:
    """Emphasised reconstruction plus the mask's loss. clean, mask: (batch, n_inputs), the mask True where corrupted."""
    reconstruct = _by_cell if config.categories == "binary" else _by_column
    loss = reconstruct(output.reconstruction.float(), clean, mask, layout, config.emphasis)
    if output.mask_logits is None:
        return loss
    return loss + config.mask * F.binary_cross_entropy_with_logits(output.mask_logits.float(), mask.float())


def _by_cell(reconstruction: Tensor, clean: Tensor, mask: Tensor, layout: Layout, emphasis: float) -> Tensor:
    """As published: binary cross-entropy on 0/1 columns, squared error on numbers. The two kinds are weighed by their
    number of source columns: (10/24) and (14/24) for 10 categorical and 14 numerical ones."""
    n_binary = layout.n_binary
    weight = torch.where(mask, emphasis, 1 - emphasis)
    n_cat = len(layout.categorical) + layout.n_indicators
    share = n_cat / (n_cat + layout.n_numbers)
    loss = reconstruction.new_zeros(())
    if n_binary:
        entropy = F.binary_cross_entropy_with_logits(
            reconstruction[:, :n_binary], clean[:, :n_binary], weight=weight[:, :n_binary]
        )
        loss = loss + share * entropy
    if layout.n_numbers:
        error = (reconstruction[:, n_binary:] - clean[:, n_binary:]).square()
        loss = loss + (1 - share) * (weight[:, n_binary:] * error).mean()
    return loss


def _by_column(reconstruction: Tensor, clean: Tensor, mask: Tensor, layout: Layout, emphasis: float) -> Tensor:
    """Every source column weighs the same: cross-entropy over a category's levels, in units of a blind guess among
    them; squared error of a number, in units of its variance. A level that the encoder has not seen costs nothing."""
    losses, start = [], 0
    for n_levels in layout.n_levels:
        block = slice(start, start + n_levels)
        weight = torch.where(mask[:, block].any(dim=1), emphasis, 1 - emphasis)
        entropy = -(clean[:, block] * reconstruction[:, block].log_softmax(dim=1)).sum(dim=1)
        losses.append((weight * entropy).mean() / math.log(max(2, n_levels)))
        start += n_levels
    weight = torch.where(mask[:, start:], emphasis, 1 - emphasis)
    n = layout.n_indicators
    guess, true = (x[:, start : layout.n_binary] for x in (reconstruction, clean))
    entropy = F.binary_cross_entropy_with_logits(guess, true, reduction="none")
    losses.extend((weight[:, :n] * entropy).mean(dim=0) / math.log(2))
    error = (reconstruction[:, layout.n_binary :] - clean[:, layout.n_binary :]).square()
    losses.extend((weight[:, n:] * error).mean(dim=0))
    return torch.stack(losses).mean()
