"""What is compared in benchmarks/worth.py's rows, and by how much one method is better than another.

Gains are relative, in % of the rival's loss: its RMSE or log loss, or 1 - AUC.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import wilcoxon

from swapdae.competition.metrics import METRICS
from swapdae.modelling.paired import paired_difference

Row = dict[str, Any]
READS_IT = "trained"  # a word in the names of heads and blends that the trained autoencoder is behind
RIDGE, NETWORK, BLEND = "ridge: trained over untrained", "mlp: trained over raw", "blend: best with over best without"
QUESTIONS = {  # the rival, and what is asked about
    RIDGE: ("ridge untrained", "ridge trained"),
    "ridge: trained over raw": ("ridge raw", "ridge trained"),
    "ridge: trained on all rows over per fold": ("ridge per_fold", "ridge trained"),
    NETWORK: ("mlp raw", "mlp trained"),
    "mlp: trained over pieces": ("mlp pieces", "mlp trained"),
    "mlp: pieces over raw": ("mlp raw", "mlp pieces"),
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


def signal(row: Row) -> float:
    """What LightGBM makes of the columns, on rows kept back: R2, or 2 AUC - 1, or its share of a blind log loss."""
    power = 2 if row["metric"] == "rmse" else 1
    blind, ours = loss(row["metric"], row["blind"]), loss(row["metric"], row["heads"]["lightgbm raw"]["test"])
    return 1 - float(ours / blind) ** power
