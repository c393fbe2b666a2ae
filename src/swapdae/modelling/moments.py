"""Fold-wise ridge regression from moments: one pass over the features serves every fold and every penalty.

Rows that the same folds train on are summed once into a Gram matrix (where folds partition the rows, each
fold's); the moments of a fold's training part are the sum of its own (the total minus the others would cancel
digits). Centring and scaling are done on the moments, and one symmetric eigendecomposition per fold gives the
solution for any penalty at the price of a few matrix-vector products, so each fold finds its penalty on a grid
(FoldMoments.search). The problem is that of scikit-learn's Ridge: min sum w (y - xb - c)^2 + alpha |b|^2,
c unpenalized.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from swapdae.competition.fold_rows import Folds

Array = NDArray[Any]
Blocks = tuple[Array, ...]  # (n, d_i), side by side
PENALTIES = np.logspace(-6, 8, 57)  # that are searched: a step of 1.8 is finer than the error tells apart
ROWS = 2048  # rows converted at a time: 50 MB at 3,072 columns
NOISE = float(np.finfo(np.float64).eps)  # per column; eigenvalues are rounding up to it, relative to the largest


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over some rows. `gram` is that of z = [x - shift, 1, y - shift], (d + 1 + k) square.

    low, high: (d,) extremes of x - shift; they show exactly which column is constant, which a rounded variance
    cannot.
    """

    gram: Array
    low: Array
    high: Array
    x_shift: Array
    y_shift: Array

    @staticmethod
    def of_no_rows(x_shift: Array, y_shift: Array) -> "Moments":
        """To be added to. x_shift: (d,), y_shift: (k,)."""
        d, k = len(x_shift), len(y_shift)
        return Moments(np.zeros((d + 1 + k, d + 1 + k)), np.full(d, np.inf), np.full(d, -np.inf), x_shift, y_shift)

    def __add__(self, other: "Moments") -> "Moments":
        """Moments of both sets of rows, taken about the same shifts."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Moments(self.gram + other.gram, low, high, self.x_shift, self.y_shift)

    def add_rows(self, x: Array, y: Array, weights: Array) -> None:
        """Adds rows in place. x: (n, d) float64, is shifted in place; y: (n, k); weights: (n,)."""
        x -= self.x_shift
        y = y - self.y_shift
        np.minimum(self.low, x.min(axis=0), out=self.low)
        np.maximum(self.high, x.max(axis=0), out=self.high)
        z = np.column_stack([x, np.ones(len(x)), y])
        z *= np.sqrt(weights)[:, None]
        np.add(self.gram, z.T @ z, out=self.gram)


class Solution(NamedTuple):
    """coef (n_alphas, d, k), intercept (n_alphas, k)."""

    coef: Array
    intercept: Array


@cache
def _halves() -> Array:
    """All 65,536 half-precision numbers by their bits: looking one up takes half as long as numpy's conversion."""
    with np.errstate(invalid="ignore"):
        return np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)


def _converted(x: Array) -> Array:
    if x.dtype == np.float16:
        return _halves()[x.view(np.uint16)]
    return x.astype(np.float64)


def _row_blocks(blocks: Blocks, rows: Array) -> Iterator[tuple[Array, Array]]:
    """(positions within `rows`, their features), ROWS at a time in float64; the features are the caller's to change."""
    for start in range(0, len(rows), ROWS):
        at = np.arange(start, min(start + ROWS, len(rows)))
        parts = [_converted(block[rows[at]]) for block in blocks]
        yield at, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def accumulate(blocks: Blocks, y: Array, labels: Array, n_labels: int, weights: Array | None = None) -> list[Moments]:
    """Moments of the rows of each label 0..n_labels-1, in one pass; rows labelled -1 are left out.

    y: (n,) or (n, k), labels and weights (n,); the features may have more rows than that (those of the test
    set). All columns are taken about a rough mean, so that products lose nothing to large offsets. Raises ValueError
    where no row is left.
    """
    y = np.asarray(y, dtype=np.float64).reshape(len(labels), -1)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    labels = np.where(weights > 0, labels, -1)
    chosen = [np.flatnonzero(labels == label) for label in range(n_labels)]
    if not (labels >= 0).any():
        raise ValueError("no row has a label and a weight above 0")
    first = chosen[labels[labels >= 0].min()]
    _, x = next(_row_blocks(blocks, first))
    x_shift, y_shift = x.mean(axis=0), y[labels >= 0].mean(axis=0)
    parts = [Moments.of_no_rows(x_shift, y_shift) for _ in range(n_labels)]
    # One label after another: adding up a Gram matrix costs as much as 500 rows' products.
    for part, rows in zip(parts, chosen, strict=True):
        for at, x in _row_blocks(blocks, rows):
            part.add_rows(x, y[rows[at]], weights[rows[at]])
    return parts


@dataclass(frozen=True, eq=False)
class Centred:
    """A ridge problem of d columns: gram (d, d) and x'y (d, k), centred."""

    gram: Array
    projection: Array
    x_mean: Array
    y_mean: Array

    @cached_property
    def _eigen(self) -> tuple[Array, Array, Array]:
        values, vectors = np.linalg.eigh(self.gram)
        return np.maximum(values, 0), vectors, vectors.T @ self.projection

    def solve(self, alphas: Sequence[float] | Array) -> Solution:
        """The solution for every penalty, in the eigenbasis of gram, which is made once."""
        values, vectors, projection = self._eigen
        denominator = values + np.asarray(alphas, dtype=np.float64)[:, None]  # (n_alphas, d)
        shrunk = np.zeros((*denominator.shape, projection.shape[1]))
        floor = NOISE * len(values) * values[-1] if len(values) else 0.0
        np.divide(projection, denominator[..., None], out=shrunk, where=denominator[..., None] > floor)
        return self._solution(vectors @ shrunk)

    def solve_one(self, alpha: float) -> Solution:
        """The same for one penalty, by Cholesky: a tenth of the work where few others follow.

        Not for a penalty within the rounding noise, for which the trace, a bound of the largest eigenvalue, stands in.
        """
        if alpha <= NOISE * len(self.gram) * float(np.trace(self.gram)):
            return self.solve([alpha])
        penalized = self.gram.copy()
        penalized[np.diag_indices_from(penalized)] += alpha
        factor = cho_factor(penalized, overwrite_a=True, check_finite=False)
        return self._solution(cho_solve(factor, self.projection, check_finite=False)[None])

    def _solution(self, coef: Array) -> Solution:
        return Solution(coef, self.y_mean - self.x_mean @ coef)


def centre(moments: Moments) -> Centred:
    """Constant columns get coefficient 0."""
    d = len(moments.low)
    weight, sums = moments.gram[d, d], moments.gram[d]
    centred = moments.gram[:d, :] - np.outer(sums[:d] / weight, sums)
    constant = ~(moments.low < moments.high)
    centred[constant] = 0
    centred[:, :d][:, constant] = 0
    return Centred(
        gram=centred[:, :d],
        projection=centred[:, d + 1 :],
        x_mean=moments.x_shift + sums[:d] / weight,
        y_mean=moments.y_shift + sums[d + 1 :] / weight,
    )


def solve(moments: Moments, alphas: Sequence[float] | Array) -> Solution:
    """Ridge of the rows in `moments` for every penalty."""
    return centre(moments).solve(alphas)


def predict(blocks: Blocks, rows: Array, solution: Solution) -> Array:
    """(n_alphas, len(rows), k): predictions for all penalties from one reading of the features."""
    n_alphas, _, k = solution.coef.shape
    out = np.empty((n_alphas, len(rows), k))
    for at, predictions in _predictions(blocks, rows, solution):
        out[:, at] = predictions
    return out


def squared_errors(blocks: Blocks, y: Array, rows: Array, solution: Solution, weights: Array | None = None) -> Array:
    """(n_alphas,) sums over rows and targets. y: (n, k), weights: (n,), of all rows."""
    total = np.zeros(len(solution.coef))
    for at, predictions in _predictions(blocks, rows, solution):
        errors = ((predictions - y[rows[at]]) ** 2).sum(axis=2)
        total += errors.sum(axis=1) if weights is None else errors @ weights[rows[at]]
    return total


def _predictions(blocks: Blocks, rows: Array, solution: Solution) -> Iterator[tuple[Array, Array]]:
    """(positions within `rows`, (n_alphas, len(positions), k)), ROWS at a time."""
    n_alphas, d, k = solution.coef.shape
    coef = solution.coef.transpose(1, 0, 2).reshape(d, n_alphas * k)
    for at, x in _row_blocks(blocks, rows):
        yield at, (x @ coef).reshape(len(x), n_alphas, k).transpose(1, 0, 2) + solution.intercept[:, None]


class Searched(NamedTuple):
    """One fold at every penalty of PENALTIES. errors: (n_penalties,) squared errors of its held-out rows."""

    solution: Solution
    errors: Array


class FoldMoments:
    """Ridge of every fold's training part. Moments are made on first need and kept.

    dense: fold -> blocks over all rows. y: (n_train,) or (n_train, k). weights: fold -> (n_train,), or None where all
    rows count alike. shared: whether features and weights are the same for every fold; if so one pass serves all.
    Kept: (d, d) float64 (75 MB at 3,072 columns) for each sort of rows, and for each fold that a single penalty was
    asked of; where repeats make too many sorts, a pass over the features for every fold instead.
    """

    def __init__(
        self,
        dense: Callable[[int], Blocks],
        y: Array,
        folds: Folds,
        shared: bool,
        weights: Callable[[int], Array | None] = lambda fold: None,
    ) -> None:
        self._dense, self._folds, self._shared, self._weights = dense, folds, shared, weights
        self._y = np.asarray(y, dtype=np.float64).reshape(len(folds), -1)
        self._parts: list[Moments] = []
        self._problems: dict[int, Centred] = {}
        self._searched: dict[int, Searched] = {}
        self.penalties: dict[int, float] = {}

    def training(self, fold: int) -> Moments:
        """Moments of all rows that `fold` trains on."""
        labels, trains = self._sorts
        if not self._shared or len(trains) > 2 * self._folds.n_fits + 1:
            mine = np.where(self._folds.fits[fold], 0, -1)
            return accumulate(self._dense(fold), self._y, mine, 1, self._weights(fold))[0]
        if not self._parts:
            self._parts = accumulate(self._dense(fold), self._y, labels, len(trains), self._weights(fold))
        return reduce(Moments.__add__, (part for part, use in zip(self._parts, trains[:, fold], strict=True) if use))

    @cached_property
    def _sorts(self) -> tuple[Array, Array]:
        """(n,) the sort of each row, -1 where no fold trains on it, and (n_sorts, n_fits) which folds train on a sort:
        a sort is rows that the same folds train on, in a partition those that one fold holds out."""
        used, labels = self._folds.fits.any(axis=0), np.full(len(self._folds), -1)
        found: tuple[Array, Array] = np.unique(self._folds.fits[:, used], axis=1, return_inverse=True)
        labels[used] = found[1]
        return labels, found[0].T

    def solve(self, fold: int, alpha: float) -> Solution:
        """Ridge of the rows that `fold` trains on, for one penalty."""
        if fold not in self._problems:
            self._problems[fold] = centre(self.training(fold))
        return self._problems[fold].solve_one(alpha)

    def search(self, fold: int) -> Solution:
        """Ridge of the rows that `fold` trains on, with the penalty found for it, which `penalties` then holds.

        It is that of PENALTIES with the least squared error, weighted as the rows are fitted, summed over the rows that
        the other folds of the same draw hold out, each predicted by ridge of its own fold. So no row is ever judged for
        the penalty that it is predicted with. Its target does take part, as one training row among many, in the
        models of the other folds that are judged; and of folds in time, later ones have a say in the penalty. The
        final fit, which holds none out, has the penalty that is best for all folds.
        """
        n = self._folds.n_per_repeat
        first = min(fold // n, self._folds.repeats - 1) * n
        draw = range(first, first + n)
        errors = sum(self._grid(other).errors for other in draw if other != fold)
        best = int(np.argmin(errors))
        self.penalties[fold] = float(PENALTIES[best])
        return Solution(*(part[best : best + 1] for part in self._grid(fold).solution))

    def _grid(self, fold: int) -> Searched:
        """Made once a fold; the eigendecomposition, of which it takes one, is not kept."""
        if fold not in self._searched:
            solution = centre(self.training(fold)).solve(PENALTIES)
            rows, weights = self._folds.out(fold), self._weights(fold)
            errors = squared_errors(self._dense(fold), self._y, rows, solution, weights)
            self._searched[fold] = Searched(solution, errors)
        return self._searched[fold]
