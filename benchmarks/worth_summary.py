"""The tables and the verdict of benchmarks/worth.py, from its rows.

Gains are relative, in % of the rival's loss: its RMSE or log loss, or 1 - AUC. "kept back" is the mean over seeds, of
rows that nothing was chosen by; the interval is of the folds' own gains out of fold, all seeds' together, corrected for
training rows that they share (modelling/paired.py). "best without" is the blend with the best score out of fold among
those that do not read the trained autoencoder, "best with" among those that do. Over sets: how many gained, the median
gain, and the p of Wilcoxon's signed-rank test, two-sided.
The last line is JSON, of the confirmation sets: sets; trained_better.ridge, on how many trained features are better for
ridge than untrained ones; network_better, on how many the perceptron is better on features than on raw columns (both
with all labels); blend_gain_*, the median gain of "best with", and blend_p_*; twins, twin_gain: none so far;
core_hours, of all rows.
"""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, studentized_range, wilcoxon

from swapdae.competition.metrics import METRICS
from swapdae.modelling.paired import paired_difference

Array = NDArray[Any]
Row = dict[str, Any]
READS_IT = "trained"  # a blend's or head's name, where the trained autoencoder is behind it
METHODS = (
    *(f"{kind} {view}" for kind in ("ridge", "mlp") for view in ("raw", "pca", "untrained", "trained")),
    *("lightgbm raw", "xgboost raw", "catboost raw", "trees", "trees + raw", "trees + raw + trained"),
)


RIDGE, NETWORK, BLEND = "ridge: trained over untrained", "mlp: trained over raw", "blend: best with over best without"
QUESTIONS = {  # the rival, and what is asked about
    RIDGE: ("ridge untrained", "ridge trained"),
    "ridge: trained over raw": ("ridge raw", "ridge trained"),
    "ridge: trained on all rows over per fold": ("ridge per_fold", "ridge trained"),
    NETWORK: ("mlp raw", "mlp trained"),
    "mlp: trained over untrained": ("mlp untrained", "mlp trained"),
    "blend: raw + trained over raw": ("trees + raw", "trees + raw + trained"),
    BLEND: ("best without", "best with"),
}


def loss(metric: str, value: float) -> float:
    """What is to become small, from 0: an error as it is, and what is missing to an AUC of 1."""
    return 1 - value if METRICS[metric].greater_is_better else value


def relative_gain(metric: str, rival: float, ours: float) -> float:
    """In % of the rival's loss; above 0 where ours is better, 0 where neither has any."""
    before, now = loss(metric, rival), loss(metric, ours)
    return 100 * (before - now) / before if before > 0 else 0.0 if now == before else float("-inf")


def methods_of(row: Row) -> dict[str, Row]:
    """Figures of all heads and blends, and of the two best blends by their scores out of fold."""
    blends: dict[str, Row] = row["blends"]
    ranked = sorted(blends, key=lambda name: loss(row["metric"], blends[name]["oof"]))
    best = {side: blends[next(name for name in ranked if (READS_IT in name.split()) == side)] for side in (True, False)}
    return {**row["heads"], **blends, "best without": best[False], "best with": best[True]}


class Gains:
    """One question on one set under one regime. pairs: figures of the rival and of what is asked about, one pair a
    seed."""

    def __init__(self, metric: str, pairs: Sequence[tuple[Row, Row]]) -> None:
        self.kept_back = float(np.mean([relative_gain(metric, one["test"], other["test"]) for one, other in pairs]))
        by_fold = [
            np.nan if None in (a, b) else relative_gain(metric, a, b)
            for one, other in pairs
            for a, b in zip(one["folds"], other["folds"], strict=True)
        ]
        self.interval = paired_difference(np.zeros(len(by_fold)), np.array(by_fold), repeats=len(pairs))

    def __str__(self) -> str:
        return "{:+7.2f}  {:+7.2f} [{:+.2f}, {:+.2f}]".format(self.kept_back, *self.interval)


def gains_of(sets: dict[str, list[Row]], question: str) -> dict[str, Gains]:
    """Of the sets that have both methods, from the seeds that have them."""
    rival, ours = QUESTIONS[question]
    found = {}
    for name, rows in sets.items():
        methods = [methods_of(row) for row in rows]
        if pairs := [(of[rival], of[ours]) for of in methods if rival in of and ours in of]:
            found[name] = Gains(rows[0]["metric"], pairs)
    return found


def of_sets(rows: Iterable[Row], regime: str) -> dict[str, list[Row]]:
    """The rows of each set under a regime, one a seed."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["regime"] == regime:
            found.setdefault(row["set"], []).append(row)
    return found


def over_sets(gains: Sequence[float]) -> dict[str, Any]:
    """Of the sets' gains: better, median, p (None for sets that are too few or all alike)."""
    values = np.array(gains)
    p = float(wilcoxon(values).pvalue) if len(values) > 1 and values.any() else None
    return {"better": int((values > 0).sum()), "median": float(np.median(values)) if len(values) else None, "p": p}


def summary(rows: Sequence[Row], picture: Path | None = None) -> dict[str, Any]:
    """Prints all tables; returns what the last line says."""
    verdicts: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for role in ("development", "confirmation"):
        for regime in ("all", "few"):
            sets = of_sets((row for row in rows if row["role"] == role), regime)
            print(f"\n{role} sets, {regime} labels: {len(sets)} sets, {sum(map(len, sets.values()))} cells")
            verdicts[role, regime] = _tables(sets)
    confirmation = [row for row in rows if row["role"] == "confirmation"]
    if picture is not None:
        draw_ranks(confirmation, picture)
    said = {regime: verdicts["confirmation", regime] for regime in ("all", "few")}
    line = {
        "sets": len(of_sets(confirmation, "all")),
        "cells": len(confirmation),
        "trained_better": {"ridge": said["all"][RIDGE]["better"]},
        "network_better": said["all"][NETWORK]["better"],
        **{f"blend_gain_{regime}": rounded(said[regime][BLEND]["median"]) for regime in said},
        **{f"blend_p_{regime}": rounded(said[regime][BLEND]["p"]) for regime in said},
        "twins": 0,
        "twin_gain": None,
        "core_hours": round(sum(row["seconds"] for row in rows) / 3600, 2),
    }
    print(json.dumps(line))
    return line


def _tables(sets: dict[str, list[Row]]) -> dict[str, dict[str, Any]]:
    """Prints the methods' scores on rows kept back and the answers set by set; returns those over sets."""
    for name, rows in sets.items():
        print(f"\n{name}: {rows[0]['metric']} of rows kept back, {len(rows)} seeds, {rows[0]['rows']}")
        methods = [methods_of(row) for row in rows]
        for method in dict.fromkeys(method for of in methods for method in of):
            print(f"  {method:30}{np.mean([of[method]['test'] for of in methods if method in of]):10.5f}")
    verdicts = {}
    for question in QUESTIONS:
        gains = gains_of(sets, question)
        told = verdicts[question] = over_sets([gain.kept_back for gain in gains.values()])
        if gains:
            print(f"\n{question}, gain in %:  kept back, out of fold [95%]")
            print("\n".join(f"  {name:12} {gain}" for name, gain in gains.items()))
            print(f"  better on {told['better']} of {len(gains)}, median {told['median']:+.2f}, p {rounded(told['p'])}")
    return verdicts


def rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


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
        ours = ["#0072B2" if READS_IT in METHODS[j].split() else "#888888" for j in order]
        axes.scatter(ranks[order], np.arange(len(order)), c=ours)
        axes.set_yticks(np.arange(len(order)), [METHODS[j] for j in order])
        bar = critical_difference(len(METHODS), len(sets))
        axes.hlines(-1.2, ranks.min(), ranks.min() + bar, color="black", linewidth=3)
        axes.text(ranks.min() + bar, -1.2, f" critical difference {bar:.1f}", va="center", fontsize=8)
        axes.set(title=f"{regime} labels, {len(sets)} sets", xlabel="mean rank on rows kept back, 1 is best")
        axes.set_ylim(-2)
        axes.grid(axis="x", alpha=0.3)
    with mpl.rc_context({"svg.hashsalt": "worth"}):
        figure.savefig(file, metadata={"Date": None})
