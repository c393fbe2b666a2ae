"""blend: weigh the heads by their out-of-fold predictions and write the submission CSV."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from swapdae.base.files import sha256_of, write_bytes
from swapdae.competition.submission import (
    check_submission,
    join_submissions,
    make_submission,
    takes_probabilities,
    write_submission,
)
from swapdae.competition.table_file import read_cells
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "blend"
CSV = "submission.csv"


def _stages(run: Run, before: Plan) -> list[Stage]:
    heads = list(run.experiment.heads)
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, scratch),
            reads=("download", "folds", *(f"heads/{name}" for name in heads)),
            config={"heads": heads},
            code=("modelling.blend", "competition.submission", "competition.folds"),
            finish=lambda: _put_in_place(run),
        )
    ]


def _put_in_place(run: Run) -> None:
    """The CSV where people look for it, if it is not there as made."""
    made, wanted = run.directory(NAME) / CSV, run.paths.submission(run.experiment.name)
    if not wanted.is_file() or wanted.read_bytes() != made.read_bytes():
        write_bytes(wanted, made.read_bytes())
    run.say(f"{NAME}: {wanted}")


def _joined(run: Run, plans: Mapping[str, Plan]) -> Stage:
    """The CSV of all targets in the shape of the sample, and the mean of their cross-fitted scores."""
    csvs = {part.competition.target: part.directory(NAME) / CSV for part in run.parts}
    read = {**csvs, "sample": run.input / run.competition.files.sample}
    return Stage(
        NAME,
        lambda scratch: _join(run, csvs, scratch),
        files=lambda: {name: sha256_of(file) if file.is_file() else "absent" for name, file in read.items()},
        code=("competition.submission",),
        finish=lambda: _put_in_place(run),
    )


def _join(run: Run, csvs: Mapping[str, Path], scratch: Scratch) -> dict[str, Any]:
    competition = run.competition
    sample = read_cells(run.input / competition.files.sample, [competition.id, *competition.targets], "download")
    write_submission(join_submissions(sample, csvs), scratch.out / CSV)
    mean = float(np.mean([part.report(NAME).metrics["cross_fitted"] for part in run.parts]))
    run.say(f"{NAME}: {len(csvs)} targets, mean cross-fitted {competition.metric} {mean:.5f}")
    return {"cross_fitted": mean}


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    from swapdae.modelling.blend import combine, fit_blend

    metric, names, data = run.competition.metric_of, list(run.experiment.heads), run.data
    oofs = [run.array(f"heads/{name}", "oof.npy") for name in names]
    blend = fit_blend(oofs, data.table.y, data.folds.labels, metric, data.table.weights)
    test = combine(np.stack([run.array(f"heads/{name}", "test.npy") for name in names]), blend.weights)
    np.save(scratch.out / "oof.npy", blend.oof)
    np.save(scratch.out / "oof_cross_fitted.npy", blend.oof_cross_fitted)
    np.save(scratch.out / "test.npy", test)
    plain = takes_probabilities(data.table.sample, run.competition)
    submission = make_submission(data.table, test if plain else blend.decision.decide(test), run.competition)
    check_submission(submission, data.table.sample, run.competition, blend.decision.decide(blend.oof))
    write_submission(submission, scratch.out / CSV)
    cross_fitted = metric.value_of(blend.score_cross_fitted)
    run.say(f"{NAME}: {blend.method}, cross-fitted {metric.name} {cross_fitted:.5f}")
    return {
        "method": blend.method,
        metric.name: metric.value_of(blend.score),
        "cross_fitted": cross_fitted,
        "cross_fitted_by_method": {name: metric.value_of(score) for name, score in blend.scores.items()},
        **({"rows_left_out": data.folds.n_left_out} if data.folds.n_left_out else {}),
        "weights": dict(zip(names, blend.weights.tolist(), strict=True)),
        **({"decision": asdict(blend.decision)} if metric.takes_labels else {}),
    }


KIND = StageKind(
    NAME,
    "Weigh the heads by non-negative least squares or hill climbing; write the submission.",
    "submissions/<experiment>.csv",
    _stages,
    joined=_joined,
)
