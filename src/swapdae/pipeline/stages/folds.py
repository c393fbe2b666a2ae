"""folds: cut the train rows into folds, write them where other tools can read them, and tell what they tear apart."""

from typing import Any

from swapdae.base.files import write_bytes
from swapdae.competition.csv_file import write_csv
from swapdae.competition.download import folds_file_hash
from swapdae.competition.fold_rows import Folds
from swapdae.competition.torn import torn_duplicates, torn_groups, torn_near_duplicates
from swapdae.pipeline.data import FOLDS_CSV, Data
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "folds"


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
    """The FOLDS_CSV where people look for it, if it is not there as made."""
    made, wanted = run.directory(NAME) / FOLDS_CSV, run.paths.oof(run.experiment.name) / FOLDS_CSV
    if not wanted.is_file() or wanted.read_bytes() != made.read_bytes():
        write_bytes(wanted, made.read_bytes())


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    data = run.data
    write_csv(data.folds_table(run.competition.id), scratch.out / FOLDS_CSV)
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
    """Of rows that are alike or of one group, and lie in several folds. Folds in time part them as test is parted from
    train."""
    if data.folds.times is not None:
        return []
    train, labels, found = data.table.train, data.folds.labels, []
    advice = "if a column tells which belong together, fold by it: folds.kind = 'group', folds.by = that column"
    if n := torn_duplicates(train, labels):
        found.append(f"{n} train rows equal a row of another fold in every feature; {advice}")
    if n := torn_near_duplicates(train, labels):
        found.append(f"{n} train rows equal a row of another fold in all features but one; {advice}")
    if data.folds.groups is None:
        found += [
            f"{n} train rows share '{name}' with a row of another fold, and test holds other values of it; "
            f"if they belong together: folds.kind = 'group', folds.by = '{name}'"
            for name, n in torn_groups(train, data.table.test, labels).items()
        ]
    return found


KIND = StageKind(NAME, "Cut the train rows into folds, write them, and tell what they tear apart.", FOLDS_CSV, _stages)
