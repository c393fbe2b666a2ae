"""The study of sparse activations from bits, against plain numpy on the features: time and memory.

python benchmarks/activations.py [--quick]: 500,000 x 4,608 float16 features in a file, 7% of them > 0 (quick: 50,000
rows). Asked of both: active units of every row, units that never fire, units that can fire in each of 128 clusters, the
IoU of every two clusters and of 4 pairs of rows per row (two of a cluster, clean against corrupted at two rates, two
corruptions), and the share of each row's units outside its cluster's. Plain numpy compares features with 0 when it
needs to; of pairs it is given every 25th, and their time is multiplied. Both run in processes of their own, and their
answers must be the same. Prints a table, then one line of JSON: ratio, peak_rss_gb.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fresh_process import alone
from swapdae.base.memory import peak_rss_gb
from swapdae.study.activations import (
    ROWS,
    containment,
    iou,
    pack,
    pairs_within,
    pairwise_iou,
    popcount,
    row_blocks,
    supports,
)

D, N_CLUSTERS, N_QUESTIONS, EVERY, BLOCK = 4_608, 128, 4, 25, 2_000
Array = NDArray[Any]
Answer = dict[str, Any]


def labels_of(n: int) -> Array:
    return np.random.default_rng(2).integers(N_CLUSTERS, size=n)


def pairs_of(n: int) -> list[tuple[Array, Array]]:
    return [pairs_within(labels_of(n), n, seed) for seed in range(N_QUESTIONS)]


def make_features(file: Path, n: int) -> Answer:
    """Rows of a cluster draw their active units from the cluster's tenth of all units."""
    rng = np.random.default_rng(0)
    likely = rng.random((N_CLUSTERS, D), dtype=np.float32) < 0.1
    x = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=(n, D))
    fires = np.zeros((10_000, D), dtype=bool)
    for start, labels in zip(range(0, n, len(fires)), row_blocks(labels_of(n), len(fires)), strict=True):
        fires = rng.integers(10, size=fires.shape, dtype=np.uint8) < 7
        x[start : start + len(labels)] = likely[labels] & fires[: len(labels)]
    x.flush()
    return {}


def file_blocks(file: Path) -> Iterator[Array]:
    """The rows of an .npy file in blocks, each mapped by itself: what was read of the others is not kept in memory."""
    for start in range(0, len(np.load(file, mmap_mode="r")), ROWS):
        yield np.load(file, mmap_mode="r")[start : start + ROWS]


def ours(file: Path) -> Answer:
    n = len(np.load(file, mmap_mode="r"))
    labels, pairs = labels_of(n), pairs_of(n)
    started = time.perf_counter()
    active = pack(file_blocks(file), D)
    packing = time.perf_counter() - started
    sizes = active.sizes
    never = D - int(popcount(active.support))
    known = supports(active, labels, N_CLUSTERS)
    clusters = pairwise_iou(known)
    rows = [_in_blocks(lambda a, b: iou(active.words[a], active.words[b]), first, second) for first, second in pairs]
    outside = _in_blocks(lambda a, b: 1 - containment(active.words[a], known[b]), np.arange(n), labels)
    seconds = time.perf_counter() - started
    peak = peak_rss_gb()
    answers = [sizes, never, clusters, *(row[::EVERY] for row in rows), outside[::EVERY]]
    return {"seconds": seconds, "packing": packing, "peak_rss_gb": peak, "answers": answers}


def plain(file: Path) -> Answer:
    x = np.load(file, mmap_mode="r")
    labels, pairs = labels_of(len(x)), pairs_of(len(x))
    started = time.perf_counter()
    sizes = np.concatenate([(block > 0).sum(axis=1) for block in row_blocks(x, BLOCK)])
    fires, known = np.zeros(D, dtype=bool), np.zeros((N_CLUSTERS, D), dtype=bool)
    for block in row_blocks(x, BLOCK):
        fires |= (block > 0).any(axis=0)
    for c in range(N_CLUSTERS):
        for rows in row_blocks(np.flatnonzero(labels == c), BLOCK):
            known[c] |= (x[rows] > 0).any(axis=0)
    clusters = np.array([_iou(one[None], known) for one in known])
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    found = [_in_blocks(lambda a, b: _iou(x[a] > 0, x[b] > 0), a[::EVERY], b[::EVERY]) for a, b in pairs]
    every = np.arange(0, len(x), EVERY)
    outside = _in_blocks(lambda a, b: _share_outside(x[a] > 0, known[b]), every, labels[every])
    seconds += (time.perf_counter() - started) * EVERY
    return {"seconds": seconds, "answers": [sizes, int((~fires).sum()), clusters, *found, outside]}


def _in_blocks(ratio: Callable[[Array, Array], Array], first: Array, second: Array) -> Array:
    blocks = zip(row_blocks(first, BLOCK), row_blocks(second, BLOCK), strict=True)
    return np.concatenate([ratio(a, b) for a, b in blocks])


def _iou(a: Array, b: Array) -> Array:
    ratio: Array = (a & b).sum(axis=1) / (a | b).sum(axis=1)
    return ratio


def _share_outside(row: Array, known: Array) -> Array:
    share: Array = (row & ~known).sum(axis=1) / row.sum(axis=1)
    return share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    n = 50_000 if parser.parse_args().quick else 500_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.npy"
        alone(make_features, file, n)
        bits, features = alone(ours, file), alone(plain, file)
    for one, other in zip(bits["answers"], features["answers"], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    print(f"{n:,} x {D:,}, {N_CLUSTERS} clusters, {N_QUESTIONS} x {n:,} pairs of rows; the answers are the same")
    print(
        f"from bits      {bits['seconds']:10.1f} s ({bits['packing']:.1f} s packing), peak {bits['peak_rss_gb']:.2f} GB"
    )
    print(f"plain numpy    {features['seconds']:10.1f} s, pairs extrapolated")
    figures = {"ratio": features["seconds"] / bits["seconds"], "peak_rss_gb": bits["peak_rss_gb"]}
    print(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))


if __name__ == "__main__":
    main()
