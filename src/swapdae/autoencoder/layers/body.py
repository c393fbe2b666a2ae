"""What the rest of an autoencoder asks of its body's network."""

import torch
from torch import Tensor, nn


class BodyNetwork(nn.Module):
    """forward(x), x (batch, n_inputs), gives outputs (batch, width) layer by layer, or block by block.

    The heads read the last output, of width d_last; features are all of them side by side, d_features wide. n_units:
    how many units `with_units` gives, where they are not the features.
    """

    def __init__(self, d_last: int, d_features: int, n_units: int | None = None) -> None:
        super().__init__()
        self.d_last, self.d_features, self.n_units = d_last, d_features, d_features if n_units is None else n_units

    def with_units(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (batch, d_features), and the activations (batch, n_units) whose firing is studied: the features
        themselves, unless the body's activation functions sit elsewhere."""
        features = torch.cat(self(x), dim=1)
        return features, features
