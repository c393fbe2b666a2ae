"""tune-noise: search swap rates by short trainings, or take them from a rule, and write an experiment with them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from swapdae.autoencoder.config import DaeConfig, NoiseConfig
from swapdae.base.models import StrictModel
from swapdae.competition.folds import train_rows
from swapdae.competition.metrics import Metric
from swapdae.experiment.file import write_experiment
from swapdae.experiment.stage_report import read_report
from swapdae.pipeline.feature_store import FeatureStore, label_free_rows
from swapdae.pipeline.kind import StageKind, told_or_recorded
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

if TYPE_CHECKING:
    from swapdae.pipeline.noise_search import Trainings

NAME = "tune_noise"


class Effort(StrictModel):
    """How long to search, and how short a training is."""

    rule: bool = Field(False, description="no search: rates from how well columns are predicted from the others")
    trials: int = Field(30, ge=1, description="trainings that are finished or pruned")
    rows: int = Field(20_000, ge=100, description="train rows of a training; no test rows")
    epochs: int = Field(8, ge=1, description="epochs of a training, the schedule cut to them")
    shrink: int = Field(2, ge=1, description="divides the body's widths")
    folds: int = Field(3, ge=2, description="the competition's folds are merged into so many")
    groups: int = Field(3, ge=1, description="rates for each kind of columns")


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None unless it was asked for, now or before. --force is for the TOML: a search takes long. More trials go on
    from fewer."""
    effort = told_or_recorded(run, NAME, Effort)
    if effort is None:
        return []
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, effort, scratch),
            reads=("download", "folds"),
            config={
                "options": effort.model_dump(mode="json", exclude={"trials"}),
                "dae": run.experiment.dae.decisive(),
                "folds": run.competition.folds.model_dump(mode="json"),
                "metric": run.competition.metric_key,
                "seed": run.experiment.seed,
            },
            effort={"trials": effort.trials},
            code=("pipeline.noise_search", "autoencoder.noise_rule", "competition.folds"),
            finish=lambda: _write(run, effort),
            forced=False,
        )
    ]


def _write(run: Run, effort: Effort) -> None:
    """Writes experiments/<experiment>_noise.toml, where the command was given. Raises UserError where that file says
    something else, unless run.force."""
    report = read_report(run.directory(NAME))
    if NAME not in run.options or report is None:
        return
    found, metric, source = report.metrics, run.competition.metric, run.experiment.name
    for line in _ruled(found) if effort.rule else _table(found):
        run.say(line)
    comment: tuple[str, ...] = (
        f"Swap rates of {source} by rule: from how well each column is predicted from the others.",
    )
    if not effort.rule:
        before = "none" if found["before"] is None else f"{found['before']:.5f}"
        comment = (
            f"Swap rates of {source} by search: {metric} {found[metric]:.5f} of ridge after a short training,",
            f"{before} with its own rates: {effort.trials} trials, {effort.rows} rows, {effort.epochs} epochs.",
        )
    noise = NoiseConfig.model_validate(found["noise"]).model_dump(mode="json")
    name = f"{source.replace('/', '_')}_noise"  # of one of several targets, by which all of them can then be run
    write_experiment(run.paths, name, run.stem, {"noise": noise}, comment, force=run.force)
    run.say(f"{NAME}: wrote {run.paths.experiment_file(name)}")


def _body(run: Run, effort: Effort, scratch: Scratch) -> dict[str, Any]:
    from swapdae.autoencoder.noise_rule import predictability, rule

    table = run.data.table
    shares = predictability(table.train, table.categorical, table.numerical, seed=run.experiment.seed)
    by_rule = rule(shares, run.experiment.dae.noise)
    if effort.rule:
        return {"predicted": shares, "noise": by_rule.model_dump(mode="json")}
    return {"predicted": shares, **_searched(run, effort, shares, by_rule, scratch)}


def _searched(
    run: Run, effort: Effort, shares: dict[str, float], by_rule: NoiseConfig, scratch: Scratch
) -> dict[str, Any]:
    from swapdae.modelling.tuning import TrialResult, best_of
    from swapdae.pipeline.noise_search import PUBLISHED, groups_of, search_noise

    def show(history: tuple[TrialResult, ...]) -> None:
        last = history[-1]
        value = "pruned" if last.score is None else f"{metric.name} {metric.value_of(last.score):.5f}"
        run.say(f"{NAME}: trial {len(history)}/{effort.trials}: {value}, {last.seconds:.0f} s")

    metric, trainings = run.competition.metric_of, trainings_of(run, effort)
    groups = groups_of(shares, trainings, effort.groups)
    starts = [run.experiment.dae.noise, NoiseConfig(), NoiseConfig.model_validate(PUBLISHED), by_rule]
    file, key = scratch.out / "study.sqlite", scratch.key
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

    data, config, seed = run.data, run.experiment.dae, run.experiment.seed
    rows = train_rows(data.table.n_train, effort.rows, seed)
    table, folds = data.table.subset(rows), data.folds.subset(rows).fewer(effort.folds)
    whole = FeatureStore(run).problem(["raw"])
    return Trainings(
        frame=table.train,
        categorical=table.categorical,
        numerical=table.numerical,
        fit_rows=label_free_rows(config, folds, 0),
        problem=replace(whole, y=table.y, weights=table.weights, folds=folds, n_test=0),
        config=_short(config, effort),
        device=resolve_device(run.device),
    )


def _short(config: DaeConfig, effort: Effort) -> DaeConfig:
    """The same autoencoder with fewer epochs and narrower layers."""
    training = config.training.model_copy(update={"epochs": effort.epochs})
    return config.model_copy(update={"body": config.body.shrunk(effort.shrink), "training": training})


def _ruled(found: dict[str, Any]) -> list[str]:
    """How well each column is predicted from the others, and its rate; the best predicted first."""
    shares, rates = found["predicted"], found["noise"]["columns"]
    return [
        f"{name:24} predicted from the others {share:5.2f}   rate {rates[name]:.3f}"
        for name, share in sorted(shares.items(), key=lambda item: -item[1])
    ]


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


KIND = StageKind(
    NAME,
    "Search swap rates by short trainings, or take them from a rule; write an experiment with them.",
    "experiments/<experiment>_noise.toml",
    _stages,
    options=Effort,
    in_run=False,
)
