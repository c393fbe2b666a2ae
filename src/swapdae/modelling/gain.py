"""What some heads add to a blend of the others, out of fold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.competition.metrics import Metric
from swapdae.modelling.blend import cross_fitted_blend, nnls_weights
from swapdae.modelling.cross_fit import fold_values
from swapdae.modelling.paired import paired_difference

Array = NDArray[Any]


def gain_of(
    added: NDArray[np.bool_], oofs: Array, y: Array, folds: Array, metric: Metric, row_weights: Array | None = None
) -> tuple[float, float, float]:
    """By how much the metric's score of the cross-fitted least-squares blend rises with the heads that are `added`.

    Mean of the paired differences over folds, and its 95% interval. added: (n_heads,), neither none nor all.
    oofs: (n_heads, n) or (n_heads, n, n_classes). folds: (n,), -1 for rows that none predicts. row_weights: (n,).
    """
    without, with_all = (
        fold_values(metric, y, cross_fitted_blend(chosen, y, folds, nnls_weights, row_weights), folds, row_weights)
        for chosen in (oofs[~added], oofs)
    )
    mean, low, high = paired_difference(without, with_all)
    turned = sorted(metric.value_of(bound) for bound in (low, high))
    return metric.value_of(mean), turned[0], turned[1]
