"""folds: cut the train rows into folds, write them where other tools can read them, and tell what they tear apart."""

from typing import Any

import pandas as pd

from swapdae.base.files import write_bytes
from swapdae.competition.csv_file import write_csv
from swapdae.competition.download import folds_file_hash
from swapdae.competition.fold_rows import Folds
from swapdae.competition.torn import torn_duplicates, torn_near_duplicates
from swapdae.pipeline.data import Data
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "folds"
CSV = "folds.csv"
LABELS = "fold"  # the column of the first draw; those of repeats are fold_1, fold_2, ...


def _stages(run: Run, before: Plan) -> list[Stage]:
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, scratch),
            reads=("download",),
            config={"folds": run.competition.folds.model_dump(mode="json")},
            files=lambda: folds_file_hash(run.competition, run.input),
            code=("competition.folds", "competition.torn"),
            finish=lambda: _put_in_place(run),
        )
    ]


def _put_in_place(run: Run) -> None:
    """The CSV where people look for it, if it is not there as made."""
    made, wanted = run.directory(NAME) / CSV, run.paths.oof(run.experiment.name) / CSV
    if not wanted.is_file() or wanted.read_bytes() != made.read_bytes():
        write_bytes(wanted, made.read_bytes())


def folds_table(data: Data, id_: str) -> pd.DataFrame:
    """id and fold of every train row, -1 where none holds it out; a column more for each repeat."""
    folds, size = data.folds, data.folds.n_per_repeat
    columns: dict[str, Any] = {id_: data.table.train_ids, LABELS: folds.labels}
    for repeat in range(1, folds.repeats):
        columns[f"{LABELS}_{repeat}"] = folds.held_out[repeat * size : (repeat + 1) * size].argmax(axis=0)
    return pd.DataFrame(columns)


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    data = run.data
    write_csv(folds_table(data, run.competition.id), scratch.out / CSV)
    warnings = _warnings(data)
    for line in (*_left_out(data.folds), *warnings):
        run.say(f"{NAME}: {line}")
    return {
        "kind": run.competition.folds.kind,
        "repeats": data.folds.repeats,
        "rows_held_out": data.folds.held_out.sum(axis=1).tolist(),
        "rows_trained_on": data.folds.training.sum(axis=1).tolist(),
        "rows_left_out": data.folds.n_left_out,
        "warnings": warnings,
    }


def _left_out(folds: Folds) -> list[str]:
    n = folds.n_left_out
    return [f"{n} of {len(folds)} train rows are held out by no fold: they have no out-of-fold prediction"] if n else []


def _warnings(data: Data) -> list[str]:
    """Of rows that are alike and lie in several folds. Folds in time part them as test rows are parted from train."""
    if data.folds.times is not None:
        return []
    train, labels, found = data.table.train, data.folds.labels, []
    advice = "if a column tells which belong together, fold by it: folds.kind = 'group', folds.by = that column"
    if n := torn_duplicates(train, labels):
        found.append(f"{n} train rows equal a row of another fold in every feature; {advice}")
    if n := torn_near_duplicates(train, labels):
        found.append(f"{n} train rows equal a row of another fold in all features but one; {advice}")
    return found


KIND = StageKind(NAME, "Cut the train rows into folds, write them, and tell what they tear apart.", CSV, _stages)
