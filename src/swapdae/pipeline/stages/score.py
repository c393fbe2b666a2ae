"""score: what the competition's host says of every head and of the blend, where it tells without a submission."""

from typing import Any

from numpy.typing import NDArray

from swapdae.base.files import sha256_of
from swapdae.competition.hosts.interface import host_of
from swapdae.competition.submission import make_submission, takes_probabilities
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
            config={"host": run.competition.host, "slug": run.competition.slug, "metric": run.competition.metric_key},
            files=lambda: _solution(run),
            code=("competition.submission", "modelling.decision", f"competition.hosts.{run.competition.host}"),
        )
    ]


def _solution(run: Run) -> dict[str, str]:
    """The sha256 of the answers that were kept back, where the competition has them."""
    if (name := run.competition.files.solution) is None:
        return {}
    file = run.input / name
    return {name: sha256_of(file) if file.is_file() else "absent"}


def _body(run: Run) -> dict[str, Any]:
    host = host_of(run.competition)
    scores = {}
    for stage in [*(f"heads/{name}" for name in run.experiment.heads), "blend"]:
        submission = make_submission(run.data.table, _decided(run, stage), run.competition)
        score = host.score(run.competition, submission, run.input)
        scores[stage.removeprefix("heads/")] = {"public": score.public, "private": score.private}
    return scores


def _decided(run: Run, stage: str) -> NDArray[Any]:
    """A stage's test predictions; labels where the metric wants labels, decided by what is best out of fold, and the
    sample has no column for each class."""
    from swapdae.modelling.decision import fit_decision

    table, predicted = run.data.table, run.data.folds.predicted
    if takes_probabilities(table.sample, run.competition):
        return run.array(stage, "test.npy")
    weights = None if table.weights is None else table.weights[predicted]
    oof = run.array(stage, "oof.npy")[predicted]
    decision = fit_decision(run.competition.metric_of, table.y[predicted], oof, weights)
    return decision.decide(run.array(stage, "test.npy"))


KIND = StageKind(NAME, "Ask the host, where it tells without a submission.", "report.json", _stages)
