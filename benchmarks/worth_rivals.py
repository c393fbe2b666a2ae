"""RealMLP and TabM on the cells of benchmarks/worth.py, all labels, against our networks, in the same core-seconds.

python benchmarks/worth_rivals.py [--quick] [--sets NAME ...] [--seeds 0] [--ours F] [--rows F] [--summary]

Needs the package pytabkit, in an environment of its own. Both have its tuned defaults (RealMLP-TD: Holzmueller et al.,
"Better by default", NeurIPS 2024; TabM-D: Gorishniy et al., "TabM", ICLR 2025), and as many epochs, up to their own
number, as go into the seconds of our autoencoder and perceptron on its features together (one epoch is timed first).
They are fitted once, on the train rows without those that fold 0 holds out, by which they choose their epoch; so groups
stay whole. A missing number is the mean of its column, and a column says where. Scores are of the rows kept back. Our
networks' are those of worth_rows.jsonl, the mean of five fits.
A set and seed that has its row is not run again. --summary prints what there is; the last line is JSON: sets; level,
on how many of the confirmation sets the best of our networks, chosen out of fold, is at least as good as a rival;
seconds, in all.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worth import ROWS, Cell, Work, read_rows
from worth_gains import loss
from worth_tables import SETS

Array = NDArray[Any]
RIVALS = {"RealMLP_TD": 256, "TabM_D": 1000}  # epochs of their own; TabM stops when it does not improve
OURS = "mlp raw", "mlp pieces", "mlp untrained", "mlp trained"
RIVAL_ROWS = Path(__file__).with_name("worth_rivals_rows.jsonl")


def complete(frame: pd.DataFrame, categorical: tuple[str, ...]) -> pd.DataFrame:
    """Categories as text, numbers without a gap, and beside them where there was one."""
    made: dict[str, Any] = {}
    for name in map(str, frame):
        column = frame[name]
        if name in categorical:
            made[name] = column.astype(object).where(column.notna(), "").astype(str)
            continue
        made[name] = column.astype(float).fillna(column.astype(float).mean())
        if column.isna().any():
            made[f"{name}_missing"] = column.isna().astype(float)
    return pd.DataFrame(made)


@dataclass(frozen=True)
class Contest:
    """A cell with its rows as the rivals take them."""

    work: Work

    @cached_property
    def frame(self) -> pd.DataFrame:
        rows = self.work.rows[self.work.at]
        return complete(self.work.table.frame.iloc[rows].reset_index(drop=True), self.work.table.categorical)

    def fitted(self, rival: str, epochs: int) -> tuple[Array, float]:
        """Predictions of the rows kept back, and the core-seconds of fit and prediction."""
        import pytabkit

        y, n_classes = self.work.targets[0], self.work.table.n_classes
        kind = getattr(pytabkit, f"{rival}_{'Classifier' if n_classes else 'Regressor'}")
        judged = {"val_metric_name": "cross_entropy"} if n_classes else {}
        model = kind(device="cpu", random_state=self.work.cell.seed, n_threads=1, n_epochs=epochs, **judged)
        categorical = list(self.work.table.categorical)
        started = time.process_time()
        model.fit(self.frame[: len(y)], y, val_idxs=self.work.folds.out(0), cat_col_names=categorical)
        test = self.frame[len(y) :]
        made = np.asarray(model.predict_proba(test) if n_classes else model.predict(test))
        return (made[:, 1] if n_classes == 2 else made), time.process_time() - started

    def epochs_in(self, rival: str, seconds: float) -> int:
        """As many as fit, one at least, by what two more of them take."""
        one, three = (self.fitted(rival, epochs)[1] for epochs in (1, 3))
        each = max((three - one) / 2, 1e-3)
        return int(np.clip((seconds - (one - each)) / each, 1, RIVALS[rival]))


def measure(cell: Cell, seconds: float) -> dict[str, Any]:
    """The row of a set and seed."""
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(Work(cell, Path(folder)))
        metric = contest.work.metric
        row: dict[str, Any] = {"set": cell.name, "role": SETS[cell.name].role, "metric": metric.name, "seed": cell.seed}
        for rival in RIVALS:
            epochs = contest.epochs_in(rival, seconds)
            predictions, took = contest.fitted(rival, epochs)
            value = metric.value(contest.work.targets[1], predictions)
            row[rival] = {"test": value, "epochs": epochs, "seconds": round(took, 1)}
            print(cell.name, cell.seed, rival, row[rival], flush=True)
    return row


def seconds_of(row: dict[str, Any]) -> float:
    """Of our autoencoder, which ridge's contain, and the perceptron on its features."""
    heads: dict[str, dict[str, float]] = row["heads"]
    return heads["ridge trained"]["seconds"] + heads["mlp trained"]["seconds"]


def summary(rows: list[dict[str, Any]], ours: list[dict[str, Any]]) -> None:
    """One line a set and seed, then all as one line of JSON."""
    cells = {(row["set"], row["seed"]): row for row in ours if row["regime"] == "all"}
    print(f"{'set':14}{'':16}{'seed':>5}" + "".join(f"{name:>12}" for name in (*OURS, *RIVALS)) + f"{'seconds':>22}")
    level: dict[str, list[bool]] = {rival: [] for rival in RIVALS}
    for row in rows:
        if (cell := cells.get((row["set"], row["seed"]))) is None:
            continue
        heads, metric = cell["heads"], row["metric"]
        best = min(OURS, key=lambda head: loss(metric, heads[head]["oof"]))
        figures = [heads[head]["test"] for head in OURS] + [row[rival]["test"] for rival in RIVALS]
        took = " / ".join(f"{value:.0f}" for value in (seconds_of(cell), *(row[rival]["seconds"] for rival in RIVALS)))
        text = "".join(f"{value:12.4f}" for value in figures)
        print(f"{row['set']:14}{row['role']:16}{row['seed']:5}{text}{took:>22}")
        if row["role"] == "confirmation":
            for rival in RIVALS:
                level[rival].append(loss(metric, heads[best]["test"]) <= loss(metric, row[rival]["test"]))
    counts = {rival: sum(found) for rival, found in level.items()}
    seconds = sum(row[rival]["seconds"] for row in rows for rival in RIVALS)
    print(json.dumps({"sets": len(next(iter(level.values()))), "level": counts, "seconds": round(seconds, 1)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="churn, a second, rows not kept; no quality")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--ours", type=Path, default=ROWS, help="the rows of worth.py")
    parser.add_argument("--rows", type=Path, default=RIVAL_ROWS, help="the file of rows")
    parser.add_argument("--summary", action="store_true", help="run nothing, print what there is")
    told = parser.parse_args()
    if told.quick:
        print(json.dumps(measure(Cell("churn", 0, "all"), seconds=1)))
        return
    ours = {Cell(row["set"], row["seed"], row["regime"]): row for row in read_rows(told.ours)}
    done = {(row["set"], row["seed"]) for row in read_rows(told.rows)}
    for cell in [Cell(name, seed, "all") for seed in told.seeds for name in told.sets]:
        if told.summary or cell[:2] in done:
            continue
        if cell not in ours:
            print(
                f"{cell.name} {cell.seed}: benchmarks/worth.py has no row of it yet, so how long ours takes is unknown"
            )
            continue
        row = measure(cell, seconds_of(ours[cell]))
        with told.rows.open("a") as out:
            out.write(json.dumps(row) + "\n")
    summary(read_rows(told.rows), list(ours.values()))


if __name__ == "__main__":
    main()
