"""The rows that early stopping watches, kept out of fitting: a tenth, drawn as the folds are drawn.

Rows that belong together are all fitted on or all watched; where rows follow each other in time, the latest are
watched, and the gap of the folds lies before them.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

Array = NDArray[Any]
STOP_SHARE = 0.1
N_PARTS = round(1 / STOP_SHARE)


def draw(n_draw: int, y: Array, classes: bool, rng: np.random.Generator) -> Array:
    """Sorted random positions, `n_draw` of len(y), spread evenly over the classes if there are any."""
    order = rng.permutation(len(y))
    if classes:
        order = order[np.argsort(y[order], kind="stable")]
    return np.sort(order[np.arange(n_draw) * len(y) // n_draw])


def split_rows(y: Array, classes: bool, rng: np.random.Generator) -> tuple[Array, Array]:
    """Positions to fit on and to stop by, classes spread evenly. A class of one row is fitted on. Each part has a row,
    even if it must be the same one."""
    stop = draw(max(1, round(STOP_SHARE * len(y))), y, classes, rng)
    if classes:
        _, number, counts = np.unique(y, return_inverse=True, return_counts=True)
        stop = stop[counts[number[stop]] > 1]
    fit = np.setdiff1d(np.arange(len(y)), stop)
    return (fit if len(fit) else stop), (stop if len(stop) else fit[:1])


def split_groups(y: Array, classes: bool, groups: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """The same in whole groups. The groups of a class that would not be fitted on at all are fitted on."""
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        return split_rows(y, classes, rng)  # all rows belong together, so none can be kept from the others
    kind, seed = StratifiedGroupKFold if classes else GroupKFold, int(rng.integers(2**31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class may have fewer rows than there are parts
        parts = kind(min(N_PARTS, n_groups), shuffle=True, random_state=seed).split(y, y, groups)
        stop = next(part for _, part in parts if len(part))
    if classes:
        lacking = np.setdiff1d(y, np.delete(y, stop))
        stop = stop[~np.isin(groups[stop], groups[np.isin(y, lacking)])]
    fit = np.setdiff1d(np.arange(len(y)), stop)
    return fit, (stop if len(stop) else fit[:1])


def first_watched(times: Array) -> float:
    """The time from which rows are watched: of a tenth of the rows, or more where many are of one time."""
    ordered = np.sort(times)
    first = ordered[len(times) - max(1, round(STOP_SHARE * len(times)))]
    if first == ordered[0] and ordered[-1] > first:
        first = ordered[ordered > first][0]
    return float(first)


def split_times(y: Array, classes: bool, times: Array, gap: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """The same with the latest rows to stop by, and the gap before them. Rows of one time stay together.

    A gap that would leave nothing to fit on, as in a small sample, is left away; rows of one time are drawn from.
    """
    first = first_watched(times)
    for before in (times < first - gap, times < first):
        if before.any():
            return np.flatnonzero(before), np.flatnonzero(times >= first)
    return split_rows(y, classes, rng)


def split(
    y: Array,
    classes: bool,
    rng: np.random.Generator,
    *,
    groups: Array | None = None,
    times: Array | None = None,
    gap: float = 0.0,
) -> tuple[Array, Array]:
    """Positions to fit on and to stop by: by time where rows have times, by groups where they have those."""
    if times is not None:
        return split_times(y, classes, times, gap, rng)
    if groups is not None:
        return split_groups(y, classes, groups, rng)
    return split_rows(y, classes, rng)
