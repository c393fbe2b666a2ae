"""What the stages of a head, `tune` and `heads`, have in common: what they read and what decides their output."""

from typing import Any

from swapdae.pipeline.run import Run

SOURCES = {"dae": "dae", "dae_selected": "select"}  # views of the rows that a stage makes, and the stage


def problem_of_head(run: Run, name: str) -> tuple[tuple[str, ...], dict[str, Any], tuple[str, ...]]:
    """Stages read, configuration and code of a head's features, targets and folds."""
    head, dae = run.experiment.heads[name], run.experiment.dae
    stages = [SOURCES[view] for view in head.features if view in SOURCES]
    config = {
        "head": {"kind": head.kind, "features": list(head.features)},
        "scope": [dae.scope, dae.test_rows],
        "folds": run.competition.folds.model_dump(mode="json"),
        "metric": run.competition.metric_key,
        "seed": run.experiment.seed,
    }
    code = (f"heads.{head.kind}", "modelling.cross_fit", "competition.folds", "pipeline.feature_store")
    return ("download", "folds", *stages), config, code
