"""Greedy forward selection and swap refinement on a covariance: the linear rival of the concrete selector.

Every step adds the group of columns (a single one, or a categorical's one-hot block) which, with those chosen so far,
leaves the least squared error of a linear prediction of the targets. The state is one matrix, swept at the chosen
columns (Goodnight, "A tutorial on the SWEEP operator", The American Statistician 1979), so that a group can be taken
out again at the cost of taking it in: O(p^2) a column.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LEAST_PIVOT = 1e-9  # of a column's own variance: below, it is a combination of those chosen


class Sweep:
    """Residual covariance of all columns given the chosen groups.

    covariance: (p, p); groups: the columns of each group; targets: the columns to predict.
    """

    def __init__(self, covariance: Array, groups: Sequence[Array], targets: Array) -> None:
        self._m = np.array(covariance, dtype=np.float64)
        self._groups = [np.asarray(columns, dtype=np.int64) for columns in groups]
        self._single = np.array([columns[0] if len(columns) == 1 else -1 for columns in self._groups])
        self._target = np.zeros(len(self._m), dtype=bool)
        self._target[targets] = True
        self._in = np.zeros(len(self._m), dtype=bool)
        self._least = LEAST_PIVOT * np.maximum(np.diag(self._m), np.finfo(float).tiny)
        self.chosen: list[int] = []

    @property
    def error(self) -> float:
        """Squared error of the best linear prediction, summed over the targets."""
        return float(np.diag(self._m)[self._target & ~self._in].sum())

    def add(self, group: int) -> None:
        for column in self._groups[group]:
            if self._m[column, column] > self._least[column]:
                self._pivot(column, 1)
                self._in[column] = True
        self.chosen.append(group)

    def drop(self, group: int) -> None:
        for column in self._groups[group]:
            if self._in[column]:
                self._pivot(column, -1)
                self._in[column] = False
        self.chosen.remove(group)

    def _pivot(self, column: int, sign: int) -> None:
        pivot, row = self._m[column, column], self._m[column].copy()
        self._m -= np.outer(row / pivot, row)
        self._m[column] = self._m[:, column] = sign * row / pivot
        self._m[column, column] = -1 / pivot

    def gains(self) -> Array:
        """(n_groups,): by how much each group would lower the error; -inf for the chosen."""
        left = np.flatnonzero(self._target & ~self._in)
        gains = np.full(len(self._groups), -np.inf)
        single = np.flatnonzero(self._single >= 0)
        columns = self._single[single]
        own = np.diag(self._m)[columns]
        usable = ~self._in[columns] & (own > self._least[columns])
        part = self._m[left] if len(left) < len(self._m) else self._m
        squares = np.einsum("ij,ij->j", part, part)[columns]
        gains[single] = np.where(usable, squares / np.where(usable, own, 1), 0)
        for group in np.flatnonzero(self._single < 0):
            block = self._groups[group]
            block = block[~self._in[block] & (np.diag(self._m)[block] > self._least[block])]
            cross = self._m[np.ix_(block, left)]
            gains[group] = np.sum(cross * (np.linalg.pinv(self._m[np.ix_(block, block)], hermitian=True) @ cross))
        gains[self.chosen] = -np.inf
        return gains


def linear_covariance(x: Array, y: Array | None = None, ridge: float = 1e-6) -> tuple[Array, Array]:
    """Covariance of the columns of x (n, d), and of y (n, t) behind them, with the columns that are targets.

    Without y the targets are x itself. ridge: added to the diagonal of x, times its mean variance.
    """
    both = np.asarray(x if y is None else np.concatenate([x, y], axis=1), dtype=np.float64)
    centred = both - both.mean(axis=0)
    covariance = centred.T @ centred / len(both)
    d = x.shape[1]
    diagonal = np.arange(d)
    covariance[diagonal, diagonal] += ridge * covariance[diagonal, diagonal].mean()
    return covariance, diagonal if y is None else np.arange(d, both.shape[1])


def forward_selection(covariance: Array, targets: Array, k: int, groups: Sequence[Array] | None = None) -> list[int]:
    """The k groups, in the order in which they are chosen; without `groups` each column, also a target, is one.

    Raises ValueError if there are fewer than k.
    """
    groups = [np.array([j]) for j in range(len(covariance))] if groups is None else groups
    if k > len(groups):
        raise ValueError(f"k = {k} groups of columns asked for, {len(groups)} are there")
    sweep = Sweep(covariance, groups, targets)
    for _ in range(k):
        sweep.add(int(np.argmax(sweep.gains())))
    return sweep.chosen


def swap_refinement(
    covariance: Array,
    targets: Array,
    chosen: Sequence[int],
    groups: Sequence[Array] | None = None,
    max_passes: int = 10,
) -> list[int]:
    """Exchange chosen groups, one at a time, for those that lower the error most, until none does.

    Returns as many groups as were given, with an error that is not above theirs.
    """
    groups = [np.array([j]) for j in range(len(covariance))] if groups is None else groups
    sweep = Sweep(covariance, groups, targets)
    for group in chosen:
        sweep.add(group)
    for _ in range(max_passes):
        before = set(sweep.chosen)
        for group in list(sweep.chosen):
            sweep.drop(group)
            gains = sweep.gains()
            best = int(np.argmax(gains))
            sweep.add(best if gains[best] > gains[group] * (1 + 1e-9) else group)
        if set(sweep.chosen) == before:
            break
    return sweep.chosen
