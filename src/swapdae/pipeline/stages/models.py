"""models: keep what the prediction of new rows needs, beside the heads' models, and check it on test rows."""

from typing import Any

import numpy as np

from swapdae.base.errors import UserError
from swapdae.pipeline.kept import NAME, keep, refuse
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

CHECKED = 1000  # test rows, at most, that are predicted once more
TOLERANCE = 1e-6


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None where the experiment keeps no models."""
    if not run.experiment.keep_models:
        return []
    kinds = sorted({head.kind for head in run.experiment.heads.values()})
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, scratch),
            reads=tuple(name for name in before.stages if name.partition("/")[0] in READS),
            config={"metric": run.competition.metric_key, "seed": run.experiment.seed},
            files=lambda: {} if run.own is None else {run.own.file.name: run.own.sha256},
            code=(*(f"heads.{kind}" for kind in kinds), "pipeline.predictor", "pipeline.kept"),
        )
    ]


READS = ("download", "folds", "dae", "heads", "blend")


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    try:
        keep(run, scratch.out)
        return {"device": run.device_text(), **_checked(run, scratch)}
    except UserError as error:  # a run without predictions of new rows is a run all the same
        run.say(f"{NAME}: new rows cannot be predicted: {error}")
        refuse(run, scratch.out, str(error))
        return {"refused": str(error)}


def _checked(run: Run, scratch: Scratch) -> dict[str, Any]:
    """Some test rows, read from their file and predicted by what was kept, against the blend's prediction of them.

    Raises UserError where they differ.
    """
    from swapdae.pipeline.predictor import Predictor

    root = run.paths.oof(run.experiment.name)
    predictor = Predictor.load(root, run.device, scratch.out)
    _, frame = predictor.reader.read(run.input / run.competition.files.test)
    expected = run.array("blend", "test.npy")
    rows = np.unique(np.linspace(0, len(frame) - 1, CHECKED).astype(np.int64))
    found = predictor.predict(frame.iloc[rows])
    off = float(np.max(np.abs(found - expected[rows]) / np.maximum(1, np.abs(expected[rows]))))
    if not off <= TOLERANCE:
        where = ", as where make in features.py looks at other rows" if predictor.kept.own else ""
        raise UserError(f"{off:.2g} from the run's own predictions of test rows{where}; see docs/predict.md")
    size = sum((root / name).stat().st_size for name in predictor.kept.files)
    size += sum(file.stat().st_size for file in scratch.out.rglob("*") if file.is_file())
    run.say(f"{NAME}: {size / 1e6:.1f} MB, {len(rows)} test rows predicted again, {off:.1g} off at most")
    return {"bytes": size, "rows_checked": len(rows), "largest_difference": off}


KIND = StageKind(
    NAME, "Keep what the prediction of new rows needs, and check it on test rows.", "kept.json, views", _stages
)
