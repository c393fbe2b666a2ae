"""Every head's model of a fold is saved and loaded again: the same predictions, from files that nothing unpickles."""

from pathlib import Path

import numpy as np
import pytest

from swapdae.competition.config import Task
from swapdae.competition.metrics import metric_named
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import Problem, Saved
from toy_problem import QUICK, toy_problem

ENDINGS = {".txt", ".ubj", ".cbm", ".npy", ".json", ".safetensors"}


def same_from_its_folder(kind: str, problem: Problem, folder: Path) -> None:
    head, view = HEADS[kind], problem.view(1)
    model = head.make(head.params.model_validate(QUICK[kind]), 0)
    model.fit(view)
    assert isinstance(model, Saved) and head.load is not None
    folder.mkdir()
    model.save(folder)
    assert {file.suffix for file in folder.iterdir()} <= ENDINGS
    loaded = head.load(folder, "cpu")
    for rows in (view.test, view.held_out[:7]):
        found = loaded.predict(view, rows)
        assert found == pytest.approx(model.predict(view, rows), rel=1e-9, abs=1e-9)
    assert len(np.unique(found)) > 3


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_a_loaded_model_predicts_what_it_did(kind: str, task: Task, tmp_path: Path) -> None:
    same_from_its_folder(kind, toy_problem(task, n_folds=2), tmp_path / "model")


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("metric", ["quantile:0.8", "gamma", "poisson"])
def test_a_loaded_model_predicts_what_it_did_under_another_loss(kind: str, metric: str, tmp_path: Path) -> None:
    base = toy_problem(n_folds=2)
    y = np.exp(base.y / 4)
    problem = Problem(base.features, y, base.folds, base.n_test, "regression", 0, metric_named(metric), seed=0)
    same_from_its_folder(kind, problem, tmp_path / "model")


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_only_the_rounds_that_predict_are_kept(kind: str, tmp_path: Path) -> None:
    """One round is the best where the rows that stop early are noise, and twenty more were tried."""
    head, problem = HEADS[kind], toy_problem(n_folds=2)
    params = {**QUICK[kind], "n_estimators": 60, "patience": 20, "learning_rate": 0.9}
    model = head.make(head.params.model_validate(params), 0)
    model.fit(problem.view(0))
    assert isinstance(model, Saved) and head.load is not None
    model.save(tmp_path)
    rounds = vars(model)["_rounds"]
    assert rounds < 60 and vars(head.load(tmp_path, "cpu"))["_rounds"] == rounds
