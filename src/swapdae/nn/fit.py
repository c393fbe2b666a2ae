"""The training loop of the autoencoder, and the pass that reads its features out."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from swapdae.config import DaeConfig, TrainingConfig
from swapdae.nn.autoencoder import Autoencoder
from swapdae.nn.checkpoint import load_checkpoint, save_checkpoint
from swapdae.nn.device import Device
from swapdae.nn.step import Step
from swapdae.nn.swap_noise import Inputs, Rows, SwapNoise
from swapdae.preprocess import Codes, Layout


@dataclass(frozen=True)
class Epoch:
    """One line of the training log: means over the epoch's batches."""

    epoch: int
    loss: float
    corrupted: float  # share of input cells that really changed
    learning_rate: float
    rows_per_s: float
    seconds: float  # spent in training so far, earlier runs included


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
    scratch: Path | None = None,
    title: str = "autoencoder",
    show_progress: bool = True,
) -> tuple[Autoencoder, list[Epoch]]:
    """Train on all rows of `codes`; returns the network and the log, one entry per epoch.

    With `scratch` a checkpoint is kept there after every epoch and resumed from, and the log goes to
    scratch/log.jsonl. Raises UserError where a checkpoint does not fit, FloatingPointError where the loss is no
    longer finite.
    """
    training = config.training
    generator = torch.Generator(device.device).manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Autoencoder(layout, config).to(device.device)
    rows = Rows.of(codes, device.device)
    step = Step(model, SwapNoise(config.noise, layout, device.device, generator), config, device)
    optimizer = step.optimizer
    loop = _Loop(model, step, generator, rows, config, device)
    log: list[Epoch] = []
    identity = {"config": config.model_dump(mode="json"), "seed": seed, "n_rows": len(rows)}
    if scratch is not None and (scratch / "checkpoint.safetensors").exists():
        header = load_checkpoint(scratch / "checkpoint.safetensors", model, optimizer, generator, identity)
        log = [Epoch(**epoch) for epoch in header["log"]]
    with _progress(title, loop.n_batches * training.epochs, disable=not show_progress) as bar:
        bar.update(bar.task_ids[0], completed=len(log) * loop.n_batches)
        for number in range(len(log), training.epochs):
            log.append(loop.epoch(number, bar, log[-1].seconds if log else 0.0))
            if scratch is not None:
                header = {**identity, "log": [vars(epoch) for epoch in log]}
                save_checkpoint(scratch / "checkpoint.safetensors", model, optimizer, generator, header)
                _write_log(scratch / "log.jsonl", log)
    return model.eval(), log


class _Loop:
    """One training: the pieces that every epoch needs."""

    def __init__(
        self,
        model: Autoencoder,
        step: Step,
        generator: torch.Generator,
        rows: Rows,
        config: DaeConfig,
        device: Device,
    ) -> None:
        self._model, self._step, self._generator = model, step, generator
        self._rows, self._config, self._device = rows, config, device
        # A short last batch is dropped, as published; a table shorter than one batch is one batch.
        self._batch = min(config.training.batch_size, len(rows))
        self.n_batches = len(rows) // self._batch

    def epoch(self, number: int, bar: Progress, seconds_before: float) -> Epoch:
        started = time.perf_counter()
        self._model.train()
        training = self._config.training
        order = torch.randperm(len(self._rows), device=self._device.device, generator=self._generator)
        totals = torch.zeros(2, device=self._device.device)
        rate = 0.0
        for i in range(self.n_batches):
            step = number * self.n_batches + i
            rate = learning_rate(step, training.epochs * self.n_batches, self.n_batches, training)
            self._step.set_learning_rate(rate)
            totals += self._step(self._rows[order[i * self._batch : (i + 1) * self._batch]])
            # The loss is read once an epoch: reading it each step would make a GPU wait for the CPU.
            bar.update(bar.task_ids[0], advance=1)
        loss, corrupted = (totals / self.n_batches).tolist()
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the autoencoder's loss is {loss} in epoch {number + 1} at learning rate {rate:.2g}; lower it"
            )
        seconds = time.perf_counter() - started
        speed = self.n_batches * self._batch / seconds
        bar.update(bar.task_ids[0], loss=f"{loss:.4f}", speed=f"{speed:,.0f}")
        return Epoch(number + 1, loss, corrupted, rate, speed, seconds_before + seconds)


def _progress(title: str, total: int, *, disable: bool) -> Progress:
    bar = Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}  {task.fields[speed]} rows/s"),
        TimeRemainingColumn(),
        disable=disable,
        refresh_per_second=2,
    )
    bar.add_task(title, total=total, loss="-", speed="-")
    return bar


def _write_log(file: Path, log: list[Epoch]) -> None:
    aside = file.with_name(file.name + ".part")
    aside.write_text("".join(json.dumps(vars(epoch)) + "\n" for epoch in log), encoding="utf-8")
    aside.replace(file)


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
