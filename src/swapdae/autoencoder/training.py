"""The training loop of the autoencoder, which can be left after every step and taken up again."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress as Bar

from swapdae.autoencoder.checkpoint import load_checkpoint, save_checkpoint
from swapdae.autoencoder.config import DaeConfig, TrainingConfig
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.progress import Epoch, Progress
from swapdae.autoencoder.step import State, Step
from swapdae.autoencoder.swap_noise import Rows
from swapdae.base.device import Device
from swapdae.base.signals import DeferredSignals

SAVE_EVERY = 300.0  # seconds between two checkpoints where an epoch is longer
LOWERED = 0.1  # of the configured rate after a roll-back; there is no third try, so half would be too little

logger = logging.getLogger(__name__)
OnEpoch = Callable[[Autoencoder, Epoch], None]


def learning_rate(step: int, n_steps: int, steps_per_epoch: int, config: TrainingConfig) -> float:
    """The rate of a step: linear warm-up, then a cosine to 0 or a factor per epoch."""
    warm = max(1, round(config.warmup * n_steps))
    rise = min(1.0, (step + 1) / warm) if config.warmup else 1.0
    if config.schedule == "exponential":
        return config.learning_rate * rise * config.decay ** (step // steps_per_epoch)
    return config.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / n_steps))


class Training:
    """One training under way: its step, how far it has come, and the state at the epoch's start to go back to.

    work: the directory of its checkpoint, from which it goes on where there is one; None keeps none.
    """

    def __init__(
        self, step: Step, rows: Rows, config: DaeConfig, device: Device, seed: int, work: Path | None = None
    ) -> None:
        self._step, self._rows, self._config, self._device, self._seed = step, rows, config, device, seed
        # A short last batch is dropped, as published; a table shorter than one batch is one batch.
        self._batch = min(config.training.batch_size, len(rows))
        self.n_batches = len(rows) // self._batch
        self.progress = Progress()
        self._unchecked = torch.zeros(2, device=device.device)
        self._mask_auc: float | None = None  # at the last epoch's end
        self._start: State | None = step.copy()  # None once it has been gone back to
        self._checkpoint = None if work is None else work / "checkpoint.safetensors"
        if self._checkpoint is not None and self._checkpoint.exists():
            self._resume(self._checkpoint)
        self._clock = self._saved = time.perf_counter()

    def run(self, bar: Bar, signals: DeferredSignals, on_epoch: OnEpoch) -> None:
        """Train to the last epoch. Each turn is one step, after which the training can be left and taken up again."""
        self._step.model.train()
        progress, order = self.progress, self._order()
        while len(progress.log) < self._config.training.epochs:
            rate = self._set_rate()
            batch = order[progress.done * self._batch : (progress.done + 1) * self._batch]
            self._unchecked += self._step(self._rows[batch])
            progress.done += 1
            if progress.check_is_due(self.n_batches) and self._has_exploded(loss := self._check(order)):
                self._roll_back(loss, rate)
            elif progress.done == self.n_batches:
                self._end_epoch(rate, bar)
                on_epoch(self._step.model, progress.log[-1])
                order = self._order()
            bar.update(bar.task_ids[0], completed=len(progress.log) * self.n_batches + progress.done)
            leave = signals.pending  # asked once: a signal during the next line waits for the next step's end
            if leave or progress.done == 0 or time.perf_counter() - self._saved > SAVE_EVERY:
                self._save()
            if leave:
                signals.deliver()

    def _order(self) -> torch.Tensor:
        """The order of an epoch's rows: it follows from seed and number alone, so that no checkpoint need hold it."""
        (seed,) = np.random.SeedSequence((self._seed, len(self.progress.log))).generate_state(1, np.uint64)
        generator = self._device.generator(int(seed >> np.uint64(1)))
        return torch.randperm(len(self._rows), device=self._device.device, generator=generator)

    def _set_rate(self) -> float:
        progress, training = self.progress, self._config.training
        rate = learning_rate(self._n_steps, training.epochs * self.n_batches, self.n_batches, training)
        rate *= 1.0 if progress.rolled_back_at is None else LOWERED
        self._step.set_learning_rate(rate)
        return rate

    def _check(self, order: torch.Tensor) -> float:
        """The mean loss since the last check; at an epoch's end, if that is sound, one of the weights that are kept."""
        loss = self.progress.check(self._read_unchecked())
        self._unchecked.zero_()
        if self.progress.done < self.n_batches or self.progress.explodes(loss):
            return loss
        before = self._step.generator.get_state()
        evaluated, self._mask_auc = self._step.evaluate(self._rows[order[: self._batch]])
        self._step.generator.set_state(before)
        return evaluated

    def _has_exploded(self, loss: float) -> bool:
        progress = self.progress
        if not progress.explodes(loss):
            return False
        if not progress.is_of_its_rows(self._n_steps, loss):
            return True
        logger.warning("the autoencoder's loss is %.3g there again: rows far from the others, not the rate", loss)
        progress.forgive(loss)
        return False

    @property
    def _n_steps(self) -> int:
        return len(self.progress.log) * self.n_batches + self.progress.done

    def _read_unchecked(self) -> list[float]:
        found: list[float] = self._device.to_host(self._unchecked).tolist()
        return found

    def _end_epoch(self, rate: float, bar: Bar) -> None:
        progress = self.progress
        self._tick()
        loss, corrupted = (total / self.n_batches for total in progress.totals)
        speed = self.n_batches * self._batch / (progress.seconds - progress.began)
        epoch = len(progress.log) + 1, loss, corrupted, rate, speed, progress.seconds
        progress.log.append(Epoch(*epoch, progress.rolled_back_at, self._mask_auc))
        progress.begin_epoch()
        bar.update(bar.task_ids[0], loss=f"{loss:.4f}", speed=f"{speed:,.0f}")
        if progress.rolled_back_at is None:
            self._start = self._step.copy()

    def _roll_back(self, loss: float, rate: float) -> None:
        """To the epoch's start at a lower rate. Raises FloatingPointError the second time."""
        progress, step = self.progress, self._n_steps
        found = f"loss is {loss:.3g} in step {step} (epoch {len(progress.log) + 1}) at learning rate {rate:.2g}"
        if self._start is None:
            since = progress.rolled_back_at
            lowered = "again in this epoch" if since is None else f"a tenth of its schedule since step {since}"
            raise FloatingPointError(f"the autoencoder's {found}, {lowered}; lower training.learning_rate")
        logger.warning("the autoencoder's %s: back to the start of the epoch, on at a tenth of the rate", found)
        self._step.restore(self._start)
        self._start = None
        self._unchecked.zero_()
        self._tick()
        progress.rolled_back_at, progress.alarm = step, loss
        progress.begin_epoch()

    def _tick(self) -> None:
        before, self._clock = self._clock, time.perf_counter()
        self.progress.seconds += self._clock - before

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be gone on from."""
        device = f"{self._device.kind}, {self._device.dtype}"
        return {"config": self._config.decisive(), "seed": self._seed, "n_rows": len(self._rows), "device": device}

    def _resume(self, checkpoint: Path) -> None:
        header, start = load_checkpoint(checkpoint, self._step.restore, self._identity())
        self.progress = Progress.of(header["progress"])
        self._unchecked = torch.tensor(self.progress.unchecked, device=self._device.device)
        gone_back = self.progress.rolled_back_at is not None or (self.progress.done and start is None)
        self._start = None if gone_back else start or self._step.copy()

    def _save(self) -> None:
        self._tick()
        self._saved = self._clock
        if self._checkpoint is not None:
            self.progress.unchecked = self._read_unchecked()
            header = {**self._identity(), "progress": asdict(self.progress)}
            start = self._start if self.progress.done else None
            save_checkpoint(self._checkpoint, self._step.state(), header, start)
