from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline_case import make, with_table
from swapdae.experiment.config import Experiment
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import activations

STUDY = {"rows": 200, "probes": 40, "clusters": 5, "rates": [0.0, 0.5], "specialised": 3}
TRANSFORMER = {
    "kind": "transformer",
    "n_subspaces": 2,
    "d_subspace": 16,  # with d_feedforward: sizes that the compiled block takes
    "n_heads": 2,
    "n_blocks": 2,
    "d_feedforward": 32,
}


def studied(run: Run, dae_changes: dict[str, Any] | None = None, **study: Any) -> Run:
    config = run.experiment.model_dump(mode="json")
    config["dae"] |= dae_changes or {}
    config["activations"] = STUDY | study
    return replace(run, experiment=Experiment.model_validate(config))


def test_study_of_a_stack_is_that_of_its_features(run: Run) -> None:
    run = studied(run)
    (report,) = make(run, "activations")
    found, x = report.metrics, np.load(run.directory("dae") / "features.npy")
    assert (found["n_rows"], found["n_units"], found["n_sampled"], found["n_probes"]) == (420, 48, 200, 40)
    share = run.array("activations", "share_active.npy")
    assert np.allclose(share, (x > 0).mean(axis=1), atol=0.03)  # float16 may lose a unit that is nearly 0
    assert found["never_fires"] == pytest.approx((~(x > 0).any(axis=0)).mean(), abs=0.03)
    assert sum(found["clusters"]["sizes"]) == 200
    still, half, trained = found["noise"]
    assert still["iou_clean"] == (1, 1, 1) == still["iou_two"] and trained["rate"] is None
    assert half["iou_clean"][0] < 1 and half["iou_two"][0] < 1
    assert 0 < still["outside"][0] < 0.05 and 0 < half["outside"][0] < 0.05  # of five clusters nearly all is known
    ablation = found["ablation"]
    assert ablation["n_dropped"] == 3 and 3 <= ablation["n_dropped_together"] <= 15
    assert ablation["error"] == pytest.approx(_ridge_error(run, x, ablation["alpha"]), rel=0.02)
    assert {column["column"] for column in found["columns"]} == set(run.data.frame.columns)
    assert run.array("activations", "cluster_rates.npy").shape == (5, 48)
    assert run.array("activations", "one_row.npy").shape == (activations.N_CORRUPTIONS, 48)


def _ridge_error(run: Run, x: np.ndarray, alpha: float) -> float:
    from sklearn.linear_model import Ridge

    from swapdae.competition.folds import train_rows

    rows = train_rows(300, 200, run.experiment.seed)
    y, folds, x = run.data.table.y[rows], run.data.folds.labels[rows], x[rows].astype(np.float64)
    error = np.empty(200)
    for fold in range(3):
        train, held_out = folds != fold, folds == fold
        error[held_out] = (Ridge(alpha=alpha).fit(x[train], y[train]).predict(x[held_out]) - y[held_out]) ** 2
    return float(error.mean())


@pytest.mark.parametrize(("units", "n_units"), [("relu", 32 + 2 * 2 * 32), ("features", 64)])
def test_a_transformer_has_units_inside_and_features(run: Run, units: str, n_units: int) -> None:
    run = studied(run, {"body": TRANSFORMER}, units=units)
    (report,) = make(run, "activations")
    assert report.metrics["n_units"] == n_units
    assert (report.metrics["ablation"] is None) == (units == "relu")  # ridge reads features, not what is inside


def test_of_autoencoders_per_fold_the_first_is_studied(run: Run) -> None:
    run = studied(run, {"scope": "per_fold"})
    (report,) = make(run, "activations")
    x = np.load(FeatureStore(run).dae_files[0])
    assert np.allclose(run.array("activations", "share_active.npy"), (x > 0).mean(axis=1), atol=0.03)
    assert report.metrics["n_rows"] == 420


def test_more_clusters_than_rows_and_classes(run: Run) -> None:
    run = studied(run, rows=100, clusters=128)
    make(run, "dae")
    classes = np.random.default_rng(0).integers(3, size=300)
    run = with_table(run, y=classes, classes=("a", "b", "c"))
    object.__setattr__(run, "competition", run.competition.model_copy(update={"task": "multiclass"}))
    (report,) = make(run, "activations")
    assert sum(report.metrics["clusters"]["sizes"]) == 100
    assert report.metrics["ablation"]["error"] == pytest.approx(2 / 3, abs=0.15)  # three classes, nothing to learn


def test_no_autoencoder_no_study(run: Run) -> None:
    raw = {name: head for name, head in run.experiment.heads.items() if head.features == ("raw",)}
    run = replace(run, experiment=run.experiment.model_copy(update={"heads": raw}))
    assert not make(run, "activations")
