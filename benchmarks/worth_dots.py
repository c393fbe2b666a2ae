"""A picture of what the autoencoder gains, set by set: of benchmarks/worth.py's rows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worth_gains import BLEND, QUESTIONS, RIDGE, Row, methods_of, of_sets, relative_gain

SHOWN = {
    "ridge: trained over raw": "ridge: trained features\nover raw columns",
    RIDGE: "ridge: trained features\nover untrained ones",
    "mlp: trained over pieces": "perceptron: trained features\nover numbers in pieces",
    BLEND: "best blend with it\nover the best without",
}
COLOURS = {"all": "#0072B2", "few": "#D55E00"}
LABELS = {"all": "all labels", "few": "1,000 labels"}
LINEAR = 1.0  # %, up to which the axis is linear, logarithmic beyond


def gains_by_seed(rows: Sequence[Row], question: str) -> list[float]:
    """Of a set's rows, in % of the rival's loss, on rows kept back."""
    rival, asked = QUESTIONS[question]
    of_rows = [methods_of(row) for row in rows]
    return [
        relative_gain(row["metric"], methods[rival]["test"], methods[asked]["test"])
        for row, methods in zip(rows, of_rows, strict=True)
    ]


def draw_gains(rows: Sequence[Row], file: Path) -> None:
    """One pair of axes a question; a line for each set, a faint dot for each seed, a full one for their mean."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FormatStrFormatter

    names = list(of_sets(rows, "all"))
    figure = Figure(figsize=(11, 0.32 * len(names) + 1.6), layout="constrained")
    for axes, (question, title) in zip(figure.subplots(1, len(SHOWN), sharey=True), SHOWN.items(), strict=True):
        axes.axvline(0, color="black", linewidth=1)
        for offset, regime in ((-0.15, "all"), (0.15, "few")):
            for name, of_set in of_sets(rows, regime).items():
                gains, y = gains_by_seed(of_set, question), names.index(name) + offset
                axes.scatter(gains, [y] * len(gains), s=9, color=COLOURS[regime], alpha=0.35, linewidths=0)
                axes.scatter([np.mean(gains)], [y], s=28, color=COLOURS[regime], label=LABELS[regime])
        axes.set_xscale("symlog", linthresh=LINEAR)
        axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.set_xlabel("gain in % of the loss")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.25)
    axes = figure.axes[0]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    handles, labels = axes.get_legend_handles_labels()
    told = dict(zip(labels, handles, strict=True))
    figure.legend(told.values(), told.keys(), loc="outside lower center", ncols=2, frameon=False)
    with mpl.rc_context({"svg.hashsalt": "worth"}):
        figure.savefig(file, metadata={"Date": None})
