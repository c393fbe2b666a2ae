"""Class numbers as one-hot targets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def one_hot(y: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """(n, n_classes): 1 in the column of a row's class, else 0. y: (n,) class numbers, from 0."""
    targets: NDArray[np.float64] = np.equal.outer(y, np.arange(n_classes)).astype(np.float64)
    return targets
