"""Transformer blocks on the subspaces of one wide layer, as published; docs/method.md gives the formulas."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from swapdae.autoencoder.fused_block import BlockWeights, FusedBlock, fused_kernels
from swapdae.autoencoder.layers.body import BodyNetwork


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
        if self.compiled and x.device.type == "cpu":
            dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
            if fused_kernels(x, dtype, self.n_heads, self.d_feedforward) is not None:
                fused: Tensor = FusedBlock.apply(x, dtype, self.n_heads, *self._weights())  # type: ignore[no-untyped-call]
                return fused
        return self.plain(x)[0]

    def plain(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs in torch's own operations, and the outputs (batch, tokens, d_feedforward) of the ReLU inside."""
        batch, tokens, d = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.n_heads, d // self.n_heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]
        weights = ((query * (d // self.n_heads) ** -0.5) @ key.transpose(-2, -1)).softmax(dim=-1)
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2).reshape(batch, tokens, d)
        x = self.norm_attention(x + self.out(mixed))
        up, relu, down = self.feedforward
        hidden = relu(up(x))
        return self.norm_feedforward(x + down(hidden)), hidden

    def _weights(self) -> BlockWeights:
        up, _, down = self.feedforward
        layers: Iterable[nn.Module] = (self.qkv, self.out, self.norm_attention, up, down, self.norm_feedforward)
        return BlockWeights(*(layer.get_parameter(name) for layer in layers for name in ("weight", "bias")))


class Transformer(BodyNetwork):
    """One wide linear-ReLU layer cut into subspaces, which are the tokens of transformer blocks.

    Features are the outputs of every block. Units are the outputs of every ReLU: the first layer's, then each
    feed-forward's, a token's after the other's.
    """

    def __init__(
        self,
        n_inputs: int,
        *,
        n_subspaces: int,
        d_subspace: int,
        n_blocks: int,
        n_heads: int,
        d_feedforward: int,
        compiled: bool,
    ) -> None:
        d = n_subspaces * d_subspace
        super().__init__(d, n_blocks * d, n_units=d + n_blocks * n_subspaces * d_feedforward)
        self.shape = (n_subspaces, d_subspace)
        self.excite = nn.Linear(n_inputs, d)
        self.blocks = nn.ModuleList(
            Block(d_subspace, n_heads, d_feedforward, compiled=compiled) for _ in range(n_blocks)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        tokens = self._tokens(x)
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens.flatten(1))
        return outputs

    def with_units(self, x: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self._tokens(x)
        features, units = [], [tokens.flatten(1)]
        for block in cast(Iterable[Block], self.blocks):
            tokens, hidden = block.plain(tokens)  # the compiled block does not keep what is inside it
            features.append(tokens.flatten(1))
            units.append(hidden.flatten(1))
        return torch.cat(features, dim=1), torch.cat(units, dim=1)

    def _tokens(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.excite(x)).relu().view(-1, *self.shape)
