"""Piecewise linear encoding of numbers: how much of each of their quantile bins lies below them.

Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep learning", NeurIPS 2022. A linear
function of the pieces is a function of the number that is linear between the edges.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
N_PIECES = 16


def edges_of(x: Array, n: int = N_PIECES) -> Array:
    """Edges of n bins of equal counts, (n + 1,), fewer where quantiles agree; none of one value or of no values. x:
    (rows,), nothing missing."""
    edges: Array = np.unique(np.quantile(x, np.linspace(0, 1, n + 1))) if len(x) else np.zeros(0)
    return edges if len(edges) > 1 else np.zeros(0)


def pieces(x: Array, edges: Array) -> Array:
    """(rows, bins), each 0..1: 0 below the bin, 1 above it, in between inside. x: (rows,)."""
    inside: Array = (x[:, None] - edges[:-1]) / np.diff(edges)
    return np.clip(inside, 0, 1)
