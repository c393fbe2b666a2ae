"""The section on selection: which source columns a model needs, and which of the autoencoder's features heads read."""

from typing import Any

from matplotlib.axes import Axes

from swapdae.report.drawing import BLUE, GREEN, INK, ORANGE, PURPLE, bars, bars_height, legend, picture, whole_numbers
from swapdae.report.page import Grid, Picture, Section, percent
from swapdae.report.results import Results
from swapdae.selection.stability import stability

ARMS = {"selected": (BLUE, "o-"), "greedy": (PURPLE, "d-."), "gain": (ORANGE, "s--"), "random": (GREEN, "^:")}


def selection(found: Results) -> Section:
    """Curve over k, columns and stability of `select-features`; features that the stage select chose."""
    columns, features = found.metrics("select_features"), found.metrics("select")
    text = [_features_text(features["chosen"], features["n_features"])] if features else []
    if columns is None:
        text.append("Not known: which source columns could be dropped. `swapdae select-features` finds out.")
        return Section("Selection", tuple(text))
    k, n, stable = columns["k"], columns["n_columns"], columns["stability"]["all"]
    text.append(
        f"{k} of {n} source columns, chosen anew in every fold's training part. Two choices share "
        f"{percent(stable['jaccard'], 0)} of the columns that either has; stability index {stable['index']:.2f} "
        "(1: always the same, 0: as random)."
    )
    text.append(f"To drop: {', '.join((*columns['drop'], *columns['constant']))}.")
    pictures = (_curve(columns), _taken({**columns["keep"], **columns["drop"]}, k))
    return Section("Selection", tuple(text), (_costs(columns),), pictures)


def _features_text(chosen: list[list[int]], n_features: int) -> str:
    text = f"{len(chosen[0]):,} of {n_features:,} autoencoder features are chosen for heads"
    if len(chosen) == 1:
        return f"{text}, without labels."
    shared = percent(stability(chosen, n_features).jaccard, 0)
    return f"{text}, anew in each of {len(chosen)} folds; two folds share {shared} of them."


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
    alt = f"With all {n} columns {every:.4f}; with the {few[0]} selected {few[1]:.4f}."
    return picture("How many columns are enough", alt, plot)


def _taken(shares: dict[str, float], k: int) -> Picture:
    """The columns taken most often, those to keep first."""
    names = sorted(shares, key=lambda name: -shares[name])[:24]
    plot = bars(names, [shares[name] for name in names], "share of choices that took it")
    alt = f"The most often taken is {names[0]}, by {percent(shares[names[0]], 0)} of the choices; {k} are kept."
    return picture("Columns chosen", alt, plot, height=bars_height(len(names)))


def _costs(columns: dict[str, Any]) -> Grid:
    metric, rows = columns["metric"], []
    for line in sorted(columns["quality"], key=lambda line: (line["model"], -line["k"], line[metric])):
        cost, low, high = line["cost"]
        told = ("", "") if line["columns"] == "all" else (f"{cost:+.5f}", f"{low:+.5f} to {high:+.5f}")
        rows.append((line["columns"], str(line["k"]), line["model"], f"{line[metric]:.5f}", *told))
    head = ("columns", "k", "model", metric, "cost", "95% interval")
    return Grid("Cost of dropping columns: the score with all of them less that with k", head, tuple(rows))
