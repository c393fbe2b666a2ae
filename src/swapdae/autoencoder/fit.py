"""From encoded rows to a trained autoencoder, and from that to the features of any rows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.progress import Epoch
from swapdae.autoencoder.progress_bar import progress_bar
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Inputs, Rows, SwapNoise
from swapdae.autoencoder.training import OnEpoch, Training
from swapdae.base.device import Device
from swapdae.base.random import seeded
from swapdae.base.signals import DeferredSignals
from swapdae.encoding.encoder import Codes, Layout


def fit_autoencoder(
    codes: Codes,
    layout: Layout,
    config: DaeConfig,
    *,
    seed: int,
    device: Device,
    work: Path | None = None,
    title: str = "autoencoder",
    show_progress: bool = True,
    on_epoch: OnEpoch = lambda model, epoch: None,
) -> tuple[Autoencoder, list[Epoch]]:
    """Train on all rows of `codes`; returns the network and the log, one entry per epoch.

    With `work` a checkpoint is kept in that directory and resumed from. It is written after every epoch and, inside
    one, every few minutes and before Ctrl-C or SIGTERM take effect; on a CPU a resumed training ends as an unbroken one
    does, to the bit. It stays there when the training has ended. Where the loss explodes, training goes back to the
    start of the epoch, once, and on at a tenth of the learning rate.

    on_epoch: called after each epoch; may raise to stop. Raises UserError where a checkpoint does not fit or the
    device's memory does not hold the training, FloatingPointError where the loss explodes again.
    """
    model = untrained_autoencoder(codes, layout, config, seed=seed, device=device)
    noise = SwapNoise(config.noise, layout, device.device, device.generator(seed))
    step = Step(model, noise, config, device)
    training = Training(step, Rows.of(codes, device.device), config, device, seed, work)
    total = training.n_batches * config.training.epochs
    with (
        DeferredSignals(active=work is not None) as signals,
        progress_bar(title, total, disable=not show_progress) as bar,
    ):
        training.run(bar, signals, on_epoch)
    return model.eval(), training.progress.log


def untrained_autoencoder(codes: Codes, layout: Layout, config: DaeConfig, *, seed: int, device: Device) -> Autoencoder:
    """The network as training begins: random weights, an embedding fitted on the rows of `codes`."""
    with seeded(seed, device):
        model = Autoencoder(layout, config)
    if model.embedding is not None:
        model.embedding.fit(codes, layout)
    return model.to(device.device)


def read_features(
    model: Autoencoder, codes: Codes, layout: Layout, device: Device, batch_size: int = 4096
) -> Iterator[NDArray[np.float32]]:
    """The features of every row, in order, as float32 blocks of up to (batch_size, d_features)."""
    inputs = Inputs(layout, device.device)
    model.eval()
    with torch.inference_mode(), device.autocast():
        for start in range(0, len(codes), batch_size):
            rows = Rows.of(codes[start : start + batch_size], device.device)
            yield device.to_host(model.features(inputs(rows)).float())
