"""The section on predictions: against the target, and train against test."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from swapdae.base.text import shortened
from swapdae.report.drawing import BLUE, COLOURS, MAP, ORANGE, legend, matrix, picture
from swapdae.report.page import Picture, Section, left_out
from swapdae.report.stage_results import StageResults

Array = NDArray[Any]


def section(found: StageResults) -> Section:
    """Predictions beside the target, and beside those of test rows; pictures by task."""
    name = "blend" if "blend" in found.oofs else next(iter(found.oofs), None)
    if name is None or found.table is None or found.folds is None:
        return left_out("Predictions", "heads", found.experiment.name)
    rows, test = found.predicted, found.tests[name]
    y, oof = found.table.y[rows], found.oofs[name][rows]
    text: tuple[str, ...] = (f"Of {'the blend, cross-fitted' if name == 'blend' else shortened(name)}.",)
    if not rows.all():
        text += (f"{(~rows).sum():,} train rows without an out-of-fold prediction are left out.",)
    if found.competition.task == "regression":
        pictures = [
            _against_target(y, oof, shortened(found.competition.target)),
            _residuals(y - oof),
            _shift(oof, test, "prediction"),
        ]
    elif found.competition.task == "binary":
        pictures = [_calibration(y, oof), _shift(oof, test, f"probability of {shortened(found.table.classes[-1])}")]
    else:
        pictures = [
            _confusion(y, oof, found.table.classes),
            _shift(oof.max(axis=1), test.max(axis=1), "largest probability"),
        ]
    return Section("Predictions", text, pictures=tuple(pictures))


def _against_target(y: Array, oof: Array, target: str) -> Picture:
    def plot(axes: Axes) -> None:
        image = axes.hexbin(oof, y, gridsize=45, bins="log", cmap=MAP, mincnt=1, linewidths=0)
        ends = [min(oof.min(), y.min()), max(oof.max(), y.max())]
        axes.plot(ends, ends, color=ORANGE, linewidth=1.2, label="equal")
        bar = axes.figure.colorbar(image, ax=axes, label="rows", format="{x:,.0f}")
        bar.ax.yaxis.set_minor_formatter("")
        bar.outline.set_visible(False)
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
    way = "higher" if moved >= 0 else "lower"
    alt = f"On average, test predictions are {abs(moved):.3f} standard deviations {way} than those out of fold."
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
    return picture("Calibration", f"The group that is furthest from the line is off by {off:.3f}.", plot)


def _confusion(y: Array, oof: Array, classes: tuple[str, ...]) -> Picture:
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (y, oof.argmax(axis=1)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = classes if len(classes) <= 12 else None
    plot = matrix(
        share, "share of the true class", names, x="predicted", y="true", text=len(classes) <= 8, low=0, high=1
    )
    return picture("Confusion", f"{np.trace(counts) / counts.sum():.1%} of rows are right.", plot, height=3.6)
