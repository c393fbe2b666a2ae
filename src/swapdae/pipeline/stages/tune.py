"""tune: search every head's hyperparameters, one stage and one resumable study per head."""

from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage, key_of

NAME = "tune"


def stages(run: Run) -> list[Stage]:
    """One stage for each head that has trials."""
    return [_stage(run, name) for name, head in run.experiment.heads.items() if head.trials]


def _stage(run: Run, name: str) -> Stage:
    inputs = stage_inputs.tune(run, name)
    config = run.experiment.heads[name].model_dump(mode="json")
    key = key_of(inputs)[0]
    return run.stage(f"{NAME}/{name}", inputs, lambda scratch: _body(run, name, key, scratch), config=config)


def main(run: Run) -> list[Report]:
    return run.carry_out(stages(run))


def _body(run: Run, name: str, key: str, scratch: Path) -> dict[str, Any]:
    from swapdae.heads import HEADS
    from swapdae.modelling.tuning import TrialResult, tune

    config = run.experiment.heads[name]
    metric = run.competition.metric_of
    with _progress(name, config.trials) as bar:

        def show(history: tuple[TrialResult, ...]) -> None:
            scores = [result.score for result in history if result.score is not None]
            best = f"{metric.value_of(max(scores)):.5f}" if scores else "-"
            bar.update(bar.task_ids[0], completed=len(history), best=best)

        found = tune(
            run.problem(config.features, n_penalties=config.trials),
            HEADS[config.kind],
            run.start_params(name),
            trials=config.trials,
            storage_file=scratch / "study.sqlite",
            key=key,
            seed=run.experiment.seed,
            name=name,
            tune_rows=config.tune_rows,
            on_trial=show,
        )
    return {
        "params": found.params.model_dump(mode="json"),
        metric.name: metric.value_of(found.score),
        "n_complete": found.n_complete,
        "trials": [{**vars(trial), "fold_scores": list(trial.fold_scores)} for trial in found.history],
    }


def _progress(name: str, total: int) -> Progress:
    bar = Progress(
        TextColumn(f"{NAME}/{name}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("best {task.fields[best]}"),
        TimeRemainingColumn(),
        refresh_per_second=2,
    )
    bar.add_task(name, total=total, best="-")
    return bar
