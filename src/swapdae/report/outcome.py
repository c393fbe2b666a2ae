"""The sections on what came out: the result table, the blend, the predictions."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from swapdae.competition.metrics import Metric
from swapdae.modelling.blend import cross_fitted_blend, nnls_weights
from swapdae.modelling.cross_fit import fold_values
from swapdae.report.drawing import BLUE, COLOURS, ORANGE, bars, bars_height, legend, matrix, picture, shortened
from swapdae.report.page import Grid, Picture, Section, text_of
from swapdae.report.results import Results

Array = NDArray[Any]
NOT_RUN = "Left out: {} has not run."


def result(found: Results) -> Section:
    """Each head and the blend: out of fold, public, private, weight, seconds."""
    blend = found.scores["blend"]
    weights = blend["weights"] or {}
    rows = []
    for name, head in found.scores["heads"].items():
        numbers = [text_of(head[key], 5) for key in ("oof", "public", "private")]
        rows.append((name, head["features"], *numbers, text_of(weights.get(name), 2), text_of(head["seconds"], 0)))
    numbers = [text_of(blend[key], 5) for key in ("oof_cross_fitted", "public", "private")]
    rows.append(("blend, cross-fitted", "", *numbers, "", ""))
    head = ("", "features", "out of fold", "public", "private", "weight", "seconds")
    grid = Grid(f"{found.metric}, {found.better}", head, tuple(rows))
    text = ["Every train row is predicted by models that have not seen it; the blend's weights are of the other folds."]
    if stale := [name for name, state in found.states.items() if state.state == "stale"]:
        text.append(f"Stale, made with another configuration or other data than there is now: {', '.join(stale)}.")
    values = values_by_fold(found)
    pictures = (_folds_picture(found, values),) if values else ()
    return Section("Result", tuple(text), (grid,), pictures)


def values_by_fold(found: Results) -> dict[str, Array]:
    """(n_folds,) metric of every head and of the blend, cross-fitted; NaN where a fold lacks a class."""
    if found.table is None or found.folds is None:
        return {}
    y, folds, metric = found.table.y, found.folds, found.competition.metric_of
    return {name: fold_values(metric, y, oof, folds) for name, oof in found.oofs.items()}


def _folds_picture(found: Results, values: dict[str, Array]) -> Picture:
    def plot(axes: Axes) -> None:
        for i, points in enumerate(values.values()):
            axes.plot(points, np.full(len(points), i), "o", color=BLUE, alpha=0.7, markersize=5)
            axes.plot([np.nanmean(points)], [i], "|", color=ORANGE, markersize=16, markeredgewidth=2.5)
        axes.set_yticks(range(len(values)), [shortened(name) for name in values])
        axes.invert_yaxis()
        axes.set_xlabel(f"{found.metric} of one fold ({found.better})")

    best = max(values, key=lambda name: found.competition.metric_of.value_of(float(np.nanmean(values[name]))))
    alt = f"A dot is a fold, an orange stroke the mean over folds. Best on average: {best}."
    return picture("Scores by fold", alt, plot, height=1.2 + 0.3 * len(values))


# >>> Blend


def blend(found: Results) -> Section:
    metrics = found.metrics("blend")
    names = [name for name in found.oofs if name != "blend"]
    if metrics is None or found.table is None or found.folds is None or not names:
        return Section("Blend", (NOT_RUN.format("blend"),))
    y, oofs = found.table.y, np.stack([found.oofs[name] for name in names])
    text = f"Weights by {metrics['method']}, cross-fitted {found.metric} {metrics['cross_fitted']:.5f}."
    weights = [metrics["weights"].get(name, 0.0) for name in names]
    top = names[int(np.argmax(weights))]
    pictures = [
        picture(
            "Weights", f"The largest is that of {top}.", bars(names, weights, "weight"), height=bars_height(len(names))
        )
    ]
    if len(names) > 1:
        errors = oofs - y if found.competition.task == "regression" else oofs
        with np.errstate(invalid="ignore", divide="ignore"):  # a head may predict one value only
            correlation = np.nan_to_num(np.corrcoef(errors.reshape(len(names), -1)))
        what = "errors" if found.competition.task == "regression" else "predictions"
        off = correlation[~np.eye(len(names), dtype=bool)]
        alt = f"Out-of-fold {what} of two heads correlate by {off.min():.2f} to {off.max():.2f}."
        plot = matrix(correlation, "correlation", names, text=len(names) <= 8, high=1.0)
        pictures.append(picture(f"Correlation of {what}", alt, plot, height=3.6))
        losses = leave_one_out(oofs, y, found.folds, found.competition.metric_of)
        worst = names[int(np.argmax(losses))]
        plot = bars(names, losses, f"{found.metric}: cost of leaving it out")
        alt = f"How much worse the cross-fitted blend (least squares) is without a head. The most missed is {worst}."
        pictures.append(picture("Leave one out", alt, plot, height=bars_height(len(names))))
    return Section("Blend", (text,), pictures=tuple(pictures))


def leave_one_out(oofs: Array, y: Array, folds: Array, metric: Metric) -> list[float]:
    """How much the cross-fitted least-squares blend loses without each head; positive: the head helps.

    oofs: (n_heads, n) or (n_heads, n, n_classes), two heads at least.
    """

    def score(chosen: Array) -> float:
        return metric.score(y, cross_fitted_blend(chosen, y, folds, nnls_weights))

    whole = score(oofs)
    return [whole - score(np.delete(oofs, i, axis=0)) for i in range(len(oofs))]


# >>> Predictions


def predictions(found: Results) -> Section:
    name = "blend" if "blend" in found.oofs else next(iter(found.oofs), None)
    if name is None or found.table is None:
        return Section("Predictions", (NOT_RUN.format("no head"),))
    y, oof, test = found.table.y, found.oofs[name], found.tests[name]
    text = (f"Of {'the blend, cross-fitted' if name == 'blend' else name}.",)
    if found.competition.task == "regression":
        pictures = [
            _against_target(y, oof, found.competition.target),
            _residuals(y - oof),
            _shift(oof, test, "prediction"),
        ]
    elif found.competition.task == "binary":
        pictures = [_calibration(y, oof), _shift(oof, test, f"probability of {found.table.classes[-1]}")]
    else:
        pictures = [
            _confusion(y, oof, found.table.classes),
            _shift(oof.max(axis=1), test.max(axis=1), "largest probability"),
        ]
    return Section("Predictions", text, pictures=tuple(pictures))


def _against_target(y: Array, oof: Array, target: str) -> Picture:
    def plot(axes: Axes) -> None:
        image = axes.hexbin(oof, y, gridsize=45, bins="log", cmap="cividis", mincnt=1, linewidths=0)
        ends = [min(oof.min(), y.min()), max(oof.max(), y.max())]
        axes.plot(ends, ends, color=ORANGE, linewidth=1.2, label="equal")
        axes.figure.colorbar(image, ax=axes, label="rows").outline.set_visible(False)
        axes.set(xlabel="out-of-fold prediction", ylabel=target)
        legend(axes)

    alt = "Every prediction is the same."
    if np.ptp(oof):
        slope, correlation = np.cov(oof, y)[0, 1] / np.var(oof, ddof=1), np.corrcoef(oof, y)[0, 1]
        alt = f"Correlation {correlation:.3f}; the target rises by {slope:.2f} where the prediction rises by 1."
    return picture("Target against prediction", alt, plot, height=3.4)


def _residuals(errors: Array) -> Picture:
    low, high = np.quantile(errors, [0.001, 0.999])

    def plot(axes: Axes) -> None:
        axes.hist(np.clip(errors, low, high), bins=60, color=BLUE)
        axes.axvline(0, color=ORANGE, linewidth=1.2)
        axes.set(xlabel="target less prediction", ylabel="rows")

    skew = float(np.mean((errors - errors.mean()) ** 3) / np.std(errors) ** 3) if errors.std() else 0.0
    moments = f"Mean {errors.mean():.4f}, standard deviation {errors.std():.4f}, skewness {skew:.2f}"
    alt = f"{moments}. The outermost 0.2% are stacked at the ends."
    return picture("Residuals", alt, plot)


def _shift(oof: Array, test: Array, label: str) -> Picture:
    ends = np.quantile(np.concatenate([oof, test]), [0.001, 0.999])
    bins = np.linspace(ends[0], max(ends[1], ends[0] + 1e-9), 50).tolist()

    def plot(axes: Axes) -> None:
        for values, name, colour in ((oof, "out of fold", COLOURS[0]), (test, "test", COLOURS[1])):
            axes.hist(values, bins=bins, density=True, histtype="step", linewidth=1.8, color=colour, label=name)
        axes.set(xlabel=label, ylabel="density")
        legend(axes)

    moved = (test.mean() - oof.mean()) / (oof.std() or 1.0)
    alt = f"Test predictions lie {abs(moved):.3f} standard deviations {'higher' if moved >= 0 else 'lower'} on average."
    return picture("Out of fold and test", alt, plot)


def _calibration(y: Array, oof: Array) -> Picture:
    order = np.array_split(np.argsort(oof), 15)
    order = [rows for rows in order if len(rows)]

    def plot(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=ORANGE, linewidth=1.2, label="perfect")
        axes.plot(
            [oof[r].mean() for r in order],
            [y[r].mean() for r in order],
            "o-",
            color=BLUE,
            markersize=4,
            label="rows, in 15 groups",
        )
        axes.set(xlabel="mean predicted probability", ylabel="share of the class")
        legend(axes)

    off = max(abs(oof[r].mean() - y[r].mean()) for r in order)
    return picture("Calibration", f"The furthest group is {off:.3f} off.", plot)


def _confusion(y: Array, oof: Array, classes: tuple[str, ...]) -> Picture:
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (y, oof.argmax(axis=1)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = classes if len(classes) <= 12 else None
    plot = matrix(
        share, "share of the true class", names, x="predicted", y="true", text=len(classes) <= 8, low=0, high=1
    )
    return picture("Confusion", f"{np.trace(counts) / counts.sum():.1%} of rows are right.", plot, height=3.6)
