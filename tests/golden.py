"""The figures of small fixed problems, a set for each stage, by which a change of numbers is noticed.

`python tests/golden.py` writes tests/golden.json anew: run it after raising a revision in pipeline/revisions.py.
"""

import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from conftest import COMPETITION, write_csvs
from pipeline_case import IN_RUN, make
from swapdae.base.paths import Paths
from swapdae.pipeline.revisions import REVISIONS
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages.select_features import Effort as SelectionEffort
from swapdae.pipeline.stages.tune_noise import Effort as NoiseEffort

FILE = Path(__file__).with_suffix(".json")
EXPERIMENT = """
competition = "synthetic"
[dae]
body = { kind = "stack", width = 16 }
training = { epochs = 3, batch_size = 64 }
[activations]
rows = 200
probes = 40
clusters = 5
rates = [0.5]
[heads.ridge]
kind = "ridge"
[heads.lightgbm]
kind = "lightgbm"
params = { n_estimators = 30, min_child_samples = 5 }
trials = 3
[heads.xgboost]
kind = "xgboost"
params = { n_estimators = 30 }
[heads.catboost]
kind = "catboost"
params = { iterations = 30 }
[heads.mlp]
kind = "mlp"
features = "dae"
params = { width = 16, epochs = 3, batch_size = 32 }
"""


def figures(root: Path) -> dict[str, dict[str, float]]:
    """By stage, on the CPU in float32 whatever it has."""
    paths = Paths(root)
    write_csvs(paths.input("synthetic"))
    paths.competition_file("synthetic").write_text(COMPETITION)
    paths.experiment_file("golden").parent.mkdir()
    paths.experiment_file("golden").write_text(EXPERIMENT)
    options = {
        "select_features": SelectionEffort(k=3, rows=200, seeds=1, epochs=2),
        "tune_noise": NoiseEffort(trials=2, rows=150, epochs=1, groups=1),
    }
    run = Run.of(paths, "golden", device="cpu", options=options, say=lambda line: None)
    with mock.patch("torch.cpu.get_capabilities", dict):
        make(run, *IN_RUN, "select_features", "tune_noise")

    def metrics(stage: str) -> dict[str, Any]:
        return run.report(stage).metrics

    heads = list(run.experiment.heads)
    tuned = metrics("tune/lightgbm")
    return {
        "download": {"rows": metrics("download")["n_train"], "fold_sum": _spread(run.data.folds.labels.astype(float))},
        "folds": {"fold_sum": _spread(pd.read_csv(run.directory("folds") / "folds.csv")["fold"].to_numpy())},
        "dae": {"loss": metrics("dae")["trainings"][0]["loss"], "spread": _spread(run.array("dae", "features.npy"))},
        "activations": {
            "share": metrics("activations")["share_active"][0],
            "iou": metrics("activations")["noise"][0]["iou_clean"][0],
            "error": metrics("activations")["ablation"]["error"],
        },
        "tune": {"rmse": tuned["rmse"], "learning_rate": tuned["params"]["learning_rate"]},
        "heads": {
            **{name: metrics(f"heads/{name}")["rmse"] for name in heads},
            "penalty": metrics("heads/ridge")["penalties"][0],
        },
        "blend": {"rmse": metrics("blend")["cross_fitted"], "spread": _spread(run.array("blend", "test.npy"))},
        "worth": {
            "blend": metrics("worth")["blend"]["mean"],
            "untrained": metrics("worth")["ridge"]["untrained"],
            "training": metrics("worth")["training"]["mean"],
        },
        "select_features": {line["columns"] + str(line["k"]): line["rmse"] for line in _lines(metrics)},
        "tune_noise": {"rmse": metrics("tune_noise")["rmse"], "rate": metrics("tune_noise")["predicted"]["c0"]},
    }


def _lines(metrics: Any) -> list[dict[str, Any]]:
    """What a concrete selector takes may hang on the last bit, the other choices do not."""
    lines = metrics("select_features")["quality"]
    return [line for line in lines if line["model"] == "lightgbm" and line["columns"] != "selected"]


def _spread(x: NDArray[Any]) -> float:
    """One number of an array that hangs on all of its values and on their order."""
    x = np.asarray(x, dtype=np.float64).ravel()
    return float(np.sqrt(np.mean((x * (1 + np.arange(len(x)) % 7)) ** 2)))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = figures(Path(folder))
    recorded = {stage: {"revision": REVISIONS[stage][-1].number, "figures": found[stage]} for stage in found}
    FILE.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
