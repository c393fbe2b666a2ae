"""Embeddings of numbers, put beside the network's inputs: piecewise linear and periodic.

After Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep learning", NeurIPS 2022.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from swapdae.autoencoder.config import EmbeddingConfig
from swapdae.encoding.encoder import Codes, Layout


class Embedding(nn.Module):
    """forward(x): inputs (batch, n_inputs), whose last n_numbers are numbers -> (batch, n_inputs + n_numbers * size),
    the embedded numbers side by side behind the inputs."""

    def __init__(self, layout: Layout, config: EmbeddingConfig) -> None:
        super().__init__()
        self.n_binary, self.d_out = layout.n_binary, layout.n_inputs + layout.n_numbers * config.size

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.embedded(x[:, self.n_binary :, None]).flatten(1).to(x.dtype)], dim=1)

    def embedded(self, numbers: Tensor) -> Tensor:
        """(batch, n_numbers, 1) -> (batch, n_numbers, size)."""
        raise NotImplementedError

    def fit(self, codes: Codes, layout: Layout) -> None:
        """What is taken from rows, without their targets."""


class Piecewise(Embedding):
    """Value t of a number in (b_t, b_t+1): how much of that bin lies below it, 0..1. The bins' edges are quantiles;
    where quantiles agree there are fewer bins, and the values that are left over are 0."""

    start: Tensor
    slope: Tensor

    def __init__(self, layout: Layout, config: EmbeddingConfig) -> None:
        super().__init__(layout, config)
        self.size = config.size
        self.register_buffer("start", torch.zeros(layout.n_numbers, config.size))
        self.register_buffer("slope", torch.zeros(layout.n_numbers, config.size))

    def embedded(self, numbers: Tensor) -> Tensor:
        return ((numbers - self.start) * self.slope).clamp(0, 1)

    def fit(self, codes: Codes, layout: Layout) -> None:
        for j, name in enumerate(layout.numbers):
            x = codes.x_num[:, j]
            if name in layout.indicators:
                x = x[~codes.missing[:, layout.indicators.index(name)]]
            edges = np.unique(np.quantile(x, np.linspace(0, 1, self.size + 1))) if len(x) else x
            n = max(len(edges) - 1, 0)
            self.start[j, :n] = torch.from_numpy(edges[:-1])
            self.slope[j, :n] = torch.from_numpy(1 / np.diff(edges))


class Periodic(Embedding):
    """ReLU(linear(sin, cos of 2 pi f x)) with learned frequencies f and a linear layer of every number's own."""

    def __init__(self, layout: Layout, config: EmbeddingConfig) -> None:
        super().__init__(layout, config)
        k, n = config.frequencies, layout.n_numbers
        self.frequencies = nn.Parameter(config.sigma * torch.randn(n, k).clamp(-3, 3))
        bound = (2 * k) ** -0.5
        self.weight = nn.Parameter(torch.empty(n, 2 * k, config.size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n, config.size).uniform_(-bound, bound))

    def embedded(self, numbers: Tensor) -> Tensor:
        angles = 2 * math.pi * self.frequencies * numbers
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        return (torch.einsum("bnk,nkd->bnd", waves, self.weight.to(waves.dtype)) + self.bias).relu()


def new_embedding(layout: Layout, config: EmbeddingConfig | None) -> Embedding | None:
    """None where none is asked for, or there are no numbers."""
    if config is None or not layout.n_numbers:
        return None
    return Piecewise(layout, config) if config.kind == "piecewise" else Periodic(layout, config)
