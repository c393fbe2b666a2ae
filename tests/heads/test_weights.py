"""Weights of rows and of classes reach every head, the metric and the blend, and see no held-out label."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from swapdae.competition.metrics import METRICS
from swapdae.heads import HEADS
from swapdae.modelling.blend import fit_blend, nnls_weights
from swapdae.modelling.cross_fit import Problem, cross_fit, fold_values
from swapdae.modelling.head import Head
from toy_problem import METRIC, QUICK, toy_problem

heads = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)


def fit(head: Head, problem: Problem) -> NDArray[Any]:
    params = head.params.model_validate(QUICK[head.kind])
    return cross_fit(problem, head.factory(params, 0), with_test=False).oof


def label(problem: Problem, oof: NDArray[Any]) -> NDArray[Any]:
    return oof.argmax(axis=1) if problem.task == "multiclass" else (oof > 0.5).astype(int)


@heads
def test_heavy_rows_are_followed(head: Head) -> None:
    """Every other row says the opposite, and weighs a hundredth."""
    base = toy_problem(n_train=400, n_folds=2)
    odd = np.arange(400) % 2 == 1
    signal = base.y - base.y.mean()
    problem = replace(base, y=np.where(odd, -signal, signal), weights=np.where(odd, 0.01, 1.0))
    followed = np.corrcoef(fit(head, problem), signal)[0, 1]
    opposite = np.corrcoef(fit(head, replace(problem, weights=np.where(odd, 1.0, 0.01))), signal)[0, 1]
    assert followed > 0.5 and opposite < -0.5


@heads
@pytest.mark.parametrize("task", METRIC)
def test_equal_weights_are_none(head: Head, task: Any) -> None:
    problem = toy_problem(task, n_folds=2)
    plain, weighted = fit(head, problem), fit(head, replace(problem, weights=np.ones(len(problem.y))))
    assert weighted == pytest.approx(plain, abs=1e-3)


@heads
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_balance_finds_the_rare_class(head: Head, task: Any) -> None:
    base = toy_problem(task, n_train=600, n_folds=2)
    rng = np.random.default_rng(0)
    signal = np.nan_to_num(base.features.native(0).x_num[0][:600, 0]) + 0.8 * rng.normal(size=600)
    edges = [1.6] if task == "binary" else [0.0, 1.6]
    y = np.digitize(signal, edges)
    rare = y == y.max()
    assert 0.05 < rare.mean() < 0.15
    problem = replace(base, y=y)
    found = {weight: label(problem, fit(head, replace(problem, class_weight=weight))) for weight in (None, "balanced")}
    assert np.mean(found["balanced"][rare] == y.max()) > np.mean(found[None][rare] == y.max()) + 0.1


def test_ridge_is_scikit_learns_with_the_same_weights() -> None:
    """Balanced by hand from the training part alone, times the rows' own weights."""
    base = toy_problem("binary", n_train=300, n_folds=3)
    weights = np.random.default_rng(1).uniform(0.5, 2, 300)
    y = (np.random.default_rng(2).random(300) < 0.2).astype(int)
    problem = replace(base, y=y, weights=weights, class_weight="balanced")
    oof = fit(HEADS["ridge"], problem)
    x = np.concatenate(base.features.dense(0), axis=1)[:300]
    for fold in range(3):
        train, held_out = base.folds.labels != fold, base.folds.labels == fold
        share = np.array([1 - y[train].mean(), y[train].mean()])
        model = Ridge(alpha=1.0).fit(x[train], y[train], sample_weight=weights[train] / (2 * share[y[train]]))
        assert oof[held_out] == pytest.approx(np.clip(model.predict(x[held_out]), 0, 1), abs=1e-6)


def test_balance_sees_no_held_out_label() -> None:
    base = toy_problem("multiclass", n_train=300, n_folds=3)
    problem = replace(base, class_weight="balanced")
    view, y = problem.view(1), base.y.copy()
    y[view.held_out] = 0
    other = replace(problem, y=y).view(1)
    assert view.weights is not None and other.weights is not None and np.array_equal(view.weights, other.weights)
    for number in range(3):
        assert view.weights[view.y == number].sum() == pytest.approx(len(view.y) / 3)
    assert not np.array_equal(problem.view(0).weights, replace(problem, y=y).view(0).weights)  # type: ignore[arg-type]


def test_classes_weigh_as_told_times_their_rows() -> None:
    base = toy_problem("multiclass", n_train=60)
    problem = replace(base, class_weight={2: 5.0}, weights=np.arange(60.0))
    expected = np.where(base.y == 2, 5.0, 1.0) * np.arange(60)
    for fold in range(3):
        view = problem.view(fold, tune_rows=20)
        assert view.weights is not None and view.weights.tolist() == expected[view.train].tolist()
    assert base.view(0).weights is None


def test_scores_count_weights_and_not_those_of_classes() -> None:
    base = toy_problem("binary", n_train=200, n_folds=2)
    weights = np.random.default_rng(3).integers(1, 4, 200)
    problem = replace(base, weights=weights.astype(float), class_weight="balanced", metric=METRICS["logloss"])
    head = HEADS["ridge"]
    fitted = cross_fit(problem, head.factory(head.params(), 0))
    twice = np.repeat(np.arange(200), weights)
    assert -fitted.score == pytest.approx(METRICS["logloss"].value(base.y[twice], fitted.oof[twice]))
    for fold, score in enumerate(fitted.fold_scores):
        mine = twice[base.folds.labels[twice] == fold]
        assert -score == pytest.approx(METRICS["logloss"].value(base.y[mine], fitted.oof[mine]))
    values = fold_values(METRICS["logloss"], base.y, fitted.oof, base.folds.labels, problem.weights)
    assert values == pytest.approx(-np.array(fitted.fold_scores))


@pytest.mark.parametrize("name", ["rmse", "logloss", "auc"])
def test_the_blend_is_that_of_rows_repeated(name: str) -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=90) if name == "rmse" else rng.integers(0, 2, 90)
    oofs = np.clip(np.stack([y + rng.normal(size=90), y + 2 * rng.normal(size=90)]), 0.01, 0.99)
    weights, folds = rng.integers(1, 4, 90), np.arange(90) % 3
    twice = np.repeat(np.arange(90), weights)
    weighted = fit_blend(oofs, y, folds, METRICS[name], weights.astype(float))
    repeated = fit_blend(oofs[:, twice], y[twice], folds[twice], METRICS[name])
    assert weighted.weights == pytest.approx(repeated.weights)
    assert weighted.scores == pytest.approx(repeated.scores)
    assert weighted.score == pytest.approx(repeated.score)


def test_least_squares_of_classes_take_weights() -> None:
    rng = np.random.default_rng(5)
    y, oofs = rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), (2, 60))
    weights = rng.integers(1, 4, 60)
    twice = np.repeat(np.arange(60), weights)
    assert nnls_weights(oofs, y, weights.astype(float)) == pytest.approx(nnls_weights(oofs[:, twice], y[twice]))
