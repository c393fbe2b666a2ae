"""What the stages of a head, `tune` and `heads`, have in common: what they read and what decides their output."""

from typing import Any

from swapdae.base.errors import UserError
from swapdae.modelling.views import VIEWS
from swapdae.pipeline.run import Run


def problem_of_head(run: Run, name: str) -> tuple[tuple[str, ...], dict[str, Any], tuple[str, ...]]:
    """Stages read, configuration and code of a head's features, targets and folds."""
    head, dae = run.experiment.heads[name], run.experiment.dae
    stages = [stage for view in head.features if (stage := VIEWS[view].stage) is not None]
    config = {
        "head": {"kind": head.kind, "features": list(head.features)},
        "scope": [dae.scope, dae.test_rows],
        "folds": run.competition.folds.model_dump(mode="json"),
        "metric": run.competition.metric_key,
        "seed": run.experiment.seed,
    }
    if head.class_weight is not None:
        if run.competition.task == "regression":
            raise UserError(f"head '{name}': class_weight is of classes; task 'regression' has none")
        config["class_weight"] = head.class_weight
    if "own" in head.features:
        config["own"] = own_hash(run, f"head '{name}'")
    code = (f"heads.{head.kind}", "modelling.cross_fit", "competition.folds", "pipeline.feature_store")
    return ("download", "folds", *stages), config, code


def own_hash(run: Run, reader: str) -> str:
    """Of the file that makes the view 'own'. reader: who reads it. Raises UserError where there is none, before
    anything is trained."""
    if run.own is None or run.own.transformers is None:
        first, second = run.paths.own_features(run.competition.name, run.stem)
        raise UserError(f"{reader}: view 'own' needs a function transformers() in {second} or {first}")
    return run.own.sha256
