"""The section on the autoencoder: its training, and what it restores."""

from typing import Any

from matplotlib.axes import Axes
from numpy.typing import NDArray

from swapdae.report.drawing import COLOURS, bars, bars_height, legend, picture, whole_numbers
from swapdae.report.outcome import NOT_RUN
from swapdae.report.page import Grid, Picture, Section, percent, text_of
from swapdae.report.results import Results

Array = NDArray[Any]
CURVES = {  # of the training log: field, title, axis; a field that a log does not tell is left out
    "loss": ("Loss", "loss, mean of an epoch"),
    "mask_auc": ("Mask found", "AUC of the predicted mask"),
    "learning_rate": ("Learning rate", "rate at an epoch's end"),
    "rows_per_s": ("Speed", "rows per second"),
}


def autoencoder(found: Results) -> Section:
    """Training curves; what is restored, by column."""
    metrics = found.metrics("dae")
    if metrics is None:
        why = NOT_RUN.format("dae") if found.experiment.uses_dae else "Left out: no head reads autoencoder features."
        return Section("Autoencoder", (why,))
    config, last = found.experiment.dae, metrics["trainings"][0]
    trainings, report = metrics["trainings"], found.states["dae"].report
    seconds = sum(training["seconds"] for training in trainings)
    text = [
        f"A {config.body.kind} of {last['n_inputs']:,} inputs and {last['d_features']:,} features, "
        f"{config.scope.replace('_', ' ')}; {len(trainings)} trained, {seconds:,.0f} s on "
        f"{report.device if report else '-'}."
    ]
    pictures = [_curve(found.logs, name) for name in CURVES if found.logs and found.logs[0][0].get(name) is not None]
    grids: tuple[Grid, ...] = ()
    study = found.metrics("activations")
    if study is not None and "columns" in study:
        grids = (_columns_grid(found, study["columns"]),)
        pictures += _columns_pictures(study["columns"])
    else:
        text.append("What is restored, by column, is left out: activations has not run.")
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


def _columns_grid(found: Results, columns: list[dict[str, Any]]) -> Grid:
    noise = found.experiment.dae.noise
    rows = []
    for column in columns:
        default = noise.categorical if column["kind"] == "category" else noise.numerical
        rate = noise.columns.get(column["column"], default)
        figures = [text_of(column[key], 3) for key in ("quality", "guess", "mask_auc")]
        rows.append((column["column"], column["kind"], f"{rate:g}", percent(column["corrupted"]), *figures))
    head = ("column", "kind", "noise rate", "really changed", "restored", "by guessing", "mask AUC")
    title = (
        "Corrupted cells restored: R2 of numbers, share of right levels of others; a guess is the most frequent level"
    )
    return Grid(title, head, tuple(rows))


def _columns_pictures(columns: list[dict[str, Any]]) -> list[Picture]:
    pictures = []
    for kind, what, label in (
        ("category", "Categories restored", "share restored right"),
        ("number", "Numbers restored", "R2 over corrupted cells"),
    ):
        some = sorted(
            (c for c in columns if c["kind"] == kind and c["quality"] is not None), key=lambda c: -c["quality"]
        )[:24]
        if some:
            names, values = [c["column"] for c in some], [max(c["quality"], -0.5) for c in some]
            marks = [c["guess"] for c in some]
            alt = f"Best is {names[0]}, {values[0]:.2f}; last {names[-1]}, {values[-1]:.2f}."
            plot = bars(names, values, label, marks=marks, mark="by guessing")
            pictures.append(picture(what, alt, plot, height=bars_height(len(some))))
    return pictures
