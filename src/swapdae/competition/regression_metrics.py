"""Metrics of numbers, and the targets that each cannot judge. scikit-learn computes all but SMAPE."""

from collections.abc import Callable

import numpy as np
from sklearn import metrics as sk

from swapdae.competition.metric import Array, Metric, Refusal

REGRESSION = frozenset({"regression"})
LEAST = 1e-9  # a deviance takes positive predictions only

NEGATIVE = Refusal(lambda y: y < 0, "is negative; the metric takes none: mend it, or take rmse or mae")
NOT_POSITIVE = Refusal(lambda y: y <= 0, "is not positive; the metric takes no other: mend it, or take poisson or rmse")
ZERO = Refusal(lambda y: y == 0, "is zero, and mape divides by the target; take smape or mae")


def weighted(function: Callable[..., float], **options: float) -> Callable[..., float]:
    """scikit-learn's metric, with weights as the third parameter."""

    def value(y: Array, prediction: Array, weights: Array | None = None) -> float:
        return float(function(y, prediction, sample_weight=weights, **options))

    return value


def _rmsle(y: Array, prediction: Array, weights: Array | None = None) -> float:
    return float(sk.root_mean_squared_log_error(y, np.maximum(prediction, 0), sample_weight=weights))


def _poisson(y: Array, prediction: Array, weights: Array | None = None) -> float:
    return float(sk.mean_poisson_deviance(y, np.maximum(prediction, LEAST), sample_weight=weights))


def _gamma(y: Array, prediction: Array, weights: Array | None = None) -> float:
    return float(sk.mean_gamma_deviance(y, np.maximum(prediction, LEAST), sample_weight=weights))


def _smape(y: Array, prediction: Array, weights: Array | None = None) -> float:
    """In percent, from 0 to 200; 0 where target and prediction both are 0."""
    size = (np.abs(y) + np.abs(prediction)) / 2
    share = np.divide(np.abs(y - prediction), size, out=np.zeros(len(y)), where=size > 0)
    return float(100 * np.average(share, weights=weights))


def quantile(parameter: str) -> Metric:
    """The pinball loss of a quantile between 0 and 1. Raises ValueError for another."""
    name = f"quantile:{parameter}"
    try:
        level = float(parameter)
    except ValueError:
        level = 0.0
    if not 0 < level < 1:
        raise ValueError(f"metric '{name}': '{parameter}' is not a level between 0 and 1, as in quantile:0.9")
    return Metric(name, False, REGRESSION, "quantile", weighted(sk.mean_pinball_loss, alpha=level), level=level)


REGRESSION_METRICS = (
    Metric("rmse", False, REGRESSION, "squared", weighted(sk.root_mean_squared_error)),
    Metric("mae", False, REGRESSION, "absolute", weighted(sk.mean_absolute_error)),
    Metric("rmsle", False, REGRESSION, "squared_log", _rmsle, refuses=NEGATIVE),
    Metric("mape", False, REGRESSION, "relative", weighted(sk.mean_absolute_percentage_error), refuses=ZERO),
    Metric("smape", False, REGRESSION, "absolute", _smape),
    Metric("median_absolute_error", False, REGRESSION, "absolute", weighted(sk.median_absolute_error)),
    Metric("r2", True, REGRESSION, "squared", weighted(sk.r2_score)),
    Metric("poisson", False, REGRESSION, "poisson", _poisson, refuses=NEGATIVE),
    Metric("gamma", False, REGRESSION, "gamma", _gamma, refuses=NOT_POSITIVE),
)
