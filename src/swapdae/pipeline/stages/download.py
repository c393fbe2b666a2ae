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
    fields = {"id", "target", "task", "columns", "files"}
    return [
        Stage(
            NAME,
            lambda scratch: _body(run),
            config={
                "competition": run.competition.model_dump(mode="json", include=fields),
                "rows": [run.experiment.rows, run.experiment.seed],
            },
            files=lambda: file_hashes(run.competition, run.input),
            code=("competition.table", "competition.folds"),
            prepare=lambda: _fetch(run),
        )
    ]


def _fetch(run: Run) -> None:
    """Fetch what is not there yet. Files in place need no host and no credentials."""
    ensure_files(run.competition, run.input, run.say)


def _body(run: Run) -> dict[str, Any]:
    table = run.data.table
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
