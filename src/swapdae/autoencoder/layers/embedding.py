"""Embeddings of numbers, which the body reads beside the network's inputs: linear pieces, and learned waves.

After Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep learning", NeurIPS 2022.
"""

import math

import torch
from torch import Tensor, nn

from swapdae.autoencoder.config import EmbeddingConfig
from swapdae.encoding.encoder import Codes, Layout
from swapdae.encoding.pieces import edges_of


class Pieces(nn.Module):
    """(batch, n_numbers, 1) -> (batch, n_numbers, size): how much of each quantile bin lies below the number, 0..1, see
    encoding/pieces.py. Where quantiles agree there are fewer bins, and the last of the values are 0."""

    start: Tensor
    slope: Tensor

    def __init__(self, n_numbers: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("start", torch.zeros(n_numbers, size))
        self.register_buffer("slope", torch.zeros(n_numbers, size))

    def forward(self, numbers: Tensor) -> Tensor:
        return ((numbers - self.start) * self.slope).clamp(0, 1)

    def fit(self, codes: Codes, layout: Layout) -> None:
        """The edges, from all rows of `codes` where the number is not missing."""
        for j, name in enumerate(layout.numbers):
            x = codes.x_num[:, j].astype("float64")
            if name in layout.indicators:
                x = x[~codes.missing[:, layout.indicators.index(name)]]
            edges = torch.from_numpy(edges_of(x, self.size))
            n = max(len(edges) - 1, 0)
            self.start[j, :n], self.slope[j, :n] = edges[:-1], 1 / edges.diff()


class Waves(nn.Module):
    """(batch, n_numbers, 1) -> (batch, n_numbers, size): ReLU(linear(sin and cos of 2 pi f x)), with `size` learned
    frequencies f and a linear layer of every number's own."""

    def __init__(self, n_numbers: int, size: int, sigma: float) -> None:
        super().__init__()
        bound = (2 * size) ** -0.5
        self.frequencies = nn.Parameter(sigma * torch.randn(n_numbers, size).clamp(-3, 3))
        self.weight = nn.Parameter(torch.empty(n_numbers, 2 * size, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_numbers, size).uniform_(-bound, bound))

    def forward(self, numbers: Tensor) -> Tensor:
        angles = 2 * math.pi * self.frequencies * numbers
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        return (torch.einsum("bnk,nkd->bnd", waves, self.weight) + self.bias).relu()


class Embedding(nn.Module):
    """Inputs (batch, n_inputs), whose last n_numbers are numbers -> (batch, d_out): the inputs, behind them pieces and
    waves of each number."""

    def __init__(self, layout: Layout, config: EmbeddingConfig) -> None:
        super().__init__()
        n = layout.n_numbers
        self.n_binary, self.d_out = layout.n_binary, layout.n_inputs + n * (config.pieces + config.waves)
        self.pieces = Pieces(n, config.pieces) if config.pieces else None
        self.waves = Waves(n, config.waves, config.sigma) if config.waves else None

    def forward(self, x: Tensor) -> Tensor:
        numbers = x[:, self.n_binary :, None]
        parts = [part(numbers).flatten(1).to(x.dtype) for part in (self.pieces, self.waves) if part is not None]
        return torch.cat([x, *parts], dim=1)

    def fit(self, codes: Codes, layout: Layout) -> None:
        """What is taken from rows, without their targets."""
        if self.pieces is not None:
            self.pieces.fit(codes, layout)
