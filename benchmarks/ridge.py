"""Ridge of all folds and penalties from one pass, against scikit-learn's Ridge fitted for each: time and memory.

python benchmarks/ridge.py [--quick]: 300,000 x 3,072 float16 features in a file, 5 folds, all penalties that the head
searches (quick: 30,000 x 1,024). Ours is the whole search: held-out errors of every penalty, each fold's choice, and
its out-of-fold predictions. Scikit-learn's time is that of one fit and one prediction, times folds and penalties; both
run in processes of their own. The error is that of the out-of-fold predictions of fold 0 against scikit-learn's in
float64, on 30,000 rows.
Prints a table, then one line of JSON: ratio, max_relative_error, peak_rss_gb.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from fresh_process import alone
from swapdae.base.memory import peak_rss_gb
from swapdae.competition.fold_rows import partition
from swapdae.modelling.moments import PENALTIES, FoldMoments, predict

N_FOLDS, REFERENCE_ROWS = 5, 30_000
Array = NDArray[Any]


def make_features(file: Path, n: int, d: int) -> Array:
    """Correlated, non-negative float16 features like an autoencoder's, written by blocks; returns the target."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(64, d)).astype(np.float32) / 8
    x = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=(n, d))
    y = np.empty(n)
    for start in range(0, n, 10_000):
        hidden = rng.normal(size=(min(10_000, n - start), 64)).astype(np.float32)
        block = np.maximum(hidden @ mixing + 0.3 * rng.normal(size=(len(hidden), d)).astype(np.float32), 0)
        x[start : start + len(block)] = block
        y[start : start + len(block)] = np.sin(hidden[:, 0]) + hidden[:, 1] + 0.5 * rng.normal(size=len(block))
    x.flush()
    return y


def ours(file: Path, y: Array) -> dict[str, float]:
    """Seconds of the search and of the out-of-fold predictions, and the process's peak memory."""
    x, folds = np.load(file, mmap_mode="r"), np.arange(len(y)) % N_FOLDS
    started = time.perf_counter()
    moments = FoldMoments(lambda fold: (x,), y, partition(folds), shared=True)
    total = 0.0
    for fold in range(N_FOLDS):
        held_out = np.flatnonzero(folds == fold)
        oof = predict((x,), held_out, moments.search(fold))[0, :, 0]
        total += float(((oof - y[held_out]) ** 2).sum())
    return {
        "seconds": time.perf_counter() - started,
        "peak_rss_gb": peak_rss_gb(),
        "rmse": (total / len(y)) ** 0.5,
    }


def theirs(file: Path, y: Array) -> dict[str, float]:
    """Seconds of one fit and prediction, on float32 as its users would."""
    folds = np.arange(len(y)) % N_FOLDS
    x = np.load(file, mmap_mode="r")
    train, held_out = np.flatnonzero(folds != 0), np.flatnonzero(folds == 0)
    x_train, x_held_out = x[train].astype(np.float32), x[held_out].astype(np.float32)
    started = time.perf_counter()
    Ridge(alpha=PENALTIES[36], copy_X=False).fit(x_train, y[train].astype(np.float32)).predict(x_held_out)
    return {"seconds": time.perf_counter() - started}


def error(file: Path, y: Array) -> dict[str, float]:
    """Largest difference of predictions from scikit-learn's in float64, relative to the largest prediction."""
    x = np.load(file, mmap_mode="r")[:REFERENCE_ROWS]
    y = y[:REFERENCE_ROWS]
    folds = np.arange(len(y)) % N_FOLDS
    train, held_out = np.flatnonzero(folds != 0), np.flatnonzero(folds == 0)
    moments = FoldMoments(lambda fold: (x,), y, partition(folds), shared=True)
    worst = 0.0
    for alpha in PENALTIES[[24, 36, 48]]:
        mine = predict((x,), held_out, moments.solve(0, float(alpha)))[0, :, 0]
        other = Ridge(alpha=alpha).fit(x[train].astype(np.float64), y[train]).predict(x[held_out].astype(np.float64))
        worst = max(worst, float(np.abs(mine - other).max() / np.abs(other).max()))
    return {"max_relative_error": worst}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, a third of the columns")
    n, d = (30_000, 1_024) if parser.parse_args().quick else (300_000, 3_072)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.npy"
        y = make_features(file, n, d)
        fast, single, off = alone(ours, file, y), alone(theirs, file, y), alone(error, file, y)
    slow = single["seconds"] * N_FOLDS * len(PENALTIES)
    print(f"{n:,} x {d:,}, {N_FOLDS} folds, {len(PENALTIES)} penalties")
    print(f"from moments           {fast['seconds']:10.1f} s, peak {fast['peak_rss_gb']:.2f} GB")
    print(f"scikit-learn, each     {slow:10.1f} s ({single['seconds']:.2f} s a fit, extrapolated)")
    figures = {"ratio": slow / fast["seconds"], **off, "peak_rss_gb": fast["peak_rss_gb"]}
    print(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))


if __name__ == "__main__":
    main()
