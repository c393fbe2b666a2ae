"""tune-noise: search swap rates by short trainings, or take them from a rule, and write an experiment with them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from swapdae.autoencoder.config import DaeConfig, NoiseConfig
from swapdae.base.models import Strict
from swapdae.competition.folds import train_rows
from swapdae.competition.metrics import Metric
from swapdae.experiment.file import write_experiment
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import key_of, run_stage

if TYPE_CHECKING:
    from swapdae.pipeline.noise_search import Trainings

NAME = "tune_noise"


class Effort(Strict):
    """How long to search, and how short a training is.

    rows: train rows that a training takes; no test rows. epochs: of one training, the schedule cut to them. shrink:
    what the body's widths are divided by. folds: the competition's are merged into so many. groups: of each kind.
    """

    trials: int = Field(30, ge=1)
    rows: int = Field(20_000, ge=100)
    epochs: int = Field(8, ge=1)
    shrink: int = Field(2, ge=1)
    folds: int = Field(3, ge=2)
    groups: int = Field(3, ge=1)


def main(run: Run, effort: Effort | None = None) -> Path:
    """Searches, or with no `effort` follows the rule; writes experiments/<experiment>_noise.toml, and returns its path.

    Raises UserError where that file says something else, unless run.force.
    """
    noise, comment = _ruled(run) if effort is None else _found(run, effort)
    source, name = run.experiment.name, f"{run.experiment.name}_noise"
    written = noise.model_dump(mode="json")
    write_experiment(run.paths, name, source, {"noise": written}, comment, force=run.force)
    file = run.paths.experiment_file(name)
    run.say(f"{NAME}: wrote {file}")
    return file


def _ruled(run: Run) -> tuple[NoiseConfig, tuple[str, ...]]:
    from swapdae.autoencoder.noise_rule import rule

    told = _predictability(run)
    noise = rule(told, run.experiment.dae.noise)
    for name, share in sorted(told.items(), key=lambda item: -item[1]):
        run.say(f"{name:24} told by the others {share:5.2f}   rate {noise.columns[name]:.3f}")
    return noise, (f"Swap rates of {run.experiment.name} by rule: from how well each column is told by the others.",)


def _predictability(run: Run) -> dict[str, float]:
    from swapdae.autoencoder.noise_rule import predictability

    table = run.table
    return predictability(table.train, table.categorical, table.numerical, seed=run.experiment.seed)


def _found(run: Run, effort: Effort) -> tuple[NoiseConfig, tuple[str, ...]]:
    config = effort.model_dump(mode="json")
    inputs, metric = stage_inputs.tune_noise(run, config), run.competition.metric_of
    key = key_of(inputs)[0]
    stage = run.stage(NAME, inputs, lambda scratch: _body(run, effort, key, scratch), config=config)
    found = run_stage(stage, force=False, say=run.say).metrics  # --force is for the TOML: a search takes long
    for line in _table(found):
        run.say(line)
    before = "none" if found["before"] is None else f"{found['before']:.5f}"
    return NoiseConfig.model_validate(found["noise"]), (
        f"Swap rates of {run.experiment.name} by search: {metric.name} {found[metric.name]:.5f} of ridge after a short",
        f"training, {before} with its own rates: {effort.trials} trials, {effort.rows} rows, {effort.epochs} epochs.",
    )


def _body(run: Run, effort: Effort, key: str, scratch: Path) -> dict[str, Any]:
    from swapdae.autoencoder.noise_rule import rule
    from swapdae.modelling.tuning import TrialResult, best_of
    from swapdae.pipeline.noise_search import PUBLISHED, groups_of, search_noise

    def show(result: TrialResult, n_finished: int) -> None:
        said = "pruned" if result.score is None else f"{metric.name} {metric.value_of(result.score):.5f}"
        run.say(f"{NAME}: trial {n_finished}/{effort.trials}: {said}, {result.seconds:.0f} s")

    told, now, metric = _predictability(run), run.experiment.dae.noise, run.competition.metric_of
    trainings = trainings_of(run, effort)
    groups = groups_of(told, trainings, effort.groups)
    starts = [now, NoiseConfig(), NoiseConfig.model_validate(PUBLISHED), rule(told, now)]
    file = scratch / "study.sqlite"
    history = search_noise(trainings, groups, starts, trials=effort.trials, storage_file=file, key=key, on_trial=show)
    score, best = best_of(history)
    return {
        "device": str(trainings.device),
        "noise": best.params,
        metric.name: metric.value_of(score),
        "before": _value(metric, history[0].score),
        "groups": {name: list(columns) for name, columns in groups.items()},
        "trials": [{**vars(trial), "value": _value(metric, trial.score)} for trial in history],
    }


def _value(metric: Metric, score: float | None) -> float | None:
    return None if score is None else metric.value_of(score)


def trainings_of(run: Run, effort: Effort) -> "Trainings":
    """The short trainings of an experiment, on rows drawn from its train rows. The experiment's scope holds."""
    from swapdae.base.device import resolve_device
    from swapdae.pipeline.noise_search import Trainings

    table, config, seed = run.table, run.experiment.dae, run.experiment.seed
    rows = train_rows(table.n_train, effort.rows, seed)
    folds = np.unique(run.folds[rows] % effort.folds, return_inverse=True)[1]
    whole = run.problem("raw")
    transductive = config.scope == "transductive"
    return Trainings(
        frame=table.train.iloc[rows].reset_index(drop=True),
        categorical=table.categorical,
        numerical=table.numerical,
        fit_rows=[np.arange(len(rows))]
        if transductive
        else [np.flatnonzero(folds != fold) for fold in range(folds.max() + 1)],
        problem=replace(whole, y=table.y[rows], folds=folds, n_test=0),
        config=_short(config, effort),
        device=resolve_device(run.device),
    )


def _short(config: DaeConfig, effort: Effort) -> DaeConfig:
    """The same autoencoder with fewer epochs and narrower layers; their number and that of heads and tokens stay."""
    training = config.training.model_copy(update={"epochs": effort.epochs})
    return config.model_copy(update={"body": config.body.shrunk(effort.shrink), "training": training})


def _table(found: dict[str, Any]) -> list[str]:
    """The groups' columns, then a line for each trial: number, metric, seconds and the groups' rates."""
    groups: dict[str, list[str]] = found["groups"]
    lines = [f"{name}: {', '.join(columns)}" for name, columns in groups.items()]
    lines.append(f"{'trial':>5} {'value':>9} {'s':>5}  " + " ".join(f"{name:>14}" for name in groups))
    for trial in found["trials"]:
        value = "pruned" if trial["value"] is None else f"{trial['value']:.5f}"
        rates = " ".join(f"{trial['params']['columns'][columns[0]]:14.3f}" for columns in groups.values())
        lines.append(f"{trial['number']:5} {value:>9} {trial['seconds']:5.0f}  {rates}")
    return lines
