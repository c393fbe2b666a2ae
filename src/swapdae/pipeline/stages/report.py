"""report: everything the other stages have left, as one self-contained HTML page with pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of
from swapdae.pipeline.stage import Report, Stage, State, read_report, state_of
from swapdae.report.columns import data
from swapdae.report.firing import activations
from swapdae.report.network import autoencoder
from swapdae.report.outcome import blend, predictions, result
from swapdae.report.page import Section, page
from swapdae.report.record import provenance, tuning
from swapdae.report.results import Results
from swapdae.report.selection import selection

NAME = "report"
HTML = "report.html"
SECTIONS: tuple[Callable[[Results], Section], ...] = (
    result,
    data,
    autoencoder,
    activations,
    selection,
    tuning,
    blend,
    predictions,
    provenance,
)


def stages(run: Run) -> list[Stage]:
    inputs = stage_inputs.report(run)
    return [run.stage(NAME, inputs, lambda scratch: _body(run, scratch), config={})]


def main(run: Run) -> list[Report]:
    """Make the page, then put it where people look for it, if it is not there as made."""
    reports = run.carry_out(stages(run))
    made, wanted = run.directory(NAME) / HTML, run.paths.oof(run.experiment.name) / HTML
    if not wanted.is_file() or wanted.read_bytes() != made.read_bytes():
        aside = wanted.with_name(wanted.name + ".part")
        aside.write_bytes(made.read_bytes())
        aside.replace(wanted)
    run.say(str(wanted))
    return reports


def _body(run: Run, scratch: Path) -> dict[str, Any]:
    found = _results(run)
    sections = [section(found) for section in SECTIONS]
    summary = f"{run.competition.name}: {run.competition.task}, {run.competition.metric}. Made by swapdae."
    (scratch / HTML).write_text(page(run.experiment.name, summary, sections), encoding="utf-8")
    return {"sections": {section.title: len(section.pictures) for section in sections}}


def _results(run: Run) -> Results:
    states = {name: state_of(run.directory(name), inputs, verify=False) for name, inputs in _stages_of(run).items()}

    def has(stage: str) -> bool:
        return states[stage].report is not None

    done = [name for name in run.experiment.heads if has(f"heads/{name}")]
    oofs = {name: run.array(f"heads/{name}", "oof.npy") for name in done}
    tests = {name: run.array(f"heads/{name}", "test.npy") for name in done}
    if has("blend"):
        oofs["blend"], tests["blend"] = run.array("blend", "oof_cross_fitted.npy"), run.array("blend", "test.npy")
    table = has("download")
    return Results(
        experiment=run.experiment,
        competition=run.competition,
        states=states,
        scores=scores_of(run),
        table=run.table if table else None,
        folds=run.folds if table else None,
        oofs=oofs,
        tests=tests,
        logs=_logs(run),
        activations={file.stem: np.load(file) for file in sorted(run.directory("activations").glob("*.npy"))},
        importances=_importances(run, states),
    )


def _stages_of(run: Run) -> dict[str, Any]:
    """The inputs of every stage before this one, by name."""
    heads = run.experiment.heads
    dae = {"dae": stage_inputs.dae, "activations": stage_inputs.activations} if run.experiment.uses_dae else {}
    chosen = read_report(run.directory("select_features"))
    return {
        "download": stage_inputs.download(run),
        **{name: inputs(run) for name, inputs in dae.items()},
        **({"select": stage_inputs.select(run)} if run.experiment.uses_selection else {}),
        **({"select_features": stage_inputs.select_features(run, chosen.config)} if chosen else {}),
        **{f"tune/{name}": stage_inputs.tune(run, name) for name, head in heads.items() if head.trials},
        **{f"heads/{name}": stage_inputs.heads(run, name) for name in heads},
        "blend": stage_inputs.blend(run),
        "score": stage_inputs.score(run),
        "submit": stage_inputs.submit(run),
    }


def _logs(run: Run) -> list[list[dict[str, Any]]]:
    """One per autoencoder, in the order of folds."""
    files = sorted(run.directory("dae").glob("training_*/log.jsonl"), key=lambda f: int(f.parent.name.split("_")[1]))
    return [[json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files]


def _importances(run: Run, states: dict[str, State]) -> dict[str, dict[str, float]]:
    """Of the heads whose search says enough to tell."""
    files = {name: run.directory(f"tune/{name}") / "study.sqlite" for name in run.experiment.heads}
    files = {name: file for name, file in files.items() if file.is_file()}
    if not files:
        return {}
    from swapdae.modelling.tuning import importances

    return {
        name: importances(file, run.experiment.heads[name].trials, run.experiment.seed) for name, file in files.items()
    }
