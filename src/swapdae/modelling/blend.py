"""Blending heads by their out-of-fold predictions. Weights are >= 0 and sum to 1.

oofs: (n_heads, n) or (n_heads, n, n_classes), heads first; weights: (n_heads,).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from swapdae.competition.metrics import Metric
from swapdae.encoding.one_hot import one_hot
from swapdae.modelling.decision import Decision, decided, fit_decision

Array = NDArray[Any]
STEPS = 40  # of hill climbing at most: weights are multiples of 1/40 or coarser
PATIENCE = 5  # steps without a gain that end it


def combine(predictions: Array, weights: Array) -> Array:
    """Weighted mean over heads: (n,) or (n, n_classes)."""
    mean: Array = np.tensordot(weights, predictions, axes=1)
    return mean


def nnls_weights(oofs: Array, y: Array, row_weights: Array | None = None) -> Array:
    """Weights of least squared error among all that are >= 0 and sum to 1 (class targets are taken one-hot).
    row_weights: (n,) of the rows' errors.

    Minimizing |Ru|^2 + c^2 (sum u - 1)^2 over u >= 0, R holding the heads' residuals, gives the best such
    weights times a factor, whatever c is; so one non-negative least squares, normalised, is exact.
    """
    target = one_hot(y, oofs.shape[2]) if oofs.ndim == 3 else y
    residuals = oofs - target
    if row_weights is not None:
        residuals = residuals * np.sqrt(row_weights).reshape(-1, *([1] * (residuals.ndim - 2)))
    residuals = residuals.reshape(len(oofs), -1).T
    triangle = np.linalg.qr(residuals, mode="r")  # same norms, (n_heads, n_heads)
    c = float(np.abs(triangle).max()) or 1.0
    weights, _ = nnls(np.vstack([triangle, np.full(len(oofs), c)]), np.append(np.zeros(len(triangle)), c))
    normalised: Array = weights / weights.sum()
    return normalised


def hill_climb_weights(oofs: Array, y: Array, metric: Metric, row_weights: Array | None = None) -> Array:
    """Greedy selection with replacement on the metric; the best mean met on the way is taken.

    Method: Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
    """
    counts, total = np.zeros(len(oofs)), np.zeros_like(oofs[0])
    best_score, best, best_step = -np.inf, counts, 0
    for step in range(1, STEPS + 1):
        if step - best_step > PATIENCE:
            break
        scores = [metric.score(y, (total + oof) / step, row_weights) for oof in oofs]
        pick = int(np.argmax(scores))
        counts[pick] += 1
        total = total + oofs[pick]
        if scores[pick] > best_score:
            best_score, best, best_step = scores[pick], counts / step, step
    return best


METHODS: dict[str, Callable[..., Array]] = {  # (oofs, y, metric[, row weights]) -> weights
    "nnls": lambda oofs, y, metric, row_weights=None: nnls_weights(metric.to_fit(oofs), metric.to_fit(y), row_weights),
    "hill_climb": hill_climb_weights,
}


def cross_fitted_blend(
    oofs: Array, y: Array, folds: Array, weigh: Callable[..., Array], row_weights: Array | None = None
) -> Array:
    """Each fold's rows blended by weights of the other folds' rows: (n,) or (n, n_classes).

    folds: (n,), -1 for rows that none predicts: they weigh nothing and stay NaN. weigh: (oofs, y, row weights or None)
    of some rows -> weights.
    """
    blended: Array = np.full_like(oofs[0], np.nan)
    predicted = folds >= 0
    for fold in np.unique(folds[predicted]):
        mine = folds == fold
        others = predicted & ~mine
        of_others = None if row_weights is None else row_weights[others]
        blended[mine] = combine(oofs[:, mine], weigh(oofs[:, others], y[others], of_others))
    return blended


@dataclass(frozen=True, eq=False)
class Blend:
    """method, weights: fitted on all rows predicted. oof: blended by `weights`; score: of it, in-sample.

    oof_cross_fitted: each fold blended by weights of the other folds' rows; scores: its score, by method.
    decision: fitted on `oof`. Where the metric wants labels, `scores` are of labels decided fold by fold.
    """

    method: str
    weights: Array
    oof: Array
    score: float
    oof_cross_fitted: Array
    scores: dict[str, float]
    decision: Decision

    @property
    def score_cross_fitted(self) -> float:
        """The blend's honest score."""
        return self.scores[self.method]


def fit_blend(
    oofs: Array | Sequence[Array], y: Array, folds: Array, metric: Metric, row_weights: Array | None = None
) -> Blend:
    """Scores each method cross-fitted and fits the better one on all rows that folds predict: not -1 in `folds`, (n,).

    row_weights: (n,).

    The method is one choice of two, which flatters the cross-fitted score by next to nothing. Raises FloatingPointError
    where the prediction of such a row is not a finite number.
    """
    stacked, predicted = np.stack([np.asarray(oof, dtype=np.float64) for oof in oofs]), folds >= 0
    if not np.isfinite(stacked[:, predicted]).all():
        raise FloatingPointError("out-of-fold predictions to be blended are not finite numbers")

    def crossed(method: str) -> Array:
        weigh = METHODS[method]
        return cross_fitted_blend(stacked, y, folds, lambda oofs, y, w: weigh(oofs, y, metric, w), row_weights)

    blended = {method: crossed(method) for method in METHODS}
    of = None if row_weights is None else row_weights[predicted]

    def judged(oof: Array) -> float:
        """Of labels decided fold by fold, where the metric wants labels."""
        return metric.score(y[predicted], decided(metric, y, oof, folds, row_weights)[predicted], of)

    scores = {name: judged(oof) for name, oof in blended.items()}
    method = max(scores, key=scores.__getitem__)
    weights = METHODS[method](stacked[:, predicted], y[predicted], metric, of)
    oof = combine(stacked, weights)
    decision = fit_decision(metric, y[predicted], oof[predicted], of)
    score = metric.score(y[predicted], decision.decide(oof[predicted]), of)
    return Blend(method, weights, oof, score, blended[method], scores, decision)
