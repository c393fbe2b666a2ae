"""heads: cross-fit every head with its tuned parameters; write its out-of-fold and test predictions."""

from pathlib import Path
from typing import Any

import numpy as np

from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage

NAME = "heads"


def stages(run: Run) -> list[Stage]:
    """One stage per head."""
    return [_stage(run, name) for name in run.experiment.heads]


def _stage(run: Run, name: str) -> Stage:
    config = run.experiment.heads[name].model_dump(mode="json")
    inputs = stage_inputs.heads(run, name)
    return run.stage(f"{NAME}/{name}", inputs, lambda scratch: _body(run, name, scratch), config=config)


def main(run: Run) -> list[Report]:
    return run.carry_out(stages(run))


def _body(run: Run, name: str, scratch: Path) -> dict[str, Any]:
    from swapdae.heads import HEADS
    from swapdae.modelling.cross_fit import cross_fit

    config, metric = run.experiment.heads[name], run.competition.metric_of
    head = HEADS[config.kind]
    params = run.start_params(name)
    if config.trials:
        params = head.params.model_validate(run.report(f"tune/{name}").metrics["params"])
    fitted = cross_fit(run.problem(config.features), head.factory(params, run.experiment.seed), name=name)
    np.save(scratch / "oof.npy", fitted.oof)
    np.save(scratch / "test.npy", np.asarray(fitted.test))
    value = metric.value_of(fitted.score)
    run.say(f"{NAME}/{name}: out-of-fold {metric.name} {value:.5f}")
    return {
        **({"device": _device(run)} if head.uses_device else {}),
        metric.name: value,
        "folds": [metric.value_of(score) for score in fitted.fold_scores],
        "features": config.features,
        "params": params.model_dump(mode="json"),
    }


def _device(run: Run) -> str:
    from swapdae.base.device import resolve_device

    return str(resolve_device(run.device))
