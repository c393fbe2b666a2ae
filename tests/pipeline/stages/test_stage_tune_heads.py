from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from pipeline_case import make, with_experiment, with_trials
from swapdae.competition.metrics import METRICS
from swapdae.modelling.moments import PENALTIES
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.run import Run


def test_head_is_fitted_with_the_parameters_that_tuning_found(run: Run) -> None:
    run = with_trials(run)
    make(run, "heads")
    tuned, fitted = run.report("tune/lightgbm"), run.report("heads/lightgbm")
    assert fitted.metrics["params"] == tuned.metrics["params"]
    assert len(tuned.metrics["trials"]) == 2
    assert fitted.metrics["rmse"] == pytest.approx(tuned.metrics["rmse"], rel=1e-6)
    assert fitted.metrics["params"]["n_estimators"] == 20
    assert "penalties" not in fitted.metrics and not run.directory("tune/ridge_dae").exists()


def test_ridge_tells_the_penalty_of_every_fold(run: Run) -> None:
    fixed = run.experiment.heads["ridge_raw"].model_copy(update={"params": {"alpha": 7.0}})
    run = with_experiment(run, heads={**run.experiment.heads, "fixed": fixed})
    make(run, "heads")
    assert "penalties" not in run.report("heads/fixed").metrics
    for head in ("ridge_raw", "ridge_dae"):
        metrics = run.report(f"heads/{head}").metrics
        assert metrics["params"] == {"alpha": None} and len(metrics["penalties"]) == 3
        assert set(metrics["penalties"]) <= set(PENALTIES)


def test_overall_score_is_the_metric_of_the_oof(run: Run) -> None:
    make(run, "heads")
    for name in run.experiment.heads:
        oof = run.array(f"heads/{name}", "oof.npy")
        assert run.report(f"heads/{name}").metrics["rmse"] == METRICS["rmse"].value(run.data.table.y, oof)
        assert oof.shape == (300,) and run.array(f"heads/{name}", "test.npy").shape == (120,)


def test_each_fold_is_read_from_its_own_autoencoder(run: Run) -> None:
    scope = run.experiment.dae.model_copy(update={"scope": "per_fold"})
    run = replace(run, experiment=run.experiment.model_copy(update={"dae": scope}))
    make(run, "heads")
    penalties = run.report("heads/ridge_dae").metrics["penalties"]
    oof = run.array("heads/ridge_dae", "oof.npy")
    for fold, file in enumerate(FeatureStore(run).dae_files):
        x, train = np.load(file).astype(np.float64), np.flatnonzero(run.data.folds.labels != fold)
        expected = Ridge(alpha=penalties[fold]).fit(x[train], run.data.table.y[train]).predict(x[: len(run.data.folds)])
        held_out = run.data.folds.labels == fold
        assert oof[held_out] == pytest.approx(expected[held_out], rel=1e-4)


def test_changed_head_reruns_alone(run: Run) -> None:
    make(run, "heads")
    changed = {**run.experiment.heads}
    changed["lightgbm"] = changed["lightgbm"].model_copy(update={"params": {"n_estimators": 21}})
    said: list[str] = []
    run = replace(run, experiment=run.experiment.model_copy(update={"heads": changed}), say=said.append)
    make(run, "heads")
    ran = [line for line in said if "running" in line]
    assert ran == ["heads/lightgbm: stale (changed: params), running"]


def test_what_a_head_reads_is_made_first(run: Run) -> None:
    run = with_trials(run)
    make(run, "heads")
    assert all((run.directory(stage) / "report.json").is_file() for stage in ("download", "dae", "tune/lightgbm"))


def test_more_trials_go_on_from_fewer(run: Run) -> None:
    """The study is extended: the same as if it had been asked for at once, and the first trials are not run again."""

    def tuned(name: str, trials: int) -> list[dict[str, Any]]:
        (report,) = make(with_trials(run, trials, name=name), "tune")
        found: list[dict[str, Any]] = report.metrics["trials"]
        return found

    few, more, back, fresh = tuned("a", 2), tuned("a", 4), tuned("a", 2), tuned("b", 4)
    assert few == more[:2] == back, "seconds and all"
    assert [(trial["params"], trial["score"]) for trial in more] == [(t["params"], t["score"]) for t in fresh]


def test_two_runs_agree_to_the_bit(run: Run) -> None:
    run, oofs = with_trials(run), []
    for force in (False, True):
        again = replace(run, force=force)
        make(again, "dae", "tune", "heads")
        oofs.append({name: run.array(f"heads/{name}", "oof.npy") for name in run.experiment.heads})
    for name in run.experiment.heads:
        assert np.array_equal(oofs[0][name], oofs[1][name]), name
