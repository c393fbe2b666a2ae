"""The perceptron on an autoencoder's body instead of on stored features, so that the body is trained along with it."""

from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swapdae.autoencoder.fit import read_features
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.swap_noise import Inputs, Rows
from swapdae.base.device import Device
from swapdae.base.random import seeded
from swapdae.encoding.encoder import Codes
from swapdae.heads.mlp_network import MLP, ROWS, FittedMLP, MLPConfig, RowWeights, Scaling, train
from swapdae.heads.objective import Objective

Array = NDArray[Any]


class FineTuned(nn.Module):
    """(batch,) encoded rows -> (batch, n_members, d_out): the body, its features standardized, the perceptron.

    The standardization is that of the pre-trained body's features, and stays.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, autoencoder: Autoencoder, scaling: Scaling, perceptron: MLP, inputs: Inputs) -> None:
        super().__init__()
        self.autoencoder, self.perceptron, self._inputs = autoencoder, perceptron, inputs
        self.register_buffer("mean", scaling.mean)
        self.register_buffer("deviation", scaling.deviation)

    def forward(self, rows: Rows) -> Tensor:
        features = self.autoencoder.features(self._inputs(rows)).float()
        return torch.as_tensor(self.perceptron((features - self.mean) / self.deviation))


def fine_tune(
    autoencoder: Autoencoder,
    codes: Codes,
    fit: tuple[Array, Array],
    stop: tuple[Array, Array],
    objective: Objective,
    config: MLPConfig,
    *,
    body_rate: float,
    seed: int,
    device: Device,
    weights: RowWeights = (None, None),
) -> FittedMLP:
    """As fit_mlp on the autoencoder's features of `codes`, but the body, which is changed in place, is trained too.

    autoencoder: pre-trained, on the device. codes: of all rows. body_rate: the body's share of the learning rate.
    """
    layout = autoencoder.layout
    features = read_features(autoencoder, codes[fit[0]], layout, device)
    scaling = Scaling.of(torch.from_numpy(part) for part in features)

    def read(rows: Array) -> Iterator[Rows]:
        for start in range(0, len(rows), ROWS):
            yield Rows.of(codes[rows[start : start + ROWS]], device.device)

    with seeded(seed, device):
        perceptron = MLP(autoencoder.d_features, objective.d_out, config)
        model = FineTuned(autoencoder, scaling, perceptron, Inputs(layout, device.device)).to(device.device)
        x, held = (Rows.of(codes[rows], device.device) for rows, _ in (fit, stop))
        y, y_held = (objective.target(part[1], device.device) for part in (fit, stop))
        slow = [part for part in (autoencoder.embedding, autoencoder.body) if part is not None]
        parts = [(1.0, perceptron), *((body_rate, part) for part in slow)]
        train(model, parts, (x, y), (held, y_held), objective, config, device, weights)
    return FittedMLP(model, read, objective, device)
