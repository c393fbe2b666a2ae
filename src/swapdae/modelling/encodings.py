"""New columns of the table's own, each by a function that returns a frame of all rows, train then test.

Who reads labels reads those of the rows that it is fitted on, and no others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit
from sklearn.preprocessing import TargetEncoder

from swapdae.encoding.pieces import edges_of, pieces

Array = NDArray[Any]
Pair = TypeVar("Pair")

INNER_FOLDS = 5  # of a training part, for the target means of its own rows
N_BINS = 16
LEVELS = 50  # of a column that is crossed, at most
N_CROSSES, N_PAIRS = 10, 10  # of columns, and of numbers, that are kept
NUMBERS = 15  # that are paired: those that explain the target best
JUDGED_ROWS = 20_000  # of a training part, by which pairs are chosen
LARGE = 1e30  # a float32 holds it
SMOOTHING = 10.0  # rows of the overall mean that are added to a level's own


@dataclass(frozen=True, eq=False)
class Labelled:
    """The rows that a label-using step is fitted on.

    rows: numbers into all rows. targets: (len(rows), k): y, or 0/1 for each class. groups: (len(rows),) where rows
    belong together, else None.
    """

    rows: NDArray[np.int64]
    targets: Array
    names: tuple[str, ...]  # what is added to a column's name for each target: nothing, or "_" and the class
    groups: Array | None
    seed: int

    def inner_folds(self) -> Array:
        """(len(rows),) the inner fold of each; rows of one group share theirs."""
        if self.groups is None:
            splitter: KFold = KFold(min(INNER_FOLDS, len(self.rows)), shuffle=True, random_state=self.seed)
        else:
            n = min(INNER_FOLDS, len(np.unique(self.groups)))
            splitter = GroupKFold(n, shuffle=True, random_state=self.seed)
        number = np.zeros(len(self.rows), dtype=np.int64)
        for k, (_, held_out) in enumerate(splitter.split(number, groups=self.groups)):
            number[held_out] = k
        return number


def codes(columns: pd.DataFrame) -> pd.DataFrame:
    """Levels as numbers from 0; a missing cell is a level. A number names a level and says nothing else."""
    return columns.apply(lambda column: pd.factorize(column, use_na_sentinel=False)[0])


def frequencies(levels: pd.DataFrame, rows: Array) -> pd.DataFrame:
    """Of each level its share of `rows`, as log(1 + count): shares of rare levels keep their distance."""
    counted = {}
    for name in levels:
        count = np.bincount(levels[name].to_numpy()[rows], minlength=levels[name].max() + 1)
        counted[f"freq_{name}"] = np.log1p(count[levels[name]])
    return pd.DataFrame(counted)


def target_means(levels: pd.DataFrame, labelled: Labelled) -> pd.DataFrame:
    """Of each level its smoothed mean target by scikit-learn's TargetEncoder. The labelled rows' own are cross-fitted
    within: each is encoded without its own target and its inner fold's. All other rows are encoded by the encoder that
    was fitted on the labelled rows. A level that was not seen gets the overall mean: within, too, for an inner fold's
    own mean would tell of the targets that are left out, being low where these are high."""
    inner, n = labelled.inner_folds(), len(levels)
    made: dict[str, Array] = {}
    others = np.setdiff1d(np.arange(n), labelled.rows)
    for target, suffix in zip(labelled.targets.T, labelled.names, strict=True):
        # Of classes, too: one against the others as 0 and 1.
        encoder = TargetEncoder(target_type="continuous", cv=PredefinedSplit(inner))
        values = np.empty((n, levels.shape[1]))
        shift = np.array([target.mean() - target[inner != k].mean() for k in range(inner.max() + 1)])
        values[labelled.rows] = encoder.fit_transform(levels.to_numpy()[labelled.rows], target) + shift[inner, None]
        if len(others):
            values[others] = encoder.transform(levels.to_numpy()[others])
        made |= {f"te_{name}{suffix}": values[:, j] for j, name in enumerate(levels)}
    return pd.DataFrame(made)


def quantile_bins(numbers: pd.DataFrame, rows: Array) -> pd.DataFrame:
    """Bins of equal counts of `rows`, as text, so that they are categories; a missing number has none."""
    return pd.DataFrame({f"bin_{name}": _bins(numbers[name], rows) for name in numbers})


def _bins(column: "pd.Series[float]", rows: Array) -> pd.Series:
    known = column.notna().to_numpy()
    fitted = rows[known[rows]]
    values = column.to_numpy()[:, None]
    cells = np.full(len(column), None, dtype=object)
    if len(fitted) and values[fitted].min() < values[fitted].max():
        edges = np.unique(np.quantile(values[fitted, 0], np.arange(1, N_BINS) / N_BINS))
        cells[known] = [f"b{k}" for k in np.searchsorted(edges, values[known, 0], side="right")]
    return pd.Series(cells, dtype="str")


def piecewise(numbers: pd.DataFrame, rows: Array) -> pd.DataFrame:
    """The piecewise linear encoding between quantiles of `rows`; a missing number is at their mean."""
    made: dict[str, Array] = {}
    for name, column in numbers.items():
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        known = values[rows][~np.isnan(values[rows])]
        edges = edges_of(known)
        if len(edges):
            found = pieces(np.where(np.isnan(values), known.mean(), values), edges)
            made |= {f"piece_{name}_{t}": found[:, t] for t in range(found.shape[1])}
    return pd.DataFrame(made, index=numbers.index)


def explained(levels: Array, targets: Array) -> float:
    """The share of the targets' variance that the levels' means explain, each half of the rows judged by the other's.

    levels: (n,) numbers from 0. targets: (n, k). Below 0 where they only fit noise.
    """
    half, error = np.arange(len(levels)) % 2 == 0, 0.0
    for fit in (half, ~half):
        mean = targets[fit].mean(axis=0)
        count = np.bincount(levels[fit], minlength=levels.max() + 1)
        for k, target in enumerate(targets.T):
            total = np.bincount(levels[fit], weights=target[fit], minlength=len(count))
            of_level = (total + SMOOTHING * mean[k]) / (count + SMOOTHING)
            error += float(np.square(target[~fit] - of_level[levels[~fit]]).sum())
    spread = float(np.square(targets - targets.mean(axis=0)).sum())
    return 1 - error / spread if spread else 0.0


def _judges(labelled: Labelled) -> tuple[Array, Array]:
    """Rows, in random order, and their targets, by which pairs are chosen."""
    chosen = np.random.default_rng(labelled.seed).permutation(len(labelled.rows))[:JUDGED_ROWS]
    return labelled.rows[chosen], labelled.targets[chosen]


def crosses(levels: pd.DataFrame, labelled: Labelled) -> pd.DataFrame:
    """The pairs of columns of few levels that explain most beyond what either does alone, as one column of levels.

    They are chosen on the labelled rows; at most N_CROSSES, and always one.
    """
    rows, targets = _judges(labelled)
    few = [str(name) for name in levels if levels[name].max() < LEVELS]
    alone = {name: explained(levels[name].to_numpy()[rows], targets) for name in few}

    def pair(a: str, b: str) -> Array:
        crossed: Array = levels[a].to_numpy() * (levels[b].max() + 1) + levels[b].to_numpy()
        return crossed

    gains = {
        (a, b): explained(pair(a, b)[rows], targets) - max(alone[a], 0) - max(alone[b], 0)
        for a, b in combinations(few, 2)
    }
    made = {f"{a}*{b}": pd.factorize(pair(a, b))[0] for a, b in _best(gains, N_CROSSES)}
    return pd.DataFrame(made, index=levels.index)


def arithmetic(numbers: pd.DataFrame, labelled: Labelled) -> pd.DataFrame:
    """Differences, products and ratios of pairs of numbers that explain most beyond the better of the two.

    They are chosen on the labelled rows, by the means of their quantile bins; at most N_PAIRS, and always one. Values
    are cut at the 0.1% and 99.9% quantiles of these rows, for a ratio may be of any size.
    """
    rows, targets = _judges(labelled)

    judged = {str(name): column.to_numpy()[rows] for name, column in numbers.items()}

    def worth(values: Array) -> float:
        edges = np.nanquantile(values, np.arange(1, N_BINS) / N_BINS) if _varies(values) else np.zeros(1)
        return explained(np.digitize(values, edges), targets)  # what is missing falls into the last bin

    alone = {name: worth(values) for name, values in judged.items()}
    best = sorted(alone, key=lambda name: -alone[name])[:NUMBERS]
    gains = {
        (a, sign, b): worth(OPERATIONS[sign](judged[a], judged[b])) - max(alone[a], alone[b])
        for a, b in combinations([name for name in judged if name in best], 2)
        for sign in OPERATIONS
    }
    made = {}
    for a, sign, b in _best(gains, N_PAIRS):
        values = np.clip(OPERATIONS[sign](numbers[a].to_numpy(), numbers[b].to_numpy()), -LARGE, LARGE)
        fitted = values[labelled.rows]
        made[f"{a}{sign}{b}"] = np.clip(values, *np.nanquantile(fitted, [0.001, 0.999])) if _varies(fitted) else values
    return pd.DataFrame(made, index=numbers.index)


def _ratio(a: Array, b: Array) -> Array:
    """Missing where b is 0."""
    with np.errstate(over="ignore"):
        ratio: Array = np.divide(a, b, out=np.full(len(a), np.nan), where=b != 0)
    return ratio


OPERATIONS: dict[str, Callable[[Array, Array], Array]] = {"-": np.subtract, "*": np.multiply, "/": _ratio}


def _varies(values: Array) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool(known.min() < known.max())


def _best(gains: dict[Pair, float], n: int) -> Sequence[Pair]:
    """Those of the n largest gains, without those that are none; of these only the best where it is alone."""
    ordered = sorted(gains, key=lambda pair: -gains[pair])
    return ordered[: max(1, min(n, sum(gain > 0 for gain in gains.values())))]
