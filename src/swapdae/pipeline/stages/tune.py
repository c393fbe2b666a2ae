"""tune: search every head's hyperparameters, one stage and one resumable study per head."""

import math
from collections.abc import Sequence
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from swapdae.base.errors import TimeIsUp
from swapdae.heads import HEADS
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.head_inputs import problem_of_head
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "tune"


def _stages(run: Run, before: Plan) -> list[Stage]:
    """One stage for each head that has trials."""
    return [_stage(run, name) for name, head in run.experiment.heads.items() if head.trials]


def _stage(run: Run, name: str) -> Stage:
    head = run.experiment.heads[name]
    reads, config, code = problem_of_head(run, name)
    return Stage(
        f"{NAME}/{name}",
        lambda scratch: _body(run, name, scratch),
        reads=reads,
        config={**config, "start": head.start.model_dump(mode="json"), "tune_rows": head.tune_rows},
        effort={"trials": head.trials},
        code=(*code, "modelling.tuning"),
    )


def _body(run: Run, name: str, scratch: Scratch) -> dict[str, Any]:
    from swapdae.modelling.tuning import TrialResult, tune

    config, metric = run.experiment.heads[name], run.competition.metric_of
    limit = run.limits.get(f"{NAME}/{name}", math.inf)
    with _progress(name, config.trials) as bar:

        def show(history: tuple[TrialResult, ...]) -> None:
            scores = [result.score for result in history if result.score is not None]
            best = f"{metric.value_of(max(scores)):.5f}" if scores else "-"
            bar.update(bar.task_ids[0], completed=len(history), best=best)
            if len(history) < config.trials and _is_up([trial.seconds for trial in history], limit):
                raise TimeIsUp(len(history))

        found = tune(
            FeatureStore(run).problem_of(config),
            HEADS[config.kind],
            config.start,
            trials=config.trials,
            storage_file=scratch.out / "study.sqlite",
            key=scratch.key,
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


def _is_up(seconds: Sequence[float], limit: float) -> bool:
    """Whether one more trial would end behind the limit. It hangs on recorded seconds alone, so a search that was
    killed ends where it would have."""
    return sum(seconds) * (1 + 1 / len(seconds)) > limit


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


KIND = StageKind(
    NAME, "Search every head's parameters, one resumable Optuna study a head.", "<head>/study.sqlite", _stages
)
