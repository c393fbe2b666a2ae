"""Which of an autoencoder's units are active in which rows, and how far such sets of units agree.

A unit is one output of a layer. It is active in a row, it fires, where its output is > 0. ReLU is made for this
meaning, and GELU is > 0 for the same inputs (its other outputs lie between -0.17 and 0). A transformer's features come
out of LayerNorm, which centres them: there nearly half of all units are > 0 in every row, whatever was learned. The
sparse units are those of the ReLU layers inside; swapdae.study.units reads both.

Sets of units are kept as bits, 64 to a word: 500,000 rows of 4,608 units are 288 MB, and the sizes of intersections and
unions are counts of bits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

Array = NDArray[Any]
Words = NDArray[np.uint64]
ROWS = 8192  # rows at a time: 75 MB of float16 at 4,608 units
FIT_ROWS = 20_000  # rows that k-means is fitted on; all rows are assigned
DRAWS = 1000  # of a bootstrap


@dataclass(frozen=True, eq=False)
class Active:
    """The active units of n rows. words: (n, n_words), unit u being bit u % 64 of word u // 64."""

    words: Words
    n_units: int

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, rows: slice | Array) -> "Active":
        return Active(self.words[rows], self.n_units)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(n,): active units of every row."""
        return popcount(self.words)

    @property
    def support(self) -> Words:
        """(n_words,): the units active in any row, those that can fire."""
        any_row: Words = np.bitwise_or.reduce(self.words, axis=0)
        return any_row

    def unpacked(self) -> NDArray[np.bool_]:
        """(n, n_units): eight times the memory."""
        return unpack(self.words, self.n_units)


def row_blocks(x: Array, rows: int = ROWS) -> Iterator[Array]:
    """A matrix as blocks of rows."""
    return (x[start : start + rows] for start in range(0, len(x), rows))


def pack(blocks: Iterable[Array], n_units: int) -> Active:
    """Blocks of feature rows, (m, n_units) floats, as bits. Nothing else of them is kept."""
    words = [_words(block) for block in blocks]
    return Active(np.concatenate([np.empty((0, -(-n_units // 64)), np.uint64), *words]), n_units)


def _words(x: Array) -> Words:
    # A float > 0 is its bits, read as a signed integer, > 0; for float16, comparing so is six times as fast.
    x = np.ascontiguousarray(x)
    bits = np.packbits(x.view(f"i{x.itemsize}") > 0, axis=1, bitorder="little")
    padded = np.zeros((len(x), -(-x.shape[1] // 64) * 8), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)


def unpack(words: Words, n_units: int) -> NDArray[np.bool_]:
    """(..., n_words) words as (..., n_units) bools."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=-1, count=n_units, bitorder="little")
    return bits.astype(bool)


def popcount(words: Words) -> NDArray[np.int64]:
    """The set bits of every row of words."""
    counts: NDArray[np.int64] = np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    return counts


# >>> How far two sets agree


def iou(a: Words, b: Words) -> NDArray[np.float64]:
    """Intersection over union of the sets in rows of a and b, which broadcast; 1 where both are empty."""
    either = popcount(a | b)
    return np.divide(popcount(a & b), either, out=np.ones(either.shape), where=either > 0)


def agreement(a: Words, b: Words, n_units: int) -> NDArray[np.float64]:
    """Share of all units that are on in both or off in both (the simple matching coefficient)."""
    return 1 - popcount(a ^ b) / n_units


def containment(a: Words, b: Words) -> NDArray[np.float64]:
    """Share of the set in a that lies in the set in b; 1 where a is empty."""
    size = popcount(a)
    inside = popcount(a & b)
    return np.divide(inside, size, out=np.ones(inside.shape), where=np.broadcast_to(size > 0, inside.shape))


def pairwise_iou(words: Words) -> NDArray[np.float64]:
    """(k, k): of every two of k sets."""
    return np.stack([iou(row, words) for row in words])


# >>> Clusters of rows


def cluster(x: Array, n_clusters: int, seed: int) -> NDArray[np.int64]:
    """k-means by the features of rows, (n, d), read in blocks: (n,) labels. Fitted on FIT_ROWS of them at most.

    n_clusters: lowered to the number of rows where there are fewer.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(x))[:FIT_ROWS])
    k = min(n_clusters, len(chosen))
    means = MiniBatchKMeans(k, random_state=seed, batch_size=1024, init_size=4 * k, n_init=1)
    means.fit(x[chosen].astype(np.float32))
    return np.concatenate([means.predict(block.astype(np.float32)) for block in row_blocks(x)]).astype(np.int64)


def supports(active: Active, labels: Array, n_clusters: int) -> Words:
    """(n_clusters, n_words): the units that can fire in each cluster, those active in any of its rows."""
    return np.stack([active[labels == c].support for c in range(n_clusters)])


def active_counts(active: Active, labels: Array, n_clusters: int) -> NDArray[np.int64]:
    """(n_clusters, n_units): in how many of a cluster's rows a unit is active."""
    counts = np.zeros((n_clusters, active.n_units), dtype=np.int64)
    for c in range(n_clusters):
        for block in row_blocks(active.words[labels == c]):
            counts[c] += unpack(block, active.n_units).sum(axis=0)
    return counts


def pairs_within(labels: Array, n_pairs: int, seed: int) -> tuple[Array, Array]:
    """Pairs of two different rows of one cluster: the first row is any, the second any other of its cluster.

    Rows that are alone in their cluster have no pair. Raises ValueError where all are.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(labels, kind="stable")
    _, number, size = np.unique(labels, return_inverse=True, return_counts=True)
    start = np.cumsum(size) - size
    paired = np.flatnonzero(size[number[order]] > 1)  # positions in `order`
    if not len(paired):
        raise ValueError("no cluster has two rows")
    first = paired[rng.integers(len(paired), size=n_pairs)]
    group = number[order[first]]
    step = 1 + rng.integers(size[group] - 1)
    second = start[group] + (first - start[group] + step) % size[group]
    return order[first], order[second]


def split_half_iou(active: Active, labels: Array, n_clusters: int, seed: int) -> NDArray[np.float64]:
    """(n_clusters,): IoU of the units that can fire in two random halves of a cluster; NaN under two rows."""
    rng = np.random.default_rng(seed)
    found = np.full(n_clusters, np.nan)
    for c in range(n_clusters):
        rows = rng.permutation(np.flatnonzero(labels == c))
        if len(rows) > 1:
            half = len(rows) // 2
            found[c] = iou(active[rows[:half]].support, active[rows[half:]].support)
    return found


def exclusive(counts: Array, purity: float) -> NDArray[np.int64]:
    """(n_units,): the cluster that holds at least `purity` of the rows in which a unit fires; -1 where none does.

    counts: (n_clusters, n_units), from active_counts. purity: over 1/2; at 1, units that fire in one cluster only.
    """
    total, top = counts.sum(axis=0), counts.max(axis=0)
    owner: NDArray[np.int64] = np.where((total > 0) & (top >= purity * total), counts.argmax(axis=0), -1)
    return owner


def specialised(counts: Array, sizes: Array, n: int) -> NDArray[np.int64]:
    """(n_clusters, n): the n units of each cluster whose firing rate is the furthest above that in all other rows.

    Also where no unit is exclusive a cluster has its most typical ones. sizes: (n_clusters,) rows.
    """
    inside = counts / np.maximum(sizes, 1)[:, None]
    outside = (counts.sum(axis=0) - counts) / np.maximum(sizes.sum() - sizes, 1)[:, None]
    order = np.argsort(outside - inside, axis=1, kind="stable")
    return np.sort(order[:, :n], axis=1)


# >>> Uncertainty


class Interval(NamedTuple):
    """A mean and its 95% confidence interval (percentile bootstrap)."""

    mean: float
    low: float
    high: float


def interval(values: Array, seed: int = 0) -> Interval:
    """Of the mean of independent values, (n,); NaN are left out. Raises ValueError where nothing is left."""
    values = np.asarray(values, dtype=np.float64)[~np.isnan(values)]
    if not len(values):
        raise ValueError("no values to take the mean of")
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(DRAWS)]
    return _interval(float(values.mean()), np.asarray(means))


def interval_of_pairs(matrix: Array, seed: int = 0) -> Interval:
    """Of the mean over pairs of different things, from their (k, k) symmetric matrix. The k things are drawn, not the
    pairs, which share them; a thing drawn twice makes no pair with itself. Raises ValueError for k < 2."""
    k = len(matrix)
    if k < 2:
        raise ValueError("one thing has no pairs")
    off = np.where(np.eye(k, dtype=bool), 0.0, matrix)
    times = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), size=DRAWS).astype(np.float64)
    n_pairs = times.sum(axis=1) ** 2 - (times**2).sum(axis=1)
    drawn = np.einsum("di,ij,dj->d", times, off, times, optimize=True)
    return _interval(float(off.sum() / (k * (k - 1))), drawn[n_pairs > 0] / n_pairs[n_pairs > 0])


def _interval(mean: float, draws: Array) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(mean, float(low), float(high))
