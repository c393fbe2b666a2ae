"""FeatureSet: a function fold -> features of ALL rows (train rows, then test rows). One interface for raw, dae, raw+dae.

A feature set is shared when every fold sees the same matrix (an autoencoder trained on all rows), else each fold has its
own, and columns of different folds must not be compared: their autoencoders live in different coordinate systems.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[Any]  # float32, or float16 where it is mapped from a file
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Native:
    """What tree models read: category codes as they are, numbers with NaN where missing.

    x_cat: (n, c) int32, codes 0..n_levels[j]; 0 is "unknown". x_num: blocks of (n, m_i), side by side.
    names: of all c + sum(m_i) columns, categorical first.
    """

    x_cat: NDArray[np.int32]
    n_levels: tuple[int, ...]
    x_num: tuple[FloatArray, ...]
    names: tuple[str, ...]


class FeatureSet(Protocol):
    """Features by fold. Rows 0..n_train-1 are the train rows, the rest the test rows."""

    @property
    def shared(self) -> bool:
        """Whether native() and dense() are the same for every fold."""

    def native(self, fold: int) -> Native:
        """For tree models."""

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        """For linear models and networks: finite blocks of (n, d_i), side by side, categories one-hot."""
