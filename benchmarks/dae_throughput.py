"""Rows per second of the autoencoder's training and feature extraction against textbook code, in one process.

python benchmarks/dae_throughput.py [--quick] [--curves]: the published sizes (70 inputs, transformer of 3 blocks on 8
subspaces of 128, feed-forward 512, and the deep stack 3 x 1536; batch 384; the published noise), the engine's step
against benchmarks/textbook.py's, in turns of a few seconds each, and the machine's matrix-product peak in the same
run. Features go to disk: float16 from the engine, float32 from the textbook code. With --curves both are trained on
the same rows from 3 seeds, and their losses compared (pictures go to docs/throughput_curves_<body>.svg).
The engine tells glibc to keep freed memory, which speeds up the textbook code of the same process a little, too.
Prints tables, then one line of JSON: ratio, rows_per_s, baseline_rows_per_s, peak_share, of the transformer, the same
of the stack (stack_...), and features_... of the transformer's features.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import read_features
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.base.device import Device, resolve_device
from swapdae.encoding.encoder import Codes, Layout
from textbook import Textbook

LEVELS = (2, 2, 2, 4, 4, 4, 8, 8, 7, 15)
RATES = (0.95, 0.4, 0.7, *[0.9] * 7)
N_NUMBERS = 14
SEEDS = (0, 1, 2)
LAYOUT = Layout(
    LEVELS, 0, N_NUMBERS, tuple(f"cat{j}" for j in range(10)), (), tuple(f"cont{j}" for j in range(N_NUMBERS))
)


def published(body: str) -> DaeConfig:
    """The published noise and training on the sizes of `body`."""
    noise = {"per": "one_hot", "donor": "row", "numerical": 0.25}
    columns = dict(zip(LAYOUT.categorical, RATES, strict=True))
    training = {"optimizer": "adam", "learning_rate": 3e-4, "batch_size": 384}
    return DaeConfig.model_validate(
        {
            "body": {"kind": body} if body == "transformer" else {"kind": body, "activation": "relu"},
            "noise": {**noise, "columns": columns},
            "loss": {"categories": "binary", "mask": 2},
            "training": training,
        }
    )


def some_rows(n: int) -> Codes:
    """Rows of the published schema that hang together: all columns follow four hidden numbers."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(n, 4))
    x_num = hidden @ rng.normal(size=(4, N_NUMBERS)) + 0.5 * rng.normal(size=(n, N_NUMBERS))
    score = hidden @ rng.normal(size=(4, len(LEVELS))) + 0.5 * rng.normal(size=(n, len(LEVELS)))
    ranks = score.argsort(axis=0).argsort(axis=0) / n
    x_cat = (ranks * np.array(LEVELS)).astype(np.int16) + 1
    x_num = (x_num - x_num.mean(axis=0)) / x_num.std(axis=0)
    return Codes(x_cat, np.zeros((n, 0), dtype=bool), x_num.astype(np.float32))


class Engine:
    """Our side: the resident rows, shuffled anew each epoch, and the step."""

    def __init__(self, codes: Codes, config: DaeConfig, device: Device, seed: int) -> None:
        generator = device.generator(seed)
        torch.manual_seed(seed)
        self.codes, self.device = codes, device
        self.model = Autoencoder(LAYOUT, config).to(device.device)
        self.step = Step(self.model, SwapNoise(config.noise, LAYOUT, device.device, generator), config, device)
        rows, size = Rows.of(codes, device.device), min(config.training.batch_size, len(codes))

        def batches() -> Any:
            while True:
                order = torch.randperm(len(rows), device=device.device, generator=generator)
                for i in range(len(rows) // size):
                    yield rows[order[i * size : (i + 1) * size]]

        self._batches = batches()

    def __call__(self) -> torch.Tensor:
        return self.step(next(self._batches))[0]

    def write_features(self, file: Path) -> None:
        shape = (len(self.codes), self.model.d_features)
        out = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
        _write(read_features(self.model, self.codes, LAYOUT, self.device), out)


class Baseline:
    """The textbook's side, with the same face."""

    def __init__(self, codes: Codes, config: DaeConfig, seed: int) -> None:
        self.codes, self.model = codes, Textbook(codes, LAYOUT, config, seed)
        self._batches = self.model.epochs()

    def __call__(self) -> float:
        return self.model.step(next(self._batches))

    def write_features(self, file: Path, d: int) -> None:
        out = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(len(self.codes), d))
        _write(self.model.features(), out)


def _write(blocks: Any, out: NDArray[Any]) -> None:
    start = 0
    for block in blocks:
        out[start : start + len(block)] = block
        start += len(block)


def in_turns(turns: int, seconds: float, *sides: Callable[[], object]) -> list[list[float]]:
    """Calls per second of each side, by turn: A B A B ..., so that a busy machine slows both."""
    for side in sides:
        for _ in range(3):
            side()
    speeds: list[list[float]] = [[] for _ in sides]
    for _, (side, found) in itertools.product(range(turns), list(zip(sides, speeds, strict=True))):
        started, calls = time.perf_counter(), 0
        while (passed := time.perf_counter() - started) < seconds:
            side()
            calls += 1
        found.append(calls / passed)
    return speeds


def peak(dtype: torch.dtype, n: int = 2048) -> Callable[[], object]:
    """One square product of 2 n^3 operations."""
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    return lambda: a @ b


def flop_per_row(model: torch.nn.Module, body: str) -> float:
    """Of a training row: two per weight and application forward, twice that backward; no gradient of the inputs."""
    matrices = {name: p.numel() for name, p in model.named_parameters() if p.ndim == 2}
    forward = sum(2 * size * (8 if ".blocks." in name else 1) for name, size in matrices.items())
    attention = 3 * 2 * 2 * 8 * 8 * 128 if body == "transformer" else 0
    first = next(2 * size for name, size in matrices.items() if ".excite." in name or ".layers.0." in name)
    return 3.0 * (forward + attention) - first


def training(body: str, codes: Codes, device: Device, turns: int, seconds: float) -> dict[str, float]:
    """Speeds of both sides and of matrix products; medians over turns."""
    config = published(body)
    engine, baseline = Engine(codes, config, device, 0), Baseline(codes, config, 0)
    speeds = in_turns(turns, seconds, engine, baseline, peak(torch.float32), peak(torch.bfloat16))
    batch, flop = config.training.batch_size, flop_per_row(engine.model, body)
    ours, theirs = (float(np.median(s)) * batch for s in speeds[:2])
    ratios = np.array(speeds[0]) / np.array(speeds[1])
    float32, bfloat16 = (float(np.median(s)) * 2 * 2048**3 / 1e9 for s in speeds[2:])
    gflops = ours * flop / 1e9
    top = float32 if device.dtype is torch.float32 else bfloat16
    print(f"{body}: {flop / 1e6:.1f} MFLOP a training row, {device}, {torch.get_num_threads()} threads")
    print(f"  engine    {ours:8,.0f} rows/s {gflops:7.1f} GFLOP/s, {gflops / top:.1%} of the peak of its products")
    print(f"  textbook  {theirs:8,.0f} rows/s {theirs * flop / 1e9:7.1f} GFLOP/s")
    print(f"  ratio     {np.median(ratios):8.2f} (from {ratios.min():.2f} to {ratios.max():.2f} over {turns} turns)")
    print(f"  peak of matrix products: float32 {float32:.0f}, bfloat16 {bfloat16:.0f} GFLOP/s")
    return {
        "ratio": float(np.median(ratios)),
        "rows_per_s": ours,
        "baseline_rows_per_s": theirs,
        "gflops": gflops,
        "peak_share": gflops / top,
        "peak_float32_gflops": float32,
        "peak_bfloat16_gflops": bfloat16,
    }


def extraction(body: str, codes: Codes, device: Device, turns: int) -> dict[str, float]:
    """Speeds of both sides' features to disk."""
    config = published(body)
    engine, baseline = Engine(codes, config, device, 0), Baseline(codes, config, 0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.npy"
        speeds = in_turns(
            turns,
            0.0001,
            lambda: engine.write_features(file),
            lambda: baseline.write_features(file, engine.model.d_features),
        )
    ours, theirs = (float(np.median(s)) * len(codes) for s in speeds)
    ratio = float(np.median(np.array(speeds[0]) / np.array(speeds[1])))
    print(f"{body}: features to disk {ours:,.0f} rows/s against {theirs:,.0f}, ratio {ratio:.2f}")
    return {"ratio": ratio, "rows_per_s": ours, "baseline_rows_per_s": theirs}


def curves(body: str, codes: Codes, device: Device, n_epochs: int) -> dict[str, float]:
    """Both sides' mean loss of every epoch on the same rows, from each of SEEDS; the last as mean and deviation."""
    config, n_batches = published(body), len(codes) // 384
    found = np.empty((2, len(SEEDS), n_epochs))
    for s, seed in enumerate(SEEDS):
        sides: tuple[Callable[[], Any], ...] = (
            Engine(codes, config, device, seed),
            Baseline(codes, config, seed),
        )
        for side, trained in enumerate(sides):
            for epoch in range(n_epochs):
                found[side, s, epoch] = np.mean([float(trained()) for _ in range(n_batches)])
    last = found[:, :, -1]
    mean, deviation = last.mean(axis=1), last.std(axis=1, ddof=1)
    print(f"{body}: loss after {n_epochs} epochs of {n_batches * 384:,} rows, {len(SEEDS)} seeds")
    for name, m, d in zip(("engine", "textbook"), mean, deviation, strict=True):
        print(f"  {name:9} {m:.4f} +- {d:.4f}")
    draw(found, body)
    return {"loss": mean[0], "loss_sd": deviation[0], "baseline_loss": mean[1], "baseline_loss_sd": deviation[1]}


def draw(found: NDArray[Any], body: str) -> None:
    """found: (2, seeds, epochs), to docs/throughput_curves_<body>.svg."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for side, name, color in zip(found, ("engine", "textbook"), ("C0", "C1"), strict=True):
        for s, curve in enumerate(side):
            axes.plot(np.arange(1, len(curve) + 1), curve, color=color, alpha=0.6, label=None if s else name)
    axes.set(xlabel="epoch", ylabel="training loss", yscale="log", title=f"{body}, the same rows, {len(SEEDS)} seeds")
    axes.legend()
    figure.savefig(Path(__file__).parents[1] / "docs" / f"throughput_curves_{body}.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns")
    parser.add_argument("--curves", action="store_true", help="train both sides and compare their losses, too")
    arguments = parser.parse_args()
    quick = arguments.quick
    turns, seconds = (3, 1.0) if quick else (7, 3.0)
    codes, device = some_rows(40_000), resolve_device("cpu")
    few = codes[: 4_000 if quick else 20_000]
    figures: dict[str, float] = {}
    for body, prefix in (("transformer", ""), ("stack", "stack_")):
        figures |= {prefix + k: v for k, v in training(body, codes, device, turns, seconds).items()}
    for body, prefix in (("transformer", "features_"), ("stack", "stack_features_")):
        figures |= {prefix + k: v for k, v in extraction(body, few, device, turns).items()}
    if arguments.curves:
        for body, prefix in (("transformer", ""), ("stack", "stack_")):
            n_rows, n_epochs = (384 * 8, 6) if quick else (384 * 26, 20)
            figures |= {prefix + k: v for k, v in curves(body, codes[:n_rows], device, n_epochs).items()}
    print(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))


if __name__ == "__main__":
    main()
