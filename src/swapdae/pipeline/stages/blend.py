"""blend: weigh the heads by their out-of-fold predictions and write the submission CSV."""

from pathlib import Path
from typing import Any

import numpy as np

from swapdae.competition.submission import check_submission, make_submission, write_submission
from swapdae.modelling.blend import combine, fit_blend
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage

NAME = "blend"
CSV = "submission.csv"


def stages(run: Run) -> list[Stage]:
    config = {"heads": list(run.experiment.heads)}
    return [run.stage(NAME, stage_inputs.blend(run), lambda scratch: _body(run, scratch), config=config)]


def main(run: Run) -> list[Report]:
    """Blend, then put the CSV where people look for it, if it is not there as made."""
    reports = run.carry_out(stages(run))
    made, wanted = run.directory(NAME) / CSV, run.paths.submission(run.experiment.name)
    if not wanted.is_file() or wanted.read_bytes() != made.read_bytes():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        aside = wanted.with_name(wanted.name + ".part")
        aside.write_bytes(made.read_bytes())
        aside.replace(wanted)
    run.say(f"{NAME}: {wanted}")
    return reports


def _body(run: Run, scratch: Path) -> dict[str, Any]:
    metric, names = run.competition.metric_of, list(run.experiment.heads)
    oofs = [run.array(f"heads/{name}", "oof.npy") for name in names]
    blend = fit_blend(oofs, run.table.y, run.folds, metric)
    test = combine(np.stack([run.array(f"heads/{name}", "test.npy") for name in names]), blend.weights)
    np.save(scratch / "oof.npy", blend.oof)
    np.save(scratch / "oof_cross_fitted.npy", blend.oof_cross_fitted)
    np.save(scratch / "test.npy", test)
    submission = make_submission(run.table, test, run.competition)
    check_submission(submission, run.table.sample, run.competition, blend.oof)
    write_submission(submission, scratch / CSV)
    cross_fitted = metric.value_of(blend.score_cross_fitted)
    run.say(f"{NAME}: {blend.method}, cross-fitted {metric.name} {cross_fitted:.5f}")
    return {
        "method": blend.method,
        metric.name: metric.value_of(blend.score),
        "cross_fitted": cross_fitted,
        "cross_fitted_by_method": {name: metric.value_of(score) for name, score in blend.scores.items()},
        "weights": dict(zip(names, blend.weights.tolist(), strict=True)),
    }
