"""download: put the competition's CSVs into input/, once, and validate them as one Table."""

from pathlib import Path
from typing import Any

from swapdae.competition.folds import n_duplicates
from swapdae.competition.hosts import host_of
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage

NAME = "download"


def stages(run: Run) -> list[Stage]:
    inputs = stage_inputs.download(run)
    return [run.stage(NAME, inputs, lambda scratch: _body(run, scratch), config=inputs["competition"])]


def main(run: Run) -> list[Report]:
    """Fetch what is not there yet, then check it. Files in place need no host and no credentials."""
    missing = [name for name in run.competition.files.all if not (run.input / name).is_file()]
    if missing:
        run.say(f"{NAME}: fetching {', '.join(missing)} from {run.competition.host}")
        run.input.mkdir(parents=True, exist_ok=True)
        host_of(run.competition).fetch(run.competition, run.input)
        run = run.again()
    return run.carry_out(stages(run))


def _body(run: Run, scratch: Path) -> dict[str, Any]:
    duplicates = n_duplicates(run.table.train)
    if duplicates:
        run.say(f"{NAME}: {duplicates} train rows repeat another in every feature; folds may tear such twins apart")
    return {**run.table.summary(), "rows": run.experiment.rows, "duplicate_rows": duplicates}
