"""Swap rates compared at equal training: the flat default, the published style, the rule, and rates that were found.

python benchmarks/noise_rates.py [--quick] [--experiment flights] [--found experiments/flights_noise.toml] [--seeds 3]
[--rows N] [--epochs N] [--shrink N]: the recipe is the experiment's but for these options, and the noise alone differs
between arms. A seed draws rows, weights and noise; within a seed all arms are trained one after the other, for the same
epochs, from the same weights, and ridge on the features is scored out of fold at the best of a few penalties.
"opposite" is the rule turned round, high rates for columns that nothing tells of; "level" is flat at the rule's mean.
Seeds count from 1: a search with seed 0 has not seen these draws.
Prints every arm's mean metric, its paired gain over the flat default with the spread over seeds, and rows/s; then one
line of JSON: value, gain, gain_sd and rows_per_s of every arm.
Folds are the competition's, so on `flights` they keep days together; docs/method.md has figures of flights_random.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from downloaded import downloaded
from swapdae.autoencoder.config import NoiseConfig
from swapdae.autoencoder.noise_rule import HIGHEST, LOWEST, predictability, rule
from swapdae.autoencoder.progress import Epoch
from swapdae.base.models import read_toml
from swapdae.experiment.config import Experiment
from swapdae.pipeline.noise_search import PUBLISHED
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages.tune_noise import Effort, trainings_of


def arms_of(run: Run, found: Path | None) -> dict[str, NoiseConfig]:
    """The noise of every arm, by its name."""
    own, table = run.experiment.dae.noise, run.data.table
    told = predictability(table.train, table.categorical, table.numerical)
    ruled = rule(told, own)
    turned = {name: round(LOWEST + HIGHEST - rate, 3) for name, rate in ruled.columns.items()}
    level = float(np.mean(list(ruled.columns.values())))
    arms = {
        "flat": NoiseConfig(),
        "experiment": own,
        "published": NoiseConfig.model_validate({**PUBLISHED, "per": "one_hot", "donor": "row"}),
        "rule": ruled,
        "level": own.model_copy(update={"columns": dict.fromkeys(told, round(level, 3))}),
        "opposite": own.model_copy(update={"columns": turned}),
    }
    if own == NoiseConfig():
        del arms["experiment"]
    if found is not None:
        arms["found"] = read_toml(Experiment, found, name=found.stem).dae.noise
    return arms


def measure(run: Run, effort: Effort, arms: Mapping[str, NoiseConfig], seeds: int) -> dict[str, dict[str, Any]]:
    """Of every arm: scores by seed, higher is better, and the median rows/s of its epochs."""
    results: dict[str, dict[str, Any]] = {name: {"scores": [], "speeds": []} for name in arms}
    for seed in range(1, seeds + 1):
        seeded = replace(run, experiment=run.experiment.model_copy(update={"seed": seed}))
        trainings = trainings_of(seeded, effort)
        for name, noise in arms.items():
            log: list[Epoch] = []
            results[name]["scores"].append(replace(trainings, on_epoch=log.append).score(noise))
            results[name]["speeds"] += [epoch.rows_per_s for epoch in log]
            print(f"seed {seed} {name:12} {run.competition.metric_of.value_of(results[name]['scores'][-1]):.5f}")
            sys.stdout.flush()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 seeds, 5,000 rows, 3 epochs, a quarter of the width")
    parser.add_argument("--experiment", default="flights", help="whose recipe and data are taken")
    parser.add_argument("--found", type=Path, help="TOML of an experiment whose noise is one more arm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--epochs", type=int, help="default: the experiment's")
    parser.add_argument("--shrink", type=int, default=1, help="divides the body's widths")
    parser.add_argument("--arms", nargs="+", help="only these")
    given = parser.parse_args()
    run = downloaded(given.experiment)
    epochs = given.epochs or run.experiment.dae.training.epochs
    effort, seeds = Effort(rows=given.rows, epochs=epochs, shrink=given.shrink), given.seeds
    if given.quick:
        effort, seeds = Effort(rows=5_000, epochs=3, shrink=4), 2
    arms = {name: noise for name, noise in arms_of(run, given.found).items() if name in (given.arms or [name])}
    results = measure(run, effort, arms, seeds)
    metric = run.competition.metric_of
    print(f"\n{effort.rows:,} rows, {effort.epochs} epochs, widths / {effort.shrink}, {seeds} seeds, {metric.name}")
    print(f"{'noise':12} {metric.name:>9} {'gain':>9} {'sd':>8} {'rows/s':>8}")
    figures = {}
    for name, result in results.items():
        gains = np.subtract(result["scores"], results[next(iter(arms))]["scores"])
        value, speed = metric.value_of(float(np.mean(result["scores"]))), float(np.median(result["speeds"]))
        spread = float(gains.std(ddof=1)) if seeds > 1 else 0.0
        print(f"{name:12} {value:9.5f} {gains.mean():+9.5f} {spread:8.5f} {speed:8,.0f}")
        figures[name] = {"value": value, "gain": float(gains.mean()), "gain_sd": spread, "rows_per_s": speed}
    print(json.dumps({name: {key: float(f"{x:.5g}") for key, x in line.items()} for name, line in figures.items()}))


if __name__ == "__main__":
    main()
