"""One training step of the autoencoder: noise, forward, backward, update, on whole batches or in micro-batches."""

import ctypes
import logging
import sys

import torch
from torch import Tensor

from swapdae.config import DaeConfig, TrainingConfig
from swapdae.nn.autoencoder import Autoencoder, autoencoder_loss
from swapdae.nn.device import Device
from swapdae.nn.swap_noise import Rows, SwapNoise

logger = logging.getLogger(__name__)


class Step:
    """step(rows) trains on one batch and returns its [loss, share of cells really changed], left on the device.

    Where the device's memory does not hold a batch, it is halved into micro-batches, whose gradients are summed: the
    same step, slower. Raises torch.OutOfMemoryError if not even one row fits.
    """

    def __init__(self, model: Autoencoder, noise: SwapNoise, config: DaeConfig, device: Device) -> None:
        self._model, self._noise, self._config, self._device = model, noise, config, device
        self.optimizer = _optimizer(model, config.training)
        self.scaler = torch.amp.GradScaler(device.kind, enabled=device.dtype is torch.float16)
        self._micro = config.training.batch_size
        if device.kind == "cpu":
            _keep_freed_memory()

    def set_learning_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def __call__(self, rows: Rows) -> Tensor:
        clean, corrupted, mask = self._noise(rows)
        while True:
            try:
                loss = self._gradients(clean, corrupted, mask)
                break
            except torch.OutOfMemoryError:
                self._halve(len(rows))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return torch.stack([loss, mask.float().mean()])

    def _gradients(self, clean: Tensor, corrupted: Tensor, mask: Tensor) -> Tensor:
        """Of the batch's mean loss, which is returned; a part weighs its share of rows."""
        self.optimizer.zero_grad(set_to_none=True)
        total = clean.new_zeros(())
        for part in zip(*(x.split(self._micro) for x in (clean, corrupted, mask)), strict=True):
            with self._device.autocast():
                output = self._model(part[1])
                loss = autoencoder_loss(output, part[0], part[2], self._model.layout, self._config.loss)
            loss = loss * (len(part[0]) / len(clean))
            torch.autograd.backward(self.scaler.scale(loss))
            total += loss.detach()
        return total

    def _halve(self, n_rows: int) -> None:
        size = min(self._micro, n_rows)
        if size == 1:
            raise
        self._micro = -(-size // 2)
        if self._device.kind == "cuda":
            torch.cuda.empty_cache()
        logger.warning("out of memory with %d rows at once, going on with %d", size, self._micro)


def _optimizer(model: torch.nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    if config.optimizer == "adam":
        return torch.optim.Adam([*decayed, *plain], lr=config.learning_rate, fused=True)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def _keep_freed_memory() -> None:
    """Tell glibc to keep up to 256 MB of freed memory: the activations of every step would else be given back to the
    system and fetched anew, which took a fifth of a step (9,000 page faults)."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: its largest
            mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD
