"""The section on the autoencoder: its training, and how well it restores corrupted cells."""

from typing import Any

from matplotlib.axes import Axes
from numpy.typing import NDArray

from swapdae.base.text import shortened
from swapdae.report.drawing import COLOURS, MOST_BARS, bars, bars_height, legend, picture, whole_numbers
from swapdae.report.page import Grid, Picture, Section, left_out, percent, text_of
from swapdae.report.stage_results import StageResults

Array = NDArray[Any]
LEAST = -0.5  # R2; a worse column's bar ends there
CURVES = {  # of the training log: field, title, axis; fields that a log lacks are left out
    "loss": ("Loss", "loss, mean of an epoch"),
    "mask_auc": ("Corruption found", "AUC of the predicted mask"),
    "learning_rate": ("Learning rate", "learning rate"),
    "rows_per_s": ("Speed", "rows per second"),
}


def section(found: StageResults) -> Section:
    """Training curves; what is restored, by column."""
    metrics = found.metrics("dae")
    if metrics is None and found.experiment.uses_dae:
        return left_out("Autoencoder", "dae", found.experiment.name)
    if metrics is None:
        return Section("Autoencoder", ("Left out: no head reads autoencoder features.",))
    config, first = found.experiment.dae, metrics["trainings"][0]
    trainings, report = metrics["trainings"], found.states["dae"].report
    seconds = sum(training["seconds"] for training in trainings)
    text = [
        f"Body: {config.body.kind}, {first['n_inputs']:,} inputs, {first['d_features']:,} features. Scope: "
        f"{config.scope}; {len(trainings)} trained in {seconds:,.0f} s on {report.device if report else '-'}."
    ]
    pictures = [_curve(found.logs, name) for name in CURVES if found.logs and found.logs[0][0].get(name) is not None]
    grids: tuple[Grid, ...] = ()
    study = found.metrics("activations")
    if study is not None and "columns" in study:
        grids = (_columns_grid(found, study["columns"]),)
        pictures += _columns_pictures(study["columns"])
    else:
        text.append(
            "Left out: how well each column is restored, which the stage activations measures. This runs it: swapdae "
            f"activations {found.experiment.name}"
        )
    return Section("Autoencoder", tuple(text), grids, tuple(pictures))


def _curve(logs: list[list[dict[str, Any]]], name: str) -> Picture:
    title, label = CURVES[name]

    def plot(axes: Axes) -> None:
        for i, log in enumerate(logs):
            axes.plot(
                [e["epoch"] for e in log],
                [e[name] for e in log],
                "o-" if len(log) < 30 else "-",
                markersize=4,
                color=COLOURS[i % len(COLOURS)],
                label=f"fold {i}",
            )
        axes.set(xlabel="epoch", ylabel=label)
        whole_numbers(axes)
        if len(logs) > 1:
            legend(axes, 3)

    first, last = logs[0][0][name], logs[0][-1][name]
    alt = f"From {_short(first)} in the first epoch to {_short(last)} in the last."
    return picture(title, alt, plot, height=2.6)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _columns_grid(found: StageResults, columns: list[dict[str, Any]]) -> Grid:
    noise = found.experiment.dae.noise
    rows = []
    for column in columns:
        default = noise.categorical if column["kind"] == "category" else noise.numerical
        rate = noise.columns.get(column["column"], default)
        figures = [text_of(column[key], 3) for key in ("quality", "guess", "mask_auc")]
        rows.append((column["column"], column["kind"], f"{rate:g}", percent(column["corrupted"]), *figures))
    head = ("column", "kind", "noise rate", "really changed", "restored", "by guessing", "mask AUC")
    note = (
        "Restored: of numbers R2, of the others the share of corrupted cells that are restored right. By guessing: the "
        "same for the mean of a number and the most frequent level of a category."
    )
    return Grid("Corrupted cells restored", head, tuple(rows), note)


def _columns_pictures(columns: list[dict[str, Any]]) -> list[Picture]:
    pictures = []
    for kind, what, label in (
        ("category", "Categories restored", "share of cells restored right"),
        ("number", "Numbers restored", "R2 over corrupted cells"),
    ):
        some = sorted(
            (c for c in columns if c["kind"] == kind and c["quality"] is not None), key=lambda c: -c["quality"]
        )[:MOST_BARS]
        if some:
            names, values = [c["column"] for c in some], [max(c["quality"], LEAST) for c in some]
            marks = [c["guess"] for c in some]
            best, worst = (f"{shortened(c['column'])} ({c['quality']:.2f})" for c in (some[0], some[-1]))
            end = f" Bars end at {LEAST}." if some[-1]["quality"] < LEAST else ""
            alt = f"Best restored: {best}. Worst shown: {worst}.{end}"
            plot = bars(names, values, label, marks=marks, mark="by guessing")
            pictures.append(picture(what, alt, plot, height=bars_height(len(some))))
    return pictures
