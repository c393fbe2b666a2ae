"""What a ridge loses without some of its features: refitted exactly for many such sets, from one matrix inverse.

With P = (X'X + alpha I)^-1 and b = P X'y, the ridge refitted without the columns S is b - P[:, S] P[S, S]^-1 b[S], 0 in
S. So a set of m columns costs an m x m solve instead of a new factorization.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from swapdae.moments import FoldMoments, Solution, centre, predict

Array = NDArray[Any]


def inverse(gram: Array, alpha: float) -> Array:
    """P = (gram + alpha I)^-1, (d, d)."""
    penalized = gram.copy()
    penalized[np.diag_indices_from(penalized)] += alpha
    solved: Array = cho_solve(cho_factor(penalized, overwrite_a=True), np.eye(len(gram)), overwrite_b=True)
    return solved


def without(coef: Array, p: Array, columns: Array) -> Array:
    """Coefficients, (d, k), of the ridge refitted without `columns`; 0 there."""
    left: Array = coef - p[:, columns] @ np.linalg.solve(p[np.ix_(columns, columns)], coef[columns])
    left[columns] = 0
    return left


@dataclass(frozen=True, eq=False)
class Ablation:
    """Squared errors of held-out rows. whole: (n,), all columns. dropped: (n_sets, n), each set dropped by itself."""

    whole: Array
    dropped: Array


def ablate(x: Array, y: Array, folds: Array, sets: Sequence[Array], alpha: float) -> Ablation:
    """Cross-fitted ridge on x, (n, d), with all columns and refitted without each set of columns.

    y: (n,), or (n, k) of which squared errors are summed. folds: (n,), numbered from 0.
    """
    targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    moments = FoldMoments(lambda fold: (x,), targets, folds, shared=True)
    errors = np.zeros((1 + len(sets), len(y)))
    for fold in range(int(folds.max()) + 1):
        problem = centre(moments.training(fold), scale=False)
        p = inverse(problem.gram, alpha)
        whole = p @ problem.projection
        coef = np.stack([whole, *(without(whole, p, columns) for columns in sets)])
        solution = Solution(coef, problem.y_mean - problem.x_mean @ coef)
        rows = np.flatnonzero(folds == fold)
        errors[:, rows] = ((predict((x,), rows, solution) - targets[rows]) ** 2).sum(axis=2)
    return Ablation(errors[0], errors[1:])


def best_penalty(x: Array, y: Array, folds: Array, alphas: Sequence[float]) -> float:
    """The penalty with the least squared error on fold 0."""
    targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    rows = np.flatnonzero(folds == 0)
    solution = FoldMoments(lambda fold: (x,), targets, folds, shared=True).solve(0, alphas)
    errors = ((predict((x,), rows, solution) - targets[rows]) ** 2).sum(axis=(1, 2))
    return float(alphas[int(errors.argmin())])


def like_sets(sets: Sequence[Array], candidates: Callable[[int], Array], n_draws: int, seed: int) -> list[list[Array]]:
    """Controls: for set i, n_draws random sets from candidates(i), as large as set i or as there are candidates."""
    rng = np.random.default_rng(seed)
    controls = []
    for i, columns in enumerate(sets):
        pool = candidates(i)
        size = min(len(columns), len(pool))
        controls.append([np.sort(rng.choice(pool, size, replace=False)) for _ in range(n_draws)])
    return controls
