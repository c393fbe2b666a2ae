"""heads: cross-fit every head with its tuned parameters; write its out-of-fold and test predictions, and its models."""

import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from swapdae.base.errors import TimeIsUp
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import Model, Saved
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.head_inputs import problem_of_head
from swapdae.pipeline.kept import fit_folder
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import LATE, Run
from swapdae.pipeline.stage import Stage

NAME = "heads"


def _stages(run: Run, before: Plan) -> list[Stage]:
    """One stage per head."""
    return [_stage(run, name) for name in run.experiment.heads]


def _stage(run: Run, name: str) -> Stage:
    head = run.experiment.heads[name]
    reads, config, code = problem_of_head(run, name)
    return Stage(
        f"{NAME}/{name}",
        lambda scratch: _body(run, name, scratch),
        reads=(*reads, f"tune/{name}") if head.trials else reads,
        config={
            **config,
            **({} if head.trials else {"params": head.start.model_dump(mode="json")}),
            **({} if run.experiment.keep_models else {"keep_models": False}),
        },
        code=code,
    )


def _body(run: Run, name: str, scratch: Scratch) -> dict[str, Any]:
    from swapdae.modelling.cross_fit import cross_fit

    config, metric = run.experiment.heads[name], run.competition.metric_of
    head, params = HEADS[config.kind], config.start
    if config.trials:
        params = head.params.model_validate(run.report(f"tune/{name}").metrics["params"])
    problem = FeatureStore(run).problem_of(config)
    keep = partial(_keep, scratch.out) if run.experiment.keep_models and head.load is not None else _leave
    limit, started = run.limits.get(f"{NAME}/{name}", math.inf), time.perf_counter()

    def on_fold(fold: int, score: float) -> None:
        passed, n = time.perf_counter() - started, problem.n_folds
        if fold + 1 < n and passed / (fold + 1) * n > LATE * limit:
            raise TimeIsUp

    fitted = cross_fit(problem, head.factory(params, run.experiment.seed), on_fold, name=name, keep=keep)
    np.save(scratch.out / "oof.npy", fitted.oof)
    np.save(scratch.out / "test.npy", np.asarray(fitted.test))
    value = metric.value_of(fitted.score)
    run.say(f"{NAME}/{name}: out-of-fold {metric.name} {value:.5f}")
    loss = metric.loss_of(run.competition.task)
    if loss in head.instead:
        run.say(f"{NAME}/{name}: fits {head.instead[loss]}, for {head.kind} has no {loss} loss")
    return {
        **({"device": run.device_text()} if head.uses_device else {}),
        metric.name: value,
        **({"rows_left_out": n_left_out} if (n_left_out := problem.folds.n_left_out) else {}),
        "folds": [metric.value_of(score) for score in fitted.fold_scores],
        "features": list(config.features),
        **({"model_bytes": size} if (size := _size(scratch.out)) else {}),
        "params": params.model_dump(mode="json"),
        **({"penalties": list(found.values())} if (found := problem.moments.penalties) else {}),
        **({"instead_of_loss": {loss: head.instead[loss]}} if loss in head.instead else {}),
    }


def _keep(out: Path, fit: int, model: Model) -> None:
    folder = out / fit_folder(fit)
    folder.mkdir(exist_ok=True)
    assert isinstance(model, Saved)
    model.save(folder)


def _leave(fit: int, model: Model) -> None:
    pass


def _size(out: Path) -> int:
    """Bytes of all models."""
    return sum(file.stat().st_size for file in out.glob(f"{fit_folder('*')}/*"))


KIND = StageKind(NAME, "Cross-fit every head.", "<head>/oof.npy, test.npy, models", _stages)
