"""The section on what the autoencoder is worth: the changes that it makes, with their intervals."""

from typing import Any

from matplotlib.axes import Axes

from swapdae.report.drawing import BLUE, RED, bars_height, named_rows, picture
from swapdae.report.page import NONE, Grid, Picture, Section, left_out, text_of
from swapdae.report.stage_results import StageResults

VERDICTS = {"helps": "helps", "harms": "harms", "nothing": "not told from noise", "unknown": "too few folds"}


def section(found: StageResults) -> Section:
    """The stage's sentence, its figures, and a picture of them."""
    metrics = found.metrics("worth")
    if not found.experiment.uses_dae:
        return Section("Worth", ("Left out: no head reads autoencoder features.",))
    if metrics is None:
        return left_out("Worth", "worth", found.experiment.name)
    ridge, blend = metrics["ridge"], metrics["blend"]
    changes = {
        "ridge: network": (ridge["raw"], ridge["untrained"], metrics["network"]),
        "ridge: training": (ridge["untrained"], ridge["trained"], metrics["training"]),
        "ridge: both": (ridge["raw"], ridge["trained"], metrics["both"]),
        **({"blend": (blend["without"], blend["with"], blend)} if blend else {}),
    }
    text = (
        metrics["sentence"],
        "Network: features of the autoencoder as its training begins, in place of raw columns. Training: its features "
        "as they are, in place of those. Blend: of all heads, in place of those that do not read the autoencoder.",
    )
    rows = tuple((name, *_figures(*change)) for name, change in changes.items())
    head = ("", "without", "with", "change", "95% interval", "verdict")
    note = f"The change is the mean over folds, paired; {found.better}."
    grid = Grid(f"{found.metric} out of fold", head, rows, note)
    known = {name: change for name, (_, _, change) in changes.items() if change["low"] is not None}
    return Section("Worth", text, (grid,), (_picture(known, found),) if known else ())


def _figures(before: float, after: float, change: dict[str, Any]) -> tuple[str, ...]:
    mean = NONE if change["mean"] is None else f"{change['mean']:+.5f}"
    interval = NONE if change["low"] is None else f"{change['low']:+.5f} to {change['high']:+.5f}"
    return text_of(before, 5), text_of(after, 5), mean, interval, VERDICTS[change["verdict"]]


def _picture(changes: dict[str, dict[str, Any]], found: StageResults) -> Picture:
    def plot(axes: Axes) -> None:
        axes.axvline(0, color=RED, linewidth=1.4)
        for i, change in enumerate(changes.values()):
            axes.plot([change["low"], change["high"]], [i, i], "-", color=BLUE)
            axes.plot([change["mean"]], [i], "o", color=BLUE, markersize=6)
        named_rows(axes, list(changes))
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(f"change of {found.metric} ({found.better})")

    alt = f"95% intervals over folds; one that holds 0 tells nothing. They are of {', '.join(changes)}."
    return picture("What it adds", alt, plot, height=bars_height(len(changes)))
