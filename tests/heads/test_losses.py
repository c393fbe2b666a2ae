"""What heads fit for each metric: every metric end to end, every loss in every head."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from swapdae.competition.config import Task
from swapdae.competition.metrics import FAMILIES, METRICS, Loss, metric_named
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import CrossFit, Problem, cross_fit
from toy_problem import toy_problem

Array = NDArray[Any]
SEVERAL = [*METRICS, *(f"{family}:{example}" for family, (example, _) in FAMILIES.items())]
ON_TASKS = [(name, task) for name in SEVERAL for task in sorted(metric_named(name).tasks)]
QUICK = {
    "ridge": {"alpha": 1.0},
    "lightgbm": {
        "learning_rate": 0.3,
        "n_estimators": 20,
        "min_child_samples": 5,
        "min_data_per_group": 5,
        "cat_smooth": 1,
        "cat_l2": 1,
    },
    "xgboost": {"learning_rate": 0.3, "n_estimators": 20, "min_child_weight": 0.1},
    "catboost": {"learning_rate": 0.3, "iterations": 20, "depth": 4},
    "mlp": {"width": 32, "n_members": 2, "epochs": 20, "batch_size": 16, "learning_rate": 0.01, "dropout": 0.0},
}
heads = pytest.mark.parametrize("kind", HEADS)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On so few rows threads only wait for each other."""
    with threadpool_limits(1):
        yield


def problem_of(name: str, task: Task = "regression", scale: float = 1.0) -> Problem:
    """The toy problem under a metric. A regression's target is positive and skewed, a grade for kappa."""
    base, metric = toy_problem(task), metric_named(name)
    if task != "regression":
        return replace(base, metric=metric)
    grades = np.digitize(base.y, np.quantile(base.y, [0.4, 0.7, 0.9])).astype(float)
    return replace(base, metric=metric, y=grades if metric.ordinal else scale * np.exp((base.y - 5) / 3))


def fit(problem: Problem, kind: str) -> CrossFit:
    head = HEADS[kind]
    return cross_fit(problem, head.factory(head.params.model_validate(QUICK[kind]), 0))


def constants(problem: Problem) -> list[Array]:
    """Predictions that are the same for every row: levels of a regression, shares of classes and each class alone."""
    n, y = len(problem.y), problem.y
    if problem.task == "regression":
        return [np.full(n, value) for value in [y.mean(), *np.quantile(y, np.linspace(0, 1, 21))]]
    if problem.task == "binary":
        return [np.full(n, p) for p in (y.mean(), 0.0, 1.0)]
    return [np.tile(p, (n, 1)) for p in [np.bincount(y) / n, *np.eye(problem.n_classes)]]


@pytest.mark.parametrize("kind", ["ridge", "lightgbm"])
@pytest.mark.parametrize(("name", "task"), ON_TASKS)
def test_every_metric_is_better_than_of_the_best_constant(name: str, task: Task, kind: str) -> None:
    problem = problem_of(name, task)
    fitted, metric = fit(problem, kind), problem.metric
    best = max(metric.score(problem.y, constant) for constant in constants(problem))
    assert fitted.score > best
    assert len(fitted.fold_scores) == 3 and np.isfinite(fitted.fold_scores).all()
    assert fitted.test is not None and np.isfinite(fitted.test).all()


@heads
@pytest.mark.parametrize("level", [0.1, 0.9])
def test_a_quantile_has_its_share_of_targets_below(kind: str, level: float) -> None:
    problem = problem_of(f"quantile:{level}")
    below = np.mean(problem.y <= fit(problem, kind).oof)
    assert abs(below - level) < 0.17


@heads
@pytest.mark.parametrize("name", ["poisson", "gamma"])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_means_of_positive_targets_at_any_scale(kind: str, name: str, scale: float) -> None:
    problem = problem_of(name, scale=scale)
    fitted, y = fit(problem, kind), problem.y
    assert fitted.oof.min() > 0
    assert fitted.oof.mean() == pytest.approx(y.mean(), rel=0.15)
    assert fitted.score > problem.metric.score(y, np.full(len(y), y.mean()))


@heads
def test_rmsle_is_fitted_on_logarithms(kind: str) -> None:
    """A sixth of the targets is far off: the mean follows them much farther than the mean logarithm."""
    base = toy_problem(n_train=240, n_folds=2)
    y = np.where(np.arange(240) % 6 == 0, 1e6, np.abs(base.y))
    medians = {name: np.median(fit(replace(base, y=y, metric=METRICS[name]), kind).oof) for name in ("rmse", "rmsle")}
    assert medians["rmse"] > 5e4 > 1e4 > medians["rmsle"] > 0


def test_heads_say_which_losses_they_have_not() -> None:
    found = {kind: set(head.instead) for kind, head in HEADS.items()}
    ridge: set[Loss] = {"absolute", "relative", "quantile", "poisson", "gamma"}
    others = {"lightgbm": set(), "xgboost": {"relative"}, "catboost": {"gamma"}, "mlp": set()}
    assert found == {"ridge": ridge, **others}
