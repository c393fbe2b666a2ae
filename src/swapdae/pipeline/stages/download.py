"""download: put the competition's CSVs into input/, once, and validate them as one Table."""

from pathlib import Path
from typing import Any

from swapdae.competition.download import ensure_files
from swapdae.competition.folds import n_duplicates
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage

NAME = "download"


def stages(run: Run) -> list[Stage]:
    inputs = stage_inputs.download(run)
    return [run.stage(NAME, inputs, lambda scratch: _body(run, scratch), config=inputs["competition"])]


def main(run: Run) -> list[Report]:
    """Fetch what is not there yet, then check it. Files in place need no host and no credentials."""
    ensure_files(run.competition, run.input, run.say)
    run = run.again()
    return run.carry_out(stages(run))


def _body(run: Run, scratch: Path) -> dict[str, Any]:
    duplicates = n_duplicates(run.table.train)
    if duplicates:
        run.say(f"{NAME}: {duplicates} train rows repeat another in every feature; folds may tear such twins apart")
    return {**run.table.summary(), "rows": run.experiment.rows, "duplicate_rows": duplicates}
