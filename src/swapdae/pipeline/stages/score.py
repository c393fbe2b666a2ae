"""score: what the competition's host says of every head and of the blend, where it tells without a submission."""

from typing import Any

from swapdae.competition.hosts.interface import host_of
from swapdae.competition.submission import make_submission
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "score"


def _stages(run: Run, before: Plan) -> list[Stage]:
    return [
        Stage(
            NAME,
            lambda scratch: _body(run),
            reads=("download", *(f"heads/{name}" for name in run.experiment.heads), "blend"),
            config={"host": run.competition.host, "metric": run.competition.metric_key},
            code=("competition.submission", "modelling.decision", f"competition.hosts.{run.competition.host}"),
        )
    ]


def _body(run: Run) -> dict[str, Any]:
    from swapdae.modelling.decision import fit_decision

    host, metric, y = host_of(run.competition), run.competition.metric_of, run.data.table.y
    scores = {}
    for stage in [*(f"heads/{name}" for name in run.experiment.heads), "blend"]:
        decision = fit_decision(metric, y, run.array(stage, "oof.npy"))
        test = decision.decide(run.array(stage, "test.npy"))
        submission = make_submission(run.data.table, test, run.competition)
        score = host.score(run.competition, submission)
        scores[stage.removeprefix("heads/")] = {"public": score.public, "private": score.private}
    return scores


KIND = StageKind(NAME, "Ask the host, where it tells without a submission.", "report.json", _stages)
