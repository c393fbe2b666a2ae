"""report: everything the other stages have left, as one self-contained HTML page with pictures."""

import json
from typing import Any

import numpy as np

from swapdae.base.files import write_bytes
from swapdae.experiment.stage_report import State, digest
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of
from swapdae.pipeline.sources import sources_of
from swapdae.pipeline.stage import Stage

NAME = "report"
HTML = "report.html"
CODE = ("report.sections", "report.page", "report.result", "pipeline.scores")


def _stages(run: Run, before: Plan) -> list[Stage]:
    """It shows what there is, not what there should be: stale or not."""
    states = before.states()
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, states, scratch),
            config={
                "stages": {name: [str(state), _made(state)] for name, state in states.items()},
                "experiment": run.experiment.model_dump(mode="json", exclude={"minutes"}),
                "competition": run.competition.model_dump(mode="json"),
                "code": digest(sources_of(NAME, CODE)),  # a page is made in seconds, so other code makes it anew
            },
            code=CODE,
            finish=lambda: _put_in_place(run),
        )
    ]


def _made(state: State) -> list[Any]:
    """What tells one result of a stage from another."""
    return [] if state.report is None else [state.report.key, state.report.files, state.report.seconds]


def _put_in_place(run: Run) -> None:
    """The page where people look for it, if it is not there as made."""
    made, wanted = run.directory(NAME) / HTML, run.paths.oof(run.experiment.name) / HTML
    if not wanted.is_file() or wanted.read_bytes() != made.read_bytes():
        write_bytes(wanted, made.read_bytes())
    run.say(str(wanted))


def _body(run: Run, states: dict[str, State], scratch: Scratch) -> dict[str, Any]:
    from swapdae.report.page import page
    from swapdae.report.result import headline
    from swapdae.report.sections import SECTIONS
    from swapdae.report.stage_results import StageResults

    has_table = states["download"].report is not None
    oofs, tests = _predictions(run, states)
    found = StageResults(
        experiment=run.experiment,
        competition=run.competition,
        states=states,
        scores=scores_of(run),
        table=run.data.table if has_table else None,
        folds=run.data.folds.labels if has_table else None,
        oofs=oofs,
        tests=tests,
        logs=_logs(run),
        activations={file.stem: np.load(file) for file in sorted(run.directory("activations").glob("*.npy"))},
        importances=_importances(run),
    )
    sections = [section(found) for section in SECTIONS]
    (scratch.out / HTML).write_text(page(run.experiment.name, headline(found), sections), encoding="utf-8")
    return {"sections": {section.title: len(section.pictures) for section in sections}}


def _predictions(run: Run, states: dict[str, State]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Out-of-fold and test predictions by head, and of the blend, whose first ones are cross-fitted."""
    done = {name: f"heads/{name}" for name in run.experiment.heads if states[f"heads/{name}"].report is not None}
    oofs = {name: run.array(stage, "oof.npy") for name, stage in done.items()}
    tests = {name: run.array(stage, "test.npy") for name, stage in done.items()}
    if states["blend"].report is not None:
        oofs["blend"], tests["blend"] = run.array("blend", "oof_cross_fitted.npy"), run.array("blend", "test.npy")
    return oofs, tests


def _logs(run: Run) -> list[list[dict[str, Any]]]:
    """One per autoencoder, in the order of folds."""
    files = sorted(run.directory("dae").glob("training_*/log.jsonl"), key=lambda f: int(f.parent.name.split("_")[1]))
    return [[json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files]


def _importances(run: Run) -> dict[str, dict[str, float]]:
    """Of the heads whose search says enough to tell."""
    files = {name: run.directory(f"tune/{name}") / "study.sqlite" for name in run.experiment.heads}
    files = {name: file for name, file in files.items() if file.is_file()}
    if not files:
        return {}
    from swapdae.modelling.tuning import importances

    heads, seed = run.experiment.heads, run.experiment.seed
    return {name: importances(file, heads[name].trials, seed) for name, file in files.items()}


KIND = StageKind(
    NAME,
    "All of it on one page with pictures, no network needed.",
    "oof/<experiment>/report.html",
    _stages,
    in_run=False,
)
