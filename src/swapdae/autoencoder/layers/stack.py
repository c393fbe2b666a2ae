"""Linear layers of one width, the network that the published one grew from."""

import itertools
from typing import Literal

from torch import Tensor, nn

from swapdae.autoencoder.layers.body import BodyNetwork


class Stack(BodyNetwork):
    """n_layers x (linear, activation) of one width; features are every layer's outputs."""

    def __init__(self, n_inputs: int, width: int, n_layers: int, activation: Literal["relu", "gelu"]) -> None:
        super().__init__(width, n_layers * width)
        self.activation = nn.GELU() if activation == "gelu" else nn.ReLU()
        widths = [n_inputs] + [width] * n_layers
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for layer in self.layers:
            x = self.activation(layer(x))
            outputs.append(x)
        return outputs
