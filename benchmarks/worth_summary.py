"""The tables and the verdict of benchmarks/worth.py, from its rows.

Gains are relative, in % of the rival's loss: its RMSE or log loss, or 1 - AUC. "kept back" is the mean over seeds, of
rows that nothing was chosen by; the interval is of the folds' own gains out of fold, all seeds' together, corrected for
training rows that they share (modelling/paired.py). "best without" is the blend with the best score out of fold among
those that do not read the trained autoencoder, "best with" among those that do. Over sets: how many gained, the median
gain, and the p of Wilcoxon's signed-rank test, two-sided.
The last line is JSON, of the confirmation sets: sets; trained_better.ridge, on how many trained features are better for
ridge than untrained ones; network_better, on how many the perceptron is better on features than on raw columns (both
with all labels); blend_gain_*, the median gain of "best with", and blend_p_*; twins, how many synthetic twins keep half
of their original's signal under LightGBM and more, and twin_gain, the median of what "best with" gains on those beyond
what it gains on their originals, with all labels; core_hours, of all rows.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worth_dots import draw_gains
from worth_gains import BLEND, NETWORK, QUESTIONS, RIDGE, Row, gains_of, loss, methods_of, of_sets, over_sets, signal
from worth_ranks import draw_ranks
from worth_tables import TWIN

SHOWN = (
    ("ridge raw", "ridge untrained", "ridge trained"),
    ("mlp raw", "mlp pieces", "mlp trained"),
    ("best without", "best with"),
)
KEPT = 0.5  # a twin that keeps less of its original's signal says nothing of it


def summary(rows: Sequence[Row], picture: Path | None = None, gains: Path | None = None) -> dict[str, Any]:
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
    if gains is not None:
        draw_gains(confirmation, gains)
    said = {regime: verdicts["confirmation", regime] for regime in ("all", "few")}
    line = {
        "sets": len(of_sets(confirmation, "all")),
        "cells": len(confirmation),
        "trained_better": {"ridge": said["all"][RIDGE]["better"]},
        "network_better": said["all"][NETWORK]["better"],
        **{f"blend_gain_{regime}": rounded(said[regime][BLEND]["median"]) for regime in said},
        **{f"blend_p_{regime}": rounded(said[regime][BLEND]["p"]) for regime in said},
        **_twins(rows),
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
    print("\n".join(markdown(sets)))
    verdicts = {}
    for question in QUESTIONS:
        gains = gains_of(sets, question)
        told = verdicts[question] = over_sets([gain.kept_back for gain in gains.values()])
        if gains:
            print(f"\n{question}, gain in %:  kept back, out of fold [95%]")
            print("\n".join(f"  {name:12} {gain}" for name, gain in gains.items()))
            print(f"  better on {told['better']} of {len(gains)}, median {told['median']:+.2f}, p {rounded(told['p'])}")
    return verdicts


def markdown(sets: dict[str, list[Row]]) -> list[str]:
    """Scores on rows kept back, means over seeds, as the lines of a table; the best of each group is bold."""
    lines = [f"| set | metric | {' | '.join(', '.join(group) for group in SHOWN)} |", f"|{'---|' * (2 + len(SHOWN))}"]
    for name, rows in sets.items():
        methods = [methods_of(row) for row in rows]
        cells = []
        for group in SHOWN:
            scores = [float(np.mean([of[method]["test"] for of in methods])) for method in group]
            best = min(scores, key=lambda score: loss(rows[0]["metric"], score))
            told = [f"**{score:.4f}**" if score == best else f"{score:.4f}" for score in scores]
            cells.append(" / ".join(told))
        lines.append(f"| {name} | {rows[0]['metric']} | {' | '.join(cells)} |")
    return lines


def _twins(rows: Sequence[Row]) -> dict[str, Any]:
    """Prints what is gained on twins and on their originals, by the seeds of both; returns what the last line says."""
    every, more = of_sets(rows, "all"), []
    for name in (name for name in every if name.endswith(TWIN)):
        real, twin = every.get(name.removesuffix(TWIN), []), every[name]
        seeds = {row["seed"] for row in real} & {row["seed"] for row in twin}
        pair = [[row for row in side if row["seed"] in seeds] for side in (real, twin)]
        if not seeds:
            continue
        kept = np.mean([signal(row) for row in pair[1]]) / np.mean([signal(row) for row in pair[0]])
        print(f"\n{name}: keeps {kept:.2f} of the signal{'' if kept >= KEPT else ', too little: left out'}")
        for question in (RIDGE, NETWORK, BLEND):
            gains = [gains_of({name: side}, question)[name].kept_back for side in pair]
            print(f"  {question:36} {gains[0]:+7.2f} on the original, {gains[1]:+7.2f} on its twin")
            if question == BLEND and kept >= KEPT:
                more.append(gains[1] - gains[0])
    return {"twins": len(more), "twin_gain": rounded(float(np.median(more))) if more else None}


def rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")
