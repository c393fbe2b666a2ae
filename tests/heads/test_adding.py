"""A head and a metric are added from outside the package, by a line in their registry each."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from swapdae.base.models import StrictModel
from swapdae.competition.config import Competition
from swapdae.competition.metrics import METRICS, Metric
from swapdae.heads import HEADS, head_params, known_head
from swapdae.modelling.cross_fit import FoldView, Problem, cross_fit
from swapdae.modelling.features import FoldFeatures, RowNumbers
from swapdae.modelling.head import Head, Trial
from swapdae.modelling.tuning import tune
from toy_problem import toy_problem

Array = NDArray[Any]
HEAVY = ("torch", "lightgbm", "xgboost", "catboost", "optuna", "matplotlib", "kagglesdk")


class Params(StrictModel):
    """shift: added to the mean."""

    shift: float = 3.0


class Mean:
    """Predicts what its training rows have on average, shifted: their mean, or their median under the absolute loss."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def fit(self, view: FoldView) -> None:
        average = np.median if view.loss == "absolute" else np.mean
        self.average = float(average(view.y)) + self.params.shift

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> Array:
        return np.full(len(rows), self.average)


def make(params: Params, seed: int) -> Mean:
    return Mean(params)


def space(trial: Trial, start: Params) -> Params:
    return Params(shift=trial.suggest_float("shift", -4, 4))


@pytest.fixture
def mean(monkeypatch: pytest.MonkeyPatch) -> Head:
    head = Head("mean", Params, make, space)
    monkeypatch.setitem(HEADS, "mean", head)
    return head


def test_a_new_head_is_known_cross_fitted_and_tuned(mean: Head, tmp_path: Path) -> None:
    assert known_head("mean") == "mean"
    start, problem = head_params("mean", {"shift": 2.0}), toy_problem()
    assert start == Params(shift=2.0)
    fitted = cross_fit(problem, HEADS["mean"].factory(start, problem.seed))
    for fold in range(problem.n_folds):
        held_out = problem.folds.labels == fold
        assert fitted.oof[held_out] == pytest.approx(problem.y[~held_out].mean() + 2)
    found = tune(problem, HEADS["mean"], start, trials=6, storage_file=tmp_path / "t.db", key="", seed=0)
    assert found.score > fitted.score and abs(head_params("mean", found.params.model_dump()).model_dump()["shift"]) < 2


def test_a_new_metric_is_known_and_its_loss_is_what_heads_fit(mean: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest error; heads cannot minimize that, so the metric names the loss that comes nearest."""
    base = toy_problem()
    y = np.where(np.arange(len(base.y)) % 6 == 0, 1000.0, base.y)
    oofs = {}
    for loss in ("squared", "absolute"):
        metric = Metric("largest", False, frozenset({"regression"}), loss, lambda y, p: float(np.abs(y - p).max()))
        monkeypatch.setitem(METRICS, "largest", metric)
        told = {"name": "x", "host": "kaggle", "slug": "x", "id": "id", "target": "y", "task": "regression"}
        competition = Competition.model_validate({**told, "metric": "largest"})
        problem = Problem(base.features, y, base.folds, 60, "regression", 0, competition.metric_of, seed=0)
        fitted = cross_fit(problem, mean.factory(Params(shift=0), 0))
        assert fitted.score == -np.abs(y - fitted.oof).max()
        quick = head_params("lightgbm", {"n_estimators": 30, "min_child_samples": 5, "learning_rate": 0.2})
        oofs[loss] = fitted.oof, cross_fit(problem, HEADS["lightgbm"].factory(quick, 0)).oof
    for squared, absolute in zip(oofs["squared"], oofs["absolute"], strict=True):
        assert np.median(squared) > 100 > 50 > np.median(absolute)


def test_unknown_kind_is_refused_by_one_line_that_names_the_known() -> None:
    line = "unknown kind 'lightgmb'; known are ridge, lightgbm, xgboost, catboost, mlp"
    with pytest.raises(ValueError, match=line):
        known_head("lightgmb")
    with pytest.raises(ValueError, match=line):
        head_params("lightgmb", {})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alhpa": 1.0}, "params.alhpa: unknown key; parameters of ridge are alpha"),
        ({"alpha": -1.0}, "params.alpha: Input should be greater than 0; parameters of ridge are alpha"),
    ],
)
def test_bad_parameter_is_refused_by_one_line_that_names_it(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="params") as refused:
        head_params("ridge", params)
    assert str(refused.value) == message


def test_parameters_of_all_heads_are_read_without_a_heavy_library() -> None:
    ask = f"""
import sys
from swapdae.heads import HEADS, head_params
for kind in HEADS:
    head_params(kind, {{}})
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
