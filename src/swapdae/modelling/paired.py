"""Differences over folds, with their uncertainty; paired where the folds are the same rows.

Fold scores are not independent, for their training rows overlap: the interval widens the variance of the mean by the
ratio of held-out to training rows, 1/(K - 1) (Nadeau and Bengio, "Inference for the generalization error", 2003).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Array = NDArray[Any]


def paired_difference(one: Array, other: Array, *, repeats: int = 1) -> tuple[float, float, float]:
    """Mean of other - one over folds, (K,) each, and its 95% interval. Folds where either is NaN are left out; the
    bounds are NaN under two folds.

    repeats: how many draws of folds these are, of K / repeats folds each: more draws make the mean surer, but none has
    fewer training rows in common.
    """
    differences = np.asarray(other) - np.asarray(one)
    differences = differences[~np.isnan(differences)]
    k, mean = len(differences), float(differences.mean()) if len(differences) else float("nan")
    if k < 2 * repeats:
        return mean, float("nan"), float("nan")
    error = float(np.sqrt(differences.var(ddof=1) * (1 / k + 1 / (k / repeats - 1))))
    half = float(t.ppf(0.975, k - 1)) * error
    return mean, mean - half, mean + half


def unpaired_difference(one: Array, other: Array) -> tuple[float, float, float]:
    """Mean of other less mean of one, over folds of their own, and its 95% interval (Welch's), each variance widened
    as above."""
    sides = [np.asarray(side)[~np.isnan(side)] for side in (one, other)]
    mean = float(sides[1].mean() - sides[0].mean()) if all(map(len, sides)) else float("nan")
    if min(map(len, sides)) < 2:
        return mean, float("nan"), float("nan")
    variances = np.array([side.var(ddof=1) * (1 / len(side) + 1 / (len(side) - 1)) for side in sides])
    if not variances.any():
        return mean, mean, mean
    freedom = variances.sum() ** 2 / (variances**2 / [len(side) - 1 for side in sides]).sum()
    half = float(t.ppf(0.975, freedom)) * float(np.sqrt(variances.sum()))
    return mean, mean - half, mean + half
