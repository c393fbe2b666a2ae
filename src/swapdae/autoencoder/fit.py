"""The training loop of the autoencoder, and the pass that reads its features out."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from swapdae.autoencoder.checkpoint import Parts, State, load_checkpoint, save_checkpoint
from swapdae.autoencoder.config import DaeConfig, TrainingConfig
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.position import Epoch, Position
from swapdae.autoencoder.progress_bar import progress_bar
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Inputs, Rows, SwapNoise
from swapdae.base.device import Device
from swapdae.base.signals import DeferredSignals
from swapdae.encoding.encoder import Codes, Layout

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

    With `scratch` a checkpoint is kept there and resumed from, and the log goes to scratch/log.jsonl. It is written
    after every epoch and, inside one, every few minutes and before Ctrl-C or SIGTERM take effect; on a CPU a resumed
    training ends as an unbroken one does, to the bit. Where the loss explodes, training goes back to the start of the
    epoch, once, and on at a tenth of the learning rate.

    on_epoch: called after each epoch; may raise to stop. Raises UserError where a checkpoint does not fit,
    FloatingPointError where the loss explodes again.
    """
    generator = torch.Generator(device.device).manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the CUDA devices, too
        model = Autoencoder(layout, config).to(device.device)
    rows = Rows.of(codes, device.device)
    step = Step(model, SwapNoise(config.noise, layout, device.device, generator), config, device)
    loop = _Loop(model, step, generator, rows, config, device, seed)
    if work is not None:
        loop.keep_in(work)
    with (
        DeferredSignals(active=work is not None) as signals,
        progress_bar(title, loop.n_batches * config.training.epochs, disable=not show_progress) as bar,
    ):
        loop.run(bar, signals, on_epoch)
    return model.eval(), loop.at.log


class _Loop:
    """One training: its pieces, where it stands, and the state at the epoch's start to go back to."""

    def __init__(
        self,
        model: Autoencoder,
        step: Step,
        generator: torch.Generator,
        rows: Rows,
        config: DaeConfig,
        device: Device,
        seed: int,
    ) -> None:
        self._model, self._step, self._generator, self._rows = model, step, generator, rows
        self._config, self._device, self._seed = config, device, seed
        # A short last batch is dropped, as published; a table shorter than one batch is one batch.
        self._batch = min(config.training.batch_size, len(rows))
        self.n_batches = len(rows) // self._batch
        self._parts = Parts(model, step.optimizer, generator, step.scaler)
        self.at = Position()
        self._unseen = torch.zeros(2, device=device.device)
        self._mask_auc: float | None = None  # at the last epoch's end
        self._start: State | None = self._parts.copy()  # None once it has been gone back to
        self._scratch: Path | None = None
        self._clock = self._saved = time.perf_counter()

    def keep_in(self, scratch: Path) -> None:
        """Keep checkpoints and log in a directory, and go on from the checkpoint that is there."""
        self._scratch = scratch
        if (file := scratch / "checkpoint.safetensors").exists():
            header, start = load_checkpoint(file, self._parts, self._identity())
            self.at = Position.of(header["position"])
            self._unseen = torch.tensor(self.at.unseen, device=self._device.device)
            self._start = None if self.at.rolled_back_at is not None else start or self._parts.copy()

    def run(self, bar: Progress, signals: DeferredSignals, on_epoch: OnEpoch) -> None:
        """Train to the last epoch. Each turn is one step, after which the training can be left and taken up again."""
        self._model.train()
        at, order = self.at, self._order()
        while len(at.log) < self._config.training.epochs:
            rate = self._set_rate()
            self._unseen += self._step(self._rows[order[at.done * self._batch : (at.done + 1) * self._batch]])
            at.done += 1
            if at.look_is_due(self.n_batches) and at.explodes(loss := self._look(order)):
                self._roll_back(loss, rate)
            elif at.done == self.n_batches:
                self._end_epoch(rate, bar)
                on_epoch(self._model, at.log[-1])
                order = self._order()
            bar.update(bar.task_ids[0], completed=len(at.log) * self.n_batches + at.done)
            leave = signals.pending  # asked once: a signal during the next line waits for the next step's end
            if leave or at.done == 0 or time.perf_counter() - self._saved > SAVE_EVERY:
                self._save()
            if leave:
                signals.deliver()

    def _order(self) -> torch.Tensor:
        """The order of an epoch's rows: it follows from seed and number alone, so that no checkpoint need hold it."""
        (seed,) = np.random.SeedSequence((self._seed, len(self.at.log))).generate_state(1, np.uint64)
        generator = torch.Generator(self._device.device).manual_seed(int(seed >> np.uint64(1)))
        return torch.randperm(len(self._rows), device=self._device.device, generator=generator)

    def _set_rate(self) -> float:
        at, training = self.at, self._config.training
        step = len(at.log) * self.n_batches + at.done
        rate = learning_rate(step, training.epochs * self.n_batches, self.n_batches, training)
        rate *= 1.0 if at.rolled_back_at is None else LOWERED
        self._step.set_learning_rate(rate)
        return rate

    def _look(self, order: torch.Tensor) -> float:
        """The mean loss since the last look; at an epoch's end, if that is sound, one of the weights that are kept."""
        loss = self.at.look(self._unseen.tolist())
        self._unseen.zero_()
        if self.at.done < self.n_batches or self.at.explodes(loss):
            return loss
        before = self._generator.get_state()
        now, self._mask_auc = self._step.look(self._rows[order[: self._batch]])
        self._generator.set_state(before)
        return now

    def _end_epoch(self, rate: float, bar: Progress) -> None:
        at = self.at
        self._tick()
        loss, corrupted = (total / self.n_batches for total in at.totals)
        speed = self.n_batches * self._batch / (at.seconds - at.began)
        number = len(at.log) + 1
        at.log.append(Epoch(number, loss, corrupted, rate, speed, at.seconds, at.rolled_back_at, self._mask_auc))
        at.begin_epoch()
        bar.update(bar.task_ids[0], loss=f"{loss:.4f}", speed=f"{speed:,.0f}")
        if self._start is not None:
            self._start = self._parts.copy()

    def _roll_back(self, loss: float, rate: float) -> None:
        """To the epoch's start at a lower rate. Raises FloatingPointError the second time."""
        at = self.at
        step = len(at.log) * self.n_batches + at.done
        found = f"loss is {loss:.3g} in step {step} (epoch {len(at.log) + 1}) at learning rate {rate:.2g}"
        if self._start is None:
            raise FloatingPointError(
                f"the autoencoder's {found}, a tenth of its schedule since step {at.rolled_back_at}; "
                "lower training.learning_rate"
            )
        logger.warning("the autoencoder's %s: back to the start of the epoch, on at a tenth of the rate", found)
        self._parts.restore(self._start)
        self._start = None
        self._unseen.zero_()
        self._tick()
        at.rolled_back_at = step
        at.begin_epoch()

    def _tick(self) -> None:
        before, self._clock = self._clock, time.perf_counter()
        self.at.seconds += self._clock - before

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be gone on from."""
        config = self._config.model_dump(mode="json")
        device = f"{self._device.kind}, {self._device.dtype}"
        return {"config": config, "seed": self._seed, "n_rows": len(self._rows), "device": device}

    def _save(self) -> None:
        self._tick()
        self._saved = self._clock
        if self._scratch is None:
            return
        self.at.unseen = self._unseen.tolist()
        file, header = self._scratch / "checkpoint.safetensors", {**self._identity(), "position": asdict(self.at)}
        save_checkpoint(file, self._parts, header, start=self._start if self.at.done else None)
        log = self._scratch / "log.jsonl.part"
        log.write_text("".join(json.dumps(vars(epoch)) + "\n" for epoch in self.at.log), encoding="utf-8")
        log.replace(self._scratch / "log.jsonl")


def read_features(
    model: Autoencoder, codes: Codes, layout: Layout, device: Device, batch_size: int = 4096
) -> Iterator[NDArray[np.float32]]:
    """The features of every row, in order, as float32 blocks of up to (batch_size, d_features)."""
    inputs = Inputs(layout, device.device)
    model.eval()
    with torch.inference_mode(), device.autocast():
        for start in range(0, len(codes), batch_size):
            rows = Rows.of(codes[start : start + batch_size], device.device)
            yield model.features(inputs(rows)).float().cpu().numpy()


def write_log(file: Path, log: list[Epoch]) -> None:
    file.write_text("".join(json.dumps(vars(epoch)) + "\n" for epoch in log), encoding="utf-8")
