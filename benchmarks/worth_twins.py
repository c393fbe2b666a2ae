"""Synthetic twins of the tables of benchmarks/worth.py, drawn from a generator that was fitted to the real table.

python benchmarks/worth_twins.py --folder F [--quick] [--sets NAME ...] [--generator ctgan] [--epochs 300]

Needs the package ctgan, in an environment of its own (its licence is not an open one). Twins are made of sets whose
rows stand alone, for a generator of rows knows no groups; rows with a missing cell are left out, and a set that loses
more than a tenth of its rows by that has no twin. As many rows as the real set gives to a cell, the target among the
columns. Writes F/NAME.csv; `benchmarks/worth.py --twins F` then runs them as sets of the role "twin". Ends with one
line of JSON: rows and seconds of every twin.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from worth_tables import MAX_TEST, MAX_TRAIN, SETS, Table, table_of

MISSING = 0.1  # of the rows at most


def complete(table: Table, seed: int) -> pd.DataFrame | None:
    """Rows without a missing cell, with the target, numbers and class numbers alike, under that name; None where a twin
    would say little of the set."""
    if table.groups is not None:
        return None
    rows = np.flatnonzero(table.frame.notna().all(axis=1))
    if len(rows) < (1 - MISSING) * len(table.frame):
        return None
    chosen = np.random.default_rng(seed).permutation(rows)[: MAX_TRAIN + MAX_TEST]
    return table.frame.iloc[chosen].assign(target=table.y[chosen]).reset_index(drop=True)


def twin_of(frame: pd.DataFrame, discrete: list[str], generator: str, epochs: int) -> pd.DataFrame:
    """As many rows, drawn."""
    import ctgan

    kind = {"ctgan": ctgan.CTGAN, "tvae": ctgan.TVAE}[generator]
    model = kind(epochs=epochs, enable_gpu=False)
    model.set_random_state(0)
    model.fit(frame, discrete)
    drawn: pd.DataFrame = model.sample(len(frame))
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="digits, one epoch; no quality")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), metavar="NAME")
    parser.add_argument("--generator", choices=["ctgan", "tvae"], default="ctgan")
    parser.add_argument("--epochs", type=int, default=300)
    told = parser.parse_args()
    if told.quick:
        told.sets, told.epochs = ["digits"], 1
    told.folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, dict[str, float]] = {}
    for name in told.sets:
        file, table = told.folder / f"{name}.csv", table_of(name)
        if file.is_file() or (frame := complete(table, 0)) is None:
            continue
        started = time.perf_counter()
        discrete = [*table.categorical, *(["target"] if table.n_classes else [])]
        twin = twin_of(frame, discrete, told.generator, told.epochs)
        twin.to_csv(file, index=False)
        made[name] = {"rows": len(twin), "seconds": round(time.perf_counter() - started, 1)}
        print(name, made[name], flush=True)
    print(json.dumps(made))


if __name__ == "__main__":
    main()
