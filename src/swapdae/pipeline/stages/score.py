"""score: what the competition's host says of every head and of the blend, where it tells without a submission."""

from typing import Any

from swapdae.competition.hosts.interface import host_of
from swapdae.competition.submission import make_submission
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage

NAME = "score"


def stages(run: Run) -> list[Stage]:
    config = {"host": run.competition.host}
    return [run.stage(NAME, stage_inputs.score(run), lambda scratch: _body(run), config=config)]


def main(run: Run) -> list[Report]:
    return run.carry_out(stages(run))


def _body(run: Run) -> dict[str, Any]:
    host = host_of(run.competition)
    scores = {}
    for stage in [*(f"heads/{name}" for name in run.experiment.heads), "blend"]:
        submission = make_submission(run.table, run.array(stage, "test.npy"), run.competition)
        score = host.score(run.competition, submission)
        scores[stage.removeprefix("heads/")] = {"public": score.public, "private": score.private}
    return scores
