"""Decisions serve their metric, and no row is decided with an eye on its own target."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from swapdae.competition.metric import Metric
from swapdae.competition.metrics import METRICS, metric_named
from swapdae.modelling.decision import Decision, decided, fit_decision

Array = NDArray[Any]
N = 2000
FOLDS = np.arange(N) % 5
BINARY = ["f1", "fbeta:2", "mcc", "balanced_accuracy", "accuracy", "macro_f1", "kappa_linear"]


def rare() -> tuple[Array, Array]:
    """A class of one row in twenty, and true probabilities of it."""
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(5 - 2 * rng.normal(size=N)))
    return (rng.random(N) < p).astype(np.int64), p


def graded() -> tuple[Array, Array]:
    """Grades 1 to 5, mostly low, and predictions of half their spread, as of a model that knows little."""
    rng = np.random.default_rng(1)
    y = np.minimum(1 + rng.poisson(0.8, N), 5).astype(float)
    return y, y.mean() + 0.5 * (y - y.mean()) + 0.2 * rng.normal(size=N)


@pytest.mark.parametrize("name", BINARY)
def test_threshold_is_about_the_best_of_all(name: str) -> None:
    (y, p), metric = rare(), metric_named(name)
    decision = fit_decision(metric, y, p)
    every = max(metric.score(y, (p > t).astype(np.int64)) for t in np.unique(p)[::7])
    assert decision.kind == "threshold"
    assert metric.score(y, decision.decide(p)) >= max(every - 0.01, metric.score(y, p))


@pytest.mark.parametrize("name", ["f1", "fbeta:2", "mcc", "balanced_accuracy"])
def test_a_rare_class_is_worth_a_threshold(name: str) -> None:
    (y, p), metric = rare(), metric_named(name)
    assert metric.score(y, decided(metric, y, p, FOLDS)) > metric.score(y, p) + 0.05


@pytest.mark.parametrize("name", ["kappa_linear", "kappa_quadratic"])
def test_cuts_are_better_than_rounding(name: str) -> None:
    (y, p), metric = graded(), METRICS[name]
    labels = decided(metric, y, p, FOLDS)
    assert set(labels) <= {1, 2, 3, 4, 5} and metric.score(y, labels) > metric.score(y, p) + 0.05
    assert fit_decision(metric, y, p).lowest == 1 and len(fit_decision(metric, y, p).values) == 4


def test_cuts_of_ordered_classes_are_on_their_mean_grade() -> None:
    (y, p), metric = graded(), METRICS["kappa_quadratic"]
    classes = y.astype(np.int64) - 1
    chances = np.exp(-((p[:, None] - 1 - np.arange(5)) ** 2))
    chances /= chances.sum(axis=1, keepdims=True)
    labels = decided(metric, classes, chances, FOLDS)
    assert set(labels) <= set(range(5))
    assert metric.score(classes, labels) > metric.score(classes, chances) + 0.05


def test_between_many_grades_numbers_are_rounded() -> None:
    y = np.arange(100.0)
    decision = fit_decision(METRICS["kappa_quadratic"], y, y)
    assert decision.decide(np.array([-5.0, 0.4, 0.6, 98.6, 200])).tolist() == [0, 0, 1, 99, 99]


def test_what_wants_no_labels_is_left_alone() -> None:
    y, p = rare()
    assert decided(METRICS["auc"], y, p, FOLDS) is p and fit_decision(METRICS["auc"], y, p) == Decision("none")
    assert Decision("none").decide(p) is p


def test_the_likeliest_of_several_classes() -> None:
    p = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    decision = fit_decision(METRICS["accuracy"], np.array([1, 0]), p)
    assert (decision.kind, decision.decide(p).tolist()) == ("likeliest", [1, 0])


@pytest.mark.parametrize("name", ["f1", "kappa_quadratic"])
def test_a_row_of_weight_2_decides_as_two(name: str) -> None:
    (y, p), metric = (rare() if name == "f1" else graded()), metric_named(name)
    weights = 1 + np.arange(N) % 2
    twice = np.repeat(np.arange(N), weights)
    found, expected = fit_decision(metric, y, p, weights), fit_decision(metric, y[twice], p[twice])
    assert metric.score(y, found.decide(p), weights) == pytest.approx(
        metric.score(y[twice], expected.decide(p[twice])), abs=0.01
    )
    assert decided(metric, y, p, FOLDS, weights).shape == (N,)


def test_rows_of_no_fold_decide_nothing() -> None:
    (y, p), metric, early = rare(), metric_named("f1"), np.arange(N) < 300
    some = np.where(early, -1, FOLDS)
    p = np.where(early, np.nan, p)
    assert np.array_equal(decided(metric, y, p, some)[~early], decided(metric, y[~early], p[~early], FOLDS[~early]))


@pytest.mark.parametrize("name", ["f1", "kappa_quadratic"])
def test_a_folds_own_targets_do_not_decide_its_labels(name: str) -> None:
    y, p = rare() if name == "f1" else graded()
    mine, metric = FOLDS == 2, metric_named(name)
    other = y.copy()
    other[mine] = y.max()
    assert fit_decision(metric, other, p) != fit_decision(metric, y, p)
    assert np.array_equal(decided(metric, other, p, FOLDS)[mine], decided(metric, y, p, FOLDS)[mine])


def test_a_target_of_chance_gains_nothing_from_a_decision() -> None:
    rng = np.random.default_rng(2)
    y, p = rng.integers(0, 2, N), rng.random(N)
    assert abs(METRICS["mcc"].score(y, decided(METRICS["mcc"], y, p, FOLDS))) < 0.06


def test_a_metric_without_weights_is_asked_row_by_row() -> None:
    y, p = rare()
    f1 = METRICS["f1"]
    plain = Metric("plain", True, frozenset({"binary"}), "log", lambda y, labels: f1.value(y, labels), wants="labels")
    assert fit_decision(plain, y, p) == fit_decision(f1, y, p)
