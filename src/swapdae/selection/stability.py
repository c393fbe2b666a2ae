"""How alike several selections of k columns are."""

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stability:
    """How alike selections are: mean Jaccard index of pairs, and 1 minus the ratio of the selections' variance to
    that of random ones of k columns (1: always the same; 0: as random. Nogueira, Sechidis and Brown, JMLR 2018)."""

    jaccard: float
    index: float


def stability(selections: Sequence[Sequence[Hashable]], n_columns: int) -> Stability:
    """selections: of the same number of columns. NaN for a single one; the index also where all columns are taken."""
    if len(selections) < 2:
        return Stability(math.nan, math.nan)
    sets = [set(names) for names in selections]
    jaccard = np.mean([len(a & b) / len(a | b) for a, b in itertools.combinations(sets, 2)])
    m, share = len(sets), len(sets[0]) / n_columns
    if share == 1:
        return Stability(float(jaccard), math.nan)
    counts = np.array([sum(name in names for names in sets) for name in set().union(*sets)]) / m
    variance = float((m / (m - 1) * counts * (1 - counts)).sum()) / n_columns
    return Stability(float(jaccard), 1 - variance / (share * (1 - share)))
