"""What the tests of the pipeline have in common: make stages, and give a run other data than its files hold."""

from dataclasses import replace
from typing import Any

from swapdae.experiment.stage_report import StageReport
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import KINDS, plan_of

IN_RUN = tuple(kind.name for kind in KINDS if kind.in_run)


def make(run: Run, *kinds: str) -> list[StageReport]:
    """Make the stages of these kinds, by default all that `swapdae run` makes, and what they read; their reports."""
    plan = plan_of(run)
    names = [name for name, stage in plan.stages.items() if stage.kind in (kinds or IN_RUN)]
    reports = plan.make(names, force=run.force, strict=run.strict, say=run.say)
    return [reports[name] for name in names]


def with_table(run: Run, **changes: Any) -> Run:
    """The same run on a table with other fields."""
    changed = replace(run)
    changed.__dict__["data"] = replace(run.data, table=replace(run.data.table, **changes))
    return changed


def with_experiment(run: Run, **changes: Any) -> Run:
    """The same run of an experiment with other fields."""
    return replace(run, experiment=run.experiment.model_copy(update=changes))


def with_trials(run: Run, trials: int = 2, **changes: Any) -> Run:
    """The same run, its LightGBM tuned."""
    lightgbm = run.experiment.heads["lightgbm"].model_copy(update={"trials": trials})
    return with_experiment(run, heads={**run.experiment.heads, "lightgbm": lightgbm}, **changes)


def with_dae(run: Run, **changes: Any) -> Run:
    """The same run with another autoencoder."""
    return with_experiment(run, dae=run.experiment.dae.model_copy(update=changes))
