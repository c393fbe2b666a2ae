"""The section on selection: which source columns a model needs."""

from typing import Any

from matplotlib.axes import Axes

from swapdae.base.text import shortened
from swapdae.report.drawing import (
    BLUE,
    GREEN,
    INK,
    MOST_BARS,
    ORANGE,
    PURPLE,
    bars,
    bars_height,
    legend,
    picture,
    whole_numbers,
)
from swapdae.report.page import Grid, Picture, Section, percent
from swapdae.report.stage_results import StageResults

ARMS = {"selected": (BLUE, "o-"), "greedy": (PURPLE, "d-."), "gain": (ORANGE, "s--"), "random": (GREEN, "^:")}


def section(found: StageResults) -> Section:
    """Curve over k, columns and stability of `select-features`."""
    columns = found.metrics("select_features")
    if columns is None:
        command = f"swapdae select-features {found.experiment.name}"
        line = f"Not measured yet: which source columns could be dropped. This measures it: {command}"
        return Section("Selection", (line,))
    k, n, stable = columns["k"], columns["n_columns"], columns["stability"]["all"]
    text = (
        f"{k} of {n} source columns are chosen, anew in every fold's training part. Of the columns that one of two "
        f"choices takes, {percent(stable['jaccard'], 0)} are in both (Jaccard index); stability index "
        f"{stable['index']:.2f} (1: always the same, 0: as random).",
        f"To drop: {', '.join(map(shortened, (*columns['drop'], *columns['constant'])))}.",
    )
    pictures = (_curve(columns), _taken({**columns["keep"], **columns["drop"]}, k))
    return Section("Selection", text, (_costs(columns),), pictures)


def _curve(columns: dict[str, Any]) -> Picture:
    metric, n = columns["metric"], columns["n_columns"]
    lines = [line for line in columns["quality"] if line["model"] == "lightgbm"]
    every = next(line[metric] for line in lines if line["columns"] == "all")
    curves = {
        arm: sorted((line["k"], line[metric]) for line in lines if line["columns"] == arm) for arm in ARMS
    }  # by number of columns

    def plot(axes: Axes) -> None:
        axes.axhline(every, color=INK, linewidth=1, label=f"all {n}")
        for arm, points in curves.items():
            colour, style = ARMS[arm]
            axes.plot(*zip(*points, strict=True), style, color=colour, label=arm, markersize=5)
        axes.set(xlabel="columns kept", ylabel=f"{metric} of LightGBM")
        whole_numbers(axes)
        legend(axes)

    few = curves["selected"][0]
    alt = f"{metric} with all {n} columns: {every:.4f}; with the {few[0]} selected: {few[1]:.4f}."
    return picture("How many columns are enough", alt, plot)


def _taken(shares: dict[str, float], k: int) -> Picture:
    """The columns taken most often, those to keep first."""
    names = sorted(shares, key=lambda name: -shares[name])[:MOST_BARS]
    plot = bars(names, [shares[name] for name in names], "share of the choices that take it")
    share = percent(shares[names[0]], 0)
    alt = f"Taken most often is {shortened(names[0])}, by {share} of the choices; {k} columns are kept."
    return picture("Columns chosen", alt, plot, height=bars_height(len(names)))


def _costs(columns: dict[str, Any]) -> Grid:
    metric, rows = columns["metric"], []
    for line in sorted(columns["quality"], key=lambda line: (line["model"], -line["k"], line[metric])):
        cost, low, high = line["cost"]
        figures = ("", "") if line["columns"] == "all" else (f"{cost:+.5f}", f"{low:+.5f} to {high:+.5f}")
        rows.append((line["columns"], str(line["k"]), line["model"], f"{line[metric]:.5f}", *figures))
    head = ("columns", "k", "model", metric, "cost", "95% interval")
    note = "Cost: the score with all columns less the score with k of them; a positive cost is a loss."
    return Grid("Cost of dropping columns", head, tuple(rows), note)
