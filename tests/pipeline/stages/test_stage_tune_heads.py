from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from swapdae.base.errors import UserError
from swapdae.competition.metrics import METRICS
from swapdae.experiment.config import HeadConfig
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import dae, download, heads, tune


def test_head_is_fitted_with_the_parameters_that_tuning_found(run: Run) -> None:
    for stage in (download, dae, tune, heads):
        stage.main(run)
    tuned, fitted = run.report("tune/ridge_dae"), run.report("heads/ridge_dae")
    assert fitted.metrics["params"] == tuned.metrics["params"]
    assert len(tuned.metrics["trials"]) == 2
    assert fitted.metrics["rmse"] == pytest.approx(tuned.metrics["rmse"], rel=1e-6)
    assert run.report("heads/lightgbm").metrics["params"]["n_estimators"] == 20


def test_overall_score_is_the_metric_of_the_oof(run: Run) -> None:
    for stage in (download, dae, tune, heads):
        stage.main(run)
    for name in run.experiment.heads:
        oof = run.array(f"heads/{name}", "oof.npy")
        assert run.report(f"heads/{name}").metrics["rmse"] == METRICS["rmse"].value(run.table.y, oof)
        assert oof.shape == (300,) and run.array(f"heads/{name}", "test.npy").shape == (120,)


def test_each_fold_is_read_from_its_own_autoencoder(run: Run) -> None:
    scope = run.experiment.dae.model_copy(update={"scope": "per_fold"})
    run = replace(run, experiment=run.experiment.model_copy(update={"dae": scope}))
    for stage in (download, dae, tune, heads):
        stage.main(run)
    alpha = run.report("heads/ridge_dae").metrics["params"]["alpha"]
    oof = run.array("heads/ridge_dae", "oof.npy")
    for fold, file in enumerate(run.dae_files):
        x, train = np.load(file).astype(np.float64), np.flatnonzero(run.folds != fold)
        expected = Ridge(alpha=alpha).fit(x[train], run.table.y[train]).predict(x[: len(run.folds)])
        held_out = run.folds == fold
        assert oof[held_out] == pytest.approx(expected[held_out], rel=1e-4)


@pytest.mark.parametrize("scope", ["transductive", "per_fold"])
def test_fine_tuned_head_starts_from_the_folds_own_autoencoder(run: Run, scope: str) -> None:
    """At rate 0 and in units of a deviation: the same predictions as of the perceptron on the stored features."""
    params = {"epochs": 2, "batch_size": 32, "width": 16}
    mlp = HeadConfig(kind="mlp", features="dae", params=params)
    tuned = {
        name: mlp.model_copy(update={"params": {**params, "fine_tune": True, "body_rate": rate}})
        for name, rate in [("frozen", 0.0), ("tuned", 1.0)]
    }
    body = run.experiment.dae.model_copy(update={"scope": scope})
    changes = {"dae": body, "heads": {"stored": mlp, **tuned}}
    run = replace(run, experiment=run.experiment.model_copy(update=changes))
    for stage in (download, dae, heads):
        stage.main(run)
    stored, frozen, trained = (run.array(f"heads/{name}", "oof.npy") for name in run.experiment.heads)
    deviation = stored.std()
    assert np.abs(frozen - stored).max() < 0.05 * deviation  # stored features are rounded to float16
    assert np.abs(trained - stored).max() > 0.1 * deviation


def test_changed_head_reruns_alone(run: Run) -> None:
    for stage in (download, dae, tune, heads):
        stage.main(run)
    changed = {**run.experiment.heads}
    changed["lightgbm"] = changed["lightgbm"].model_copy(update={"params": {"n_estimators": 21}})
    said: list[str] = []
    run = replace(run, experiment=run.experiment.model_copy(update={"heads": changed}), say=said.append)
    for stage in (download, dae, tune, heads):
        stage.main(run)
    ran = [line for line in said if "running" in line]
    assert ran == ["heads/lightgbm: stale (changed: head), running"]


def test_misspelt_parameter_is_refused_by_name(run: Run) -> None:
    wrong = {"r": run.experiment.heads["ridge_raw"].model_copy(update={"params": {"alhpa": 1.0}})}
    run = replace(run, experiment=run.experiment.model_copy(update={"heads": wrong}))
    with pytest.raises(UserError, match=r"tiny: heads\.r\.params: alhpa: unknown key"):
        heads.main(run)


def test_head_before_its_tuning_is_told_what_to_run(run: Run) -> None:
    download.main(run)
    dae.main(run)
    with pytest.raises(UserError, match="stage tune/ridge_dae has not run"):
        heads.main(run)


def test_two_runs_agree_to_the_bit(run: Run) -> None:
    oofs = []
    for force in (False, True):
        again = replace(run, force=force)
        for stage in (download, dae, tune, heads):
            stage.main(again)
        oofs.append({name: run.array(f"heads/{name}", "oof.npy") for name in run.experiment.heads})
    for name in run.experiment.heads:
        assert np.array_equal(oofs[0][name], oofs[1][name]), name
