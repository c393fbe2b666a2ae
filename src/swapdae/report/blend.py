"""The section on the blend: weights, how alike the heads are, and what each adds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.base.text import shortened
from swapdae.competition.metrics import Metric
from swapdae.modelling.blend import cross_fitted_blend, nnls_weights
from swapdae.modelling.decision import decided
from swapdae.report.drawing import bars, bars_height, matrix, picture
from swapdae.report.page import Picture, Section, left_out
from swapdae.report.stage_results import StageResults

Array = NDArray[Any]


def section(found: StageResults) -> Section:
    """Weights; correlation of the heads; the cost of leaving each out."""
    metrics = found.metrics("blend")
    names = [name for name in found.oofs if name != "blend"]
    if metrics is None or found.table is None or found.folds is None or not names:
        return left_out("Blend", "blend", found.experiment.name)
    rows = found.predicted
    y, folds, oofs = found.table.y[rows], found.folds[rows], np.stack([found.oofs[name][rows] for name in names])
    weights = [metrics["weights"].get(name, 0.0) for name in names]
    pictures = [_weights(names, weights)]
    if len(names) > 1:
        regression = found.competition.task == "regression"
        what = "errors" if regression else "predictions"
        pictures.append(_correlation(names, oofs - y if regression else oofs, what))
        row_weights = None if found.table.weights is None else found.table.weights[rows]
        losses = leave_one_out(oofs, y, folds, found.competition.metric_of, row_weights)
        pictures.append(_losses(names, losses, found.metric))
    text = f"Weights by {metrics['method']}, cross-fitted {found.metric} {metrics['cross_fitted']:.5f}."
    return Section("Blend", (text,), pictures=tuple(pictures))


def _weights(names: list[str], weights: list[float]) -> Picture:
    top = shortened(names[int(np.argmax(weights))])
    plot = bars(names, weights, "weight")
    return picture("Weights", f"The largest is that of {top}.", plot, height=bars_height(len(names)))


def _correlation(names: list[str], values: Array, what: str) -> Picture:
    """values: (n_heads, n) or (n_heads, n, n_classes), called `what`."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a head may predict one value only
        correlation = np.nan_to_num(np.corrcoef(values.reshape(len(names), -1)))
    off = correlation[~np.eye(len(names), dtype=bool)]
    alt = f"Correlation of the out-of-fold {what} of two heads: {off.min():.2f} to {off.max():.2f}."
    plot = matrix(correlation, "correlation", names, text=len(names) <= 8, high=1.0)
    return picture(f"Correlation of {what}", alt, plot, height=3.6)


def _losses(names: list[str], losses: list[float], metric: str) -> Picture:
    worst = shortened(names[int(np.argmax(losses))])
    alt = f"How much worse the cross-fitted blend (least squares) is without a head. {worst} is missed most."
    plot = bars(names, losses, f"{metric}: cost of leaving it out")
    return picture("Leave one out", alt, plot, height=bars_height(len(names)))


def leave_one_out(oofs: Array, y: Array, folds: Array, metric: Metric, row_weights: Array | None = None) -> list[float]:
    """How much the cross-fitted least-squares blend loses without each head; positive: the head helps.

    oofs: (n_heads, n) or (n_heads, n, n_classes), two heads at least. row_weights: (n,).
    """

    def score(chosen: Array) -> float:
        blended = cross_fitted_blend(chosen, y, folds, nnls_weights, row_weights)
        return metric.score(y, decided(metric, y, blended, folds, row_weights), row_weights)

    whole = score(oofs)
    return [whole - score(np.delete(oofs, i, axis=0)) for i in range(len(oofs))]
