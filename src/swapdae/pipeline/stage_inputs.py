"""What decides the output of each stage, on one page: the inputs that its key is made of.

A stage's inputs hold the keys of the stages before it, so a change travels down, and only down.
"""

from typing import Any

from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Inputs, key_of, read_report


def _key(inputs: Inputs) -> str:
    return key_of(inputs)[0]


def _folds(run: Run) -> dict[str, Any]:
    return run.competition.folds.model_dump(mode="json")


def download(run: Run) -> Inputs:
    fields = {"id", "target", "task", "columns", "files"}
    return {
        "competition": run.competition.model_dump(mode="json", include=fields),
        "csv files": run.input_files,
        "rows": [run.experiment.rows, run.experiment.seed],
    }


def dae(run: Run) -> Inputs:
    inputs: dict[str, Any] = {
        "download": _key(download(run)),
        "dae": run.experiment.dae.model_dump(mode="json"),
        "seed": run.experiment.seed,
    }
    if run.experiment.dae.scope == "per_fold":
        inputs["folds"] = _folds(run)
    return inputs


def tune_noise(run: Run, effort: dict[str, Any]) -> Inputs:
    return {
        "download": _key(download(run)),
        "dae": run.experiment.dae.model_dump(mode="json"),
        "folds": _folds(run),
        "metric": run.competition.metric,
        "seed": run.experiment.seed,
        "effort": effort,
    }


REFITTED = {"lightgbm": "lightgbm", "network": "mlp"}  # by select-features: models and their kinds of heads


def select_features(run: Run, effort: dict[str, Any]) -> Inputs:
    """Parameters are those of the experiment's first head of a kind."""
    kinds = REFITTED.values()
    heads = {head.kind: name for name, head in reversed(run.experiment.heads.items()) if head.kind in kinds}
    return {
        "download": _key(download(run)),
        "folds": _folds(run),
        "metric": run.competition.metric,
        "seed": run.experiment.seed,
        "effort": effort,
        "heads": {kind: run.start_params(name).model_dump(mode="json") for kind, name in heads.items()},
    }


def activations(run: Run) -> Inputs:
    config = run.experiment.activations.model_dump(mode="json")
    return {"dae": _key(dae(run)), "activations": config, "folds": _folds(run)}


def select(run: Run) -> Inputs:
    config = run.experiment.select.model_dump(mode="json")
    inputs: dict[str, Any] = {"dae": _key(dae(run)), "select": config}
    if run.experiment.select.task == "supervised":
        inputs["folds"] = _folds(run)
    return inputs


def _head(run: Run, head: str) -> dict[str, Any]:
    """A head's configuration with its parameters in full: a default that changes in the code changes the key."""
    config = run.experiment.heads[head].model_dump(mode="json")
    return {**config, "params": run.start_params(head).model_dump(mode="json")}


def _problem(run: Run, head: str) -> dict[str, Any]:
    """Features, targets and folds of a head."""
    config = run.experiment.heads[head]
    selected = {"select": _key(select(run))} if "selected" in config.features else {}
    return {
        **selected,
        "download": _key(download(run)),
        "dae": _key(dae(run)) if "dae" in config.features else "not read",
        "scope": [run.experiment.dae.scope, run.experiment.dae.test_rows],
        "folds": _folds(run),
        "metric": run.competition.metric,
        "seed": run.experiment.seed,
    }


def tune(run: Run, head: str) -> Inputs:
    return {**_problem(run, head), "head": _head(run, head)}


def heads(run: Run, head: str) -> Inputs:
    config = run.experiment.heads[head]
    if config.trials:
        return {"tune": _key(tune(run, head))}
    return {**_problem(run, head), "head": _head(run, head)}


def blend(run: Run) -> Inputs:
    return {head: _key(heads(run, head)) for head in run.experiment.heads}


def score(run: Run) -> Inputs:
    return {"blend": _key(blend(run)), "host": run.competition.host, "metric": run.competition.metric}


def submit(run: Run) -> Inputs:
    return {"blend": _key(blend(run)), "host": run.competition.host, "slug": run.competition.slug}


def report(run: Run) -> Inputs:
    """What there is, not what there should be: the page shows whatever stages have left, stale or not."""
    names = ["download", "dae", "activations", "select", "select_features", "blend", "score", "submit"]
    names += [f"{stage}/{head}" for stage in ("tune", "heads") for head in run.experiment.heads]
    found = {name: read_report(run.directory(name)) for name in names}
    made = {name: [report.key, report.files] if report else "absent" for name, report in found.items()}
    wanted = _key(blend(run)) if not run.experiment.uses_dae else [_key(blend(run)), _key(activations(run))]
    return {"stages": made, "wanted": wanted, "experiment": run.experiment.model_dump(mode="json")}
