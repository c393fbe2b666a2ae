"""download: put the competition's CSVs into input/, once, and validate them as one Table."""

from typing import Any

from swapdae.competition.download import ensure_files, file_hashes
from swapdae.competition.folds import n_duplicates
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "download"


def _stages(run: Run, before: Plan) -> list[Stage]:
    fields = {"id", "target", "targets", "task", "columns", "files"}
    target = {"target": run.competition.target} if run.competition.targets else {}  # all else is shared by several
    return [
        Stage(
            NAME,
            lambda scratch: _body(run),
            config={
                "competition": run.competition.model_dump(mode="json", include=fields - set(target)),
                **target,
                **_fold_column(run),
                "rows": [run.experiment.rows, run.experiment.seed],
            },
            files=lambda: file_hashes(run.competition, run.input) | _own_hash(run),
            code=("competition.table", "competition.folds"),
            prepare=lambda: _fetch(run),
        )
    ]


def _fold_column(run: Run) -> dict[str, Any]:
    """The column with the user's own folds, which is no feature."""
    folds = run.competition.folds
    return {"fold_column": folds.by[0]} if folds.kind == "column" else {}


def _fetch(run: Run) -> None:
    """Fetch what is not there yet. Files in place need no host and no credentials."""
    ensure_files(run.competition, run.input, run.say)
    if sha256 := run.competition.metric_sha256:
        run.say(f"{NAME}: the metric is your own, metric.py with sha256 {sha256[:12]}")


def _own_hash(run: Run) -> dict[str, str]:
    """Of the file that adds columns to the table."""
    return {run.own.file.name: run.own.make_sha256} if run.own is not None and run.own.make is not None else {}


def _body(run: Run) -> dict[str, Any]:
    table = run.data.table
    if found := [name for name in table.kinds.dates if name not in run.competition.columns.dates]:
        run.say(f"{NAME}: read as dates: {', '.join(found)}; [columns] in competition.toml may say else")
    if table.constant:
        run.say(f"{NAME}: one value in every train row: {', '.join(table.constant)}; [columns] may drop such columns")
    if run.own is not None and run.own.make is not None:
        run.say(f"{NAME}: {run.own.file} (sha256 {run.own.sha256[:12]}) makes columns, which all stages read")
    duplicates = n_duplicates(table.train)
    if duplicates:
        run.say(f"{NAME}: {duplicates} train rows repeat another in every feature; folds may tear such twins apart")
    return {**table.summary(), "rows": run.experiment.rows, "duplicate_rows": duplicates}


KIND = StageKind(
    NAME,
    "Fetch the competition's CSVs, once, and check them as one table.",
    "input/<competition>/*.csv",
    _stages,
)
