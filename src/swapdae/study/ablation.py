"""What a ridge loses without some of its features: refitted exactly for many such sets, from one matrix inverse.

With P = (X'X + alpha I)^-1 and b = P X'y, the ridge refitted without the columns S is b - P[:, S] P[S, S]^-1 b[S], 0 in
S. So a set of m columns costs an m x m solve instead of a new factorization.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.linalg.lapack import dpotri

from swapdae.competition.fold_rows import Folds
from swapdae.modelling.moments import FoldMoments, Solution, centre, predict, solve

Array = NDArray[Any]


def inverse(gram: Array, alpha: float) -> Array:
    """P = (gram + alpha I)^-1, (d, d). Raises LinAlgError where that is not positive definite."""
    penalized = gram.copy()
    penalized[np.diag_indices_from(penalized)] += alpha
    triangle = cholesky(penalized, lower=True, overwrite_a=True)
    lower, _ = dpotri(triangle, lower=1, overwrite_c=1)  # a third of the work of solving for the identity
    p: Array = np.tril(lower) + np.tril(lower, -1).T
    return p


def without(coef: Array, p: Array, columns: Array) -> Array:
    """Coefficients, (d, k), of the ridge refitted without `columns`; 0 there."""
    left: Array = coef - p[:, columns] @ np.linalg.solve(p[np.ix_(columns, columns)], coef[columns])
    left[columns] = 0
    return left


@dataclass(frozen=True, eq=False)
class Ablation:
    """Squared errors of held-out rows, NaN in rows that no fold holds out. whole: (n,), all columns. dropped:
    (n_sets, n), each set dropped by itself.

    alpha: the penalty used.
    """

    whole: Array
    dropped: Array
    alpha: float

    def of(self, rows: Array) -> "Ablation":
        """The errors of these rows alone."""
        return Ablation(self.whole[rows], self.dropped[:, rows], self.alpha)


def ablate(x: Array, y: Array, folds: Folds, sets: Sequence[Array], alphas: Sequence[float]) -> Ablation:
    """Cross-fitted ridge on x, (n, d), with all columns and refitted without each set of columns.

    y: (n,), or (n, k) of which squared errors are summed. folds: of these rows, the first repeat counts. Of the
    penalties `alphas` that with the least error on fold 0 is taken.
    """
    targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    moments = FoldMoments(lambda fold: (x,), targets, folds, shared=True)
    rows = folds.out(0)
    alpha = float(alphas[int(_errors(x, targets, rows, solve(moments.training(0), alphas)).mean(axis=1).argmin())])
    errors = np.full((1 + len(sets), len(y)), np.nan)
    for fold in range(folds.n_per_repeat):
        problem = centre(moments.training(fold))
        p = inverse(problem.gram, alpha)
        whole = p @ problem.projection
        coef = np.stack([whole, *(without(whole, p, columns) for columns in sets)])
        rows = folds.out(fold)
        errors[:, rows] = _errors(x, targets, rows, Solution(coef, problem.y_mean - problem.x_mean @ coef))
    return Ablation(errors[0], errors[1:], alpha)


def _errors(x: Array, targets: Array, rows: Array, solution: Solution) -> Array:
    """(n_solutions, len(rows)): squared errors, summed over targets."""
    summed: Array = ((predict((x,), rows, solution) - targets[rows]) ** 2).sum(axis=2)
    return summed


def random_sets(
    sets: Sequence[Array], candidates: Callable[[int], Array], n_draws: int, seed: int
) -> list[list[Array]]:
    """Controls: for set i, n_draws random sets from candidates(i), as large as set i or as there are candidates."""
    rng = np.random.default_rng(seed)
    controls = []
    for i, columns in enumerate(sets):
        pool = candidates(i)
        size = min(len(columns), len(pool))
        controls.append([np.sort(rng.choice(pool, size, replace=False)) for _ in range(n_draws)])
    return controls
