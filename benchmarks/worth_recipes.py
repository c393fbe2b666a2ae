"""What ridge makes of autoencoders trained otherwise: swap rates, bodies, layers, rows. Development sets alone.

python benchmarks/worth_recipes.py [--quick] [--sets NAME ...] [--seeds 0 1] [--rows F] [--summary]

Cells are those of worth.py, both regimes at once. A recipe differs from the autoencoder of a first experiment in one
thing (RECIPES); the layers are read out of one training. "a tenth" is trained on 1,000 rows, those with a label in the
regime "few", for as many steps as the others are on all. Ridge reads the features, and the metric is that of worth.py,
out of fold and on the rows kept back.
A set and seed that has its rows in worth_recipes_rows.jsonl is not run again. --summary runs nothing and prints, per
set and recipe, the loss on the rows kept back (RMSE, or 1 - AUC), the mean over seeds, and what the rate that is best
out of fold gains there over the default; the last line is JSON: cells; better_untrained, by recipe, on how many cells
its features beat those of the untrained network; rate_gain and rate_p, the median gain of choosing the rate, in %, and
its p by Wilcoxon's signed-rank test over cells; all for both regimes.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features, untrained_autoencoder
from swapdae.base.device import resolve_device
from swapdae.heads import HEADS, head_params
from swapdae.modelling.cross_fit import cross_fit
from swapdae.modelling.features import LoadedFeatures
from worth import Cell, Work, read_rows
from worth_gains import loss, over_sets, relative_gain
from worth_tables import SETS

Array = NDArray[Any]
RECIPE_ROWS = Path(__file__).with_name("worth_recipes_rows.jsonl")
DEFAULT, UNTRAINED, TENTH = "swap .1", "untrained", "a tenth"
TRANSFORMER = {"body": {"kind": "transformer"}}
RECIPES: dict[str, dict[str, Any]] = {  # over the autoencoder of a first experiment
    UNTRAINED: {},
    DEFAULT: {},
    "swap .3": {"noise": {"categorical": 0.3, "numerical": 0.3}},
    "swap .5": {"noise": {"categorical": 0.5, "numerical": 0.5}},
    TENTH: {},
    "transformer, untrained": TRANSFORMER,
    "transformer": TRANSFORMER,
}
RATES = DEFAULT, "swap .3", "swap .5"
SLOWER = 4  # a transformer's epoch against the stack's: it gets a quarter as many
LAYERS = 3
REGIMES = "all", "few"


def features(work: Work, recipe: str) -> Array:
    """(n, d) of all rows, float16."""
    codes, layout = work.encoded(np.arange(len(work.rows)))
    config, rows = DaeConfig.model_validate({**work.config.model_dump(), **RECIPES[recipe]}), np.arange(len(codes))
    epochs, batch = config.training.epochs, config.training.batch_size
    if recipe == "transformer":
        epochs = max(epochs // SLOWER, 1)
    if recipe == TENTH:
        few = Work(work.cell._replace(regime="few"), work.folder, work.epochs)
        rows = np.sort(few.at[: few.n_labelled])
        epochs = epochs * (len(codes) // batch) // max(len(rows) // batch, 1)
    config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": epochs})})
    device, seed = resolve_device("cpu"), work.cell.seed
    if recipe.endswith(UNTRAINED):
        model = untrained_autoencoder(codes[rows], layout, config, seed=seed, device=device)
    else:
        model, _ = fit_autoencoder(codes[rows], layout, config, seed=seed, device=device, show_progress=False)
    return np.concatenate(list(read_features(model, codes, layout, device))).astype(np.float16)


def read_out(work: Work, x: Array) -> dict[str, float]:
    """Ridge on features of all rows: the metric out of fold and on the rows kept back."""
    problem = work.problem(LoadedFeatures(lambda k: x[work.at], shared=True, prefix="x"))
    made = cross_fit(problem, HEADS["ridge"].factory(head_params("ridge", {}), work.cell.seed), name="ridge")
    figures = work.figures(made.oof, np.asarray(made.test))
    return {name: figures[name] for name in ("oof", "test")}


def measure(name: str, seed: int, folder: Path, epochs: int | None = None) -> list[dict[str, Any]]:
    """The rows of a set and seed: one for each recipe and each layer of the default."""
    works = {regime: Work(Cell(name, seed, regime), folder, epochs) for regime in REGIMES}
    rows = []
    for recipe in RECIPES:
        started, x = time.process_time(), features(works["all"], recipe)
        parts = {recipe: x}
        if recipe == DEFAULT:
            parts |= {f"layer {k + 1}": part for k, part in enumerate(np.split(x, LAYERS, axis=1))}
        for part, values in parts.items():
            told = {regime: read_out(work, values) for regime, work in works.items()}
            seconds = round(time.process_time() - started, 1)
            rows.append({"set": name, "seed": seed, "recipe": part, **told, "seconds": seconds})
            print(rows[-1], flush=True)
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Prints a table a regime; returns what the last line says."""
    cells: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["set"], row["seed"]), {})[row["recipe"]] = row
    sets = sorted({name for name, _ in cells}, key=list(SETS).index)
    said: dict[str, Any] = {"cells": len(cells)}
    for regime in REGIMES:
        print(f"\n{regime} labels, loss of ridge on rows kept back\n{'':24}" + "".join(f"{name:>10}" for name in sets))
        for recipe in dict.fromkeys(row["recipe"] for row in rows):
            mine = {
                name: [_loss(of[recipe], regime) for (which, _), of in cells.items() if which == name] for name in sets
            }
            print(f"{recipe:24}" + "".join(f"{np.mean(losses):10.5f}" for losses in mine.values()))
        gains = [_gain_of_choosing(of, regime) for of in cells.values()]
        told = over_sets(gains)
        said[f"rate_gain_{regime}"], said[f"rate_p_{regime}"] = told["median"], told["p"]
        said[f"better_untrained_{regime}"] = {
            recipe: sum(_loss(of[recipe], regime) < _loss(of[UNTRAINED], regime) for of in cells.values())
            for recipe in dict.fromkeys(row["recipe"] for row in rows)
            if recipe != UNTRAINED
        }
    print(json.dumps(said))
    return said


def _loss(row: dict[str, Any], regime: str, where: str = "test") -> float:
    return loss(_metric(row), row[regime][where])


def _metric(row: dict[str, Any]) -> str:
    return "rmse" if SETS[row["set"]].task == "regression" else "auc"


def _gain_of_choosing(of: dict[str, dict[str, Any]], regime: str) -> float:
    """In % on rows kept back, of the rate that is best out of fold over the default."""
    best = min(RATES, key=lambda recipe: _loss(of[recipe], regime, "oof"))
    return relative_gain(_metric(of[best]), of[DEFAULT][regime]["test"], of[best][regime]["test"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="churn, one seed, one epoch, rows not kept; no quality")
    development = [name for name, told in SETS.items() if told.role == "development"]
    parser.add_argument("--sets", nargs="+", choices=development, default=development, metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--rows", type=Path, default=RECIPE_ROWS, help="the file of rows")
    parser.add_argument("--summary", action="store_true", help="run nothing, print what there is")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if told.quick:
            summary(measure("churn", 0, Path(folder), epochs=1))
            return
        for seed in told.seeds:
            for name in () if told.summary else told.sets:
                if not any((row["set"], row["seed"]) == (name, seed) for row in read_rows(told.rows)):
                    lines = [json.dumps(row) + "\n" for row in measure(name, seed, Path(folder))]
                    with told.rows.open("a") as out:
                        out.writelines(lines)
    summary(read_rows(told.rows))


if __name__ == "__main__":
    main()
