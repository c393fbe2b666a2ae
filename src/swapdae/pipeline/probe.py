"""What a plan needs to know of the table and of the machine: sizes, and speeds measured in about three seconds."""

import os
import time
from collections.abc import Callable

import numpy as np

from swapdae.base.device import Device, resolve_device
from swapdae.encoding.encoder import encode
from swapdae.experiment.costs import Machine, TableSize
from swapdae.pipeline.run import Run

Clock = Callable[[], float]
SECONDS = 0.4  # of each measurement, at least
ROWS, WIDTH = 2048, 768  # of the float64 products; a network's are of 512 rows
STEPS_FROM = 20_000  # rows that the autoencoder is encoded on, so that most levels are there
BOOSTED, COLUMNS, ROUNDS = 20_000, 16, 40


def size_of(run: Run) -> TableSize:
    """Of the run's table and folds; with several targets, of that with most classes."""
    parts = [part.data for part in run.parts]
    data = max(parts, key=lambda data: len(data.table.classes))
    table, folds = data.table, data.folds
    n_classes = len(table.classes)
    return TableSize(
        n_train=table.n_train,
        n_test=table.n_test,
        n_fits=folds.n_fits,
        share=float(np.mean([len(folds.train(k)) for k in range(folds.n_fits)])) / table.n_train,
        n_cat=len(table.categorical),
        n_num=len(table.numerical),
        n_levels=sum(data.frame[name].nunique() for name in table.categorical),
        n_outputs=n_classes if n_classes > 2 else 1,
        n_targets=len(parts),
    )


def measured(run: Run, clock: Clock = time.perf_counter) -> Machine:
    """Its speeds, once; what is measured sees no target."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, WIDTH))
    device = resolve_device(run.device)
    step, d_features = _step(run, device, clock) if run.experiment.uses_dae else (0.0, 0)
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        device=str(device),
        gpu=device.kind == "cuda",
        product=2 * ROWS * WIDTH**2 / _seconds(lambda: x.T @ x, clock),
        network=_network(device, clock),
        boosting=_boosting(rng, clock),
        step=step,
        d_features=d_features,
    )


def _seconds(work: Callable[[], object], clock: Clock) -> float:
    """The mean time of `work`, the first of which is not counted."""
    work()
    started, n = clock(), 0
    while (passed := clock() - started) < SECONDS:
        work()
        n += 1
    return passed / n


def _network(device: Device, clock: Clock) -> float:
    import torch

    a, b = (torch.ones(512, n, device=device.device, dtype=device.dtype) for n in (512, WIDTH))
    return 2 * 512 * 512 * WIDTH / _seconds(lambda: device.to_host((a @ b)[0, 0].float()), clock)


def _boosting(rng: np.random.Generator, clock: Clock) -> float:
    """Seconds of LightGBM on made-up rows."""
    import lightgbm as lgb

    x = rng.standard_normal((BOOSTED, COLUMNS))
    y = x[:, 0] * x[:, 1] + x[:, 2] + rng.standard_normal(BOOSTED)
    options = {"objective": "regression", "num_leaves": 31, "verbosity": -1, "force_row_wise": True, "seed": 0}
    started = clock()
    lgb.train(options, lgb.Dataset(x, y, params=options), ROUNDS)
    return clock() - started


def _step(run: Run, device: Device, clock: Clock) -> tuple[float, int]:
    """Seconds of one step of the run's own autoencoder, and how many features it makes."""
    from swapdae.autoencoder.fit import untrained_autoencoder
    from swapdae.autoencoder.step import Step
    from swapdae.autoencoder.swap_noise import Rows, SwapNoise

    part = run.parts[0]
    config, frame, table = run.experiment.dae, part.data.frame, part.data.table
    chosen = np.sort(np.random.default_rng(0).permutation(len(frame))[:STEPS_FROM])
    sample = frame.iloc[chosen].reset_index(drop=True)
    codes, layout = encode(sample, np.arange(len(sample)), table.categorical, table.numerical)
    model = untrained_autoencoder(codes, layout, config, seed=0, device=device)
    noise = SwapNoise(config.noise, layout, device.device, device.generator(0))
    step = Step(model.train(), noise, config, device)
    step.set_learning_rate(config.training.learning_rate)
    rows = Rows.of(codes[np.arange(min(config.training.batch_size, len(sample)))], device.device)
    return _seconds(lambda: device.to_host(step(rows)), clock), model.d_features
