"""A picture of the methods' mean ranks over sets, with the critical difference: of benchmarks/worth.py's rows."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, studentized_range

from worth_gains import READS_IT, Row, loss, methods_of, of_sets

Array = NDArray[Any]
METHODS = (
    *(f"{kind} {view}" for kind in ("ridge", "mlp") for view in ("raw", "pieces", "pca", "untrained", "trained")),
    *("lightgbm raw", "xgboost raw", "catboost raw", "trees", "trees + raw", "trees + raw + trained"),
)


def mean_ranks(sets: dict[str, list[Row]]) -> Array:
    """(n_methods,) over sets, 1 the best: of the mean loss over seeds on rows kept back."""
    losses = [
        [np.mean([loss(row["metric"], methods_of(row)[m]["test"]) for row in rows]) for m in METHODS]
        for rows in sets.values()
    ]
    return np.asarray(np.mean([rankdata(line) for line in losses], axis=0))


def critical_difference(n_methods: int, n_sets: int) -> float:
    """Nemenyi's, of mean ranks, at .05 (Demsar, "Statistical comparisons of classifiers over multiple data sets")."""
    q = float(studentized_range.ppf(0.95, n_methods, np.inf)) / math.sqrt(2)
    return q * math.sqrt(n_methods * (n_methods + 1) / (6 * n_sets))


def draw_ranks(rows: Sequence[Row], file: Path) -> None:
    """Mean ranks of the methods with the critical difference as a bar, one pair of axes a regime."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    for axes, regime in zip(figure.subplots(1, 2), ("all", "few"), strict=True):
        if not (sets := of_sets(rows, regime)):
            continue
        ranks = mean_ranks(sets)
        order = np.argsort(ranks)[::-1]
        colours = ["#0072B2" if READS_IT in METHODS[j].split() else "#888888" for j in order]
        axes.scatter(ranks[order], np.arange(len(order)), c=colours)
        axes.set_yticks(np.arange(len(order)), [METHODS[j] for j in order])
        bar = critical_difference(len(METHODS), len(sets))
        axes.hlines(-1.2, ranks.min(), ranks.min() + bar, color="black", linewidth=3)
        axes.text(ranks.min() + bar, -1.2, f" critical difference {bar:.1f}", va="center", fontsize=8)
        axes.set(title=f"{regime} labels, {len(sets)} sets", xlabel="mean rank on rows kept back, 1 is best")
        axes.set_ylim(-2)
        axes.grid(axis="x", alpha=0.3)
    with mpl.rc_context({"svg.hashsalt": "worth"}):
        figure.savefig(file, metadata={"Date": None})
