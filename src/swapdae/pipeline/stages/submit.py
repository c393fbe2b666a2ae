"""submit: hand in the blended CSV, wait for its score, note it in submissions/LOG.md."""

import datetime
import subprocess
from pathlib import Path
from typing import Any

from swapdae.base.errors import UserError
from swapdae.competition.hosts.interface import host_of
from swapdae.competition.submission import read_submission
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage, key_of, state_of

NAME = "submit"
HEADER = "| date | experiment | CV | public | private | commit |\n|---|---|---|---|---|---|\n"


def stages(run: Run) -> list[Stage]:
    inputs = stage_inputs.submit(run)
    config = {"host": run.competition.host, "slug": run.competition.slug}
    return [run.stage(NAME, inputs, lambda scratch: _body(run, key_of(inputs)[0]), config=config)]


def main(run: Run) -> list[Report]:
    """Submits once: the same blend is not handed in again, unless forced."""
    return run.carry_out(stages(run))


def _body(run: Run, key: str) -> dict[str, Any]:
    competition, name = run.competition, run.experiment.name
    state = state_of(run.directory("blend"), stage_inputs.blend(run), verify=True)
    if state.state != "done" or state.report is None:
        raise UserError(f"blend is {state.state} {state.why}: run `swapdae run {name}` before `swapdae submit {name}`")
    csv = run.paths.submission(name)
    read_submission(csv, run.table.sample, competition)
    # The message is the same for the same blend, so a host can tell whether an earlier try arrived.
    journal = run.paths.oof(name) / "submissions.json"
    score = host_of(competition).submit(competition, csv, f"swapdae {name} {key}", journal)
    run.say(f"{NAME}: public {_figure(score.public)}, private {_figure(score.private)}")
    cv = state.report.metrics["cross_fitted"]
    _log(run, [name, _figure(cv), _figure(score.public), _figure(score.private), _commit(run.paths.root)])
    return {"cv": cv, "public": score.public, "private": score.private, "ref": score.ref}


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"


def _log(run: Run, cells: list[str]) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
    file = run.paths.submission_log
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as log:
        if log.tell() == 0:
            log.write(HEADER)
        log.write(f"| {' | '.join([now, *cells])} |\n")


def _commit(root: Path) -> str:
    """The checkout's commit, short; "-" outside a git checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "-"
    return done.stdout.strip() or "-"
