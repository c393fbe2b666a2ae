from typing import get_args

import numpy as np
import pytest

from swapdae.competition.config import Task
from swapdae.competition.metrics import LOSSES, METRICS, Loss, Metric

Y, P = np.array([0.0, 1.0, 3.0]), np.array([1.0, 1.0, 1.0])
BINARY, CHANCE = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.4, 0.3])
CLASSES, CHANCES = np.array([0, 1, 2]), np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.65, 0.15]])


@pytest.mark.parametrize(("name", "expected"), [("rmse", np.sqrt((1 + 0 + 4) / 3)), ("mae", (1 + 0 + 2) / 3)])
def test_regression(name: str, expected: float) -> None:
    assert METRICS[name].value(Y, P) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("auc", 1.0), ("accuracy", 0.75), ("logloss", -np.log([0.9, 0.9, 0.4, 0.7]).mean())],
)
def test_binary(name: str, expected: float) -> None:
    assert METRICS[name].value(BINARY, CHANCE) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "expected"), [("accuracy", 2 / 3), ("logloss", -np.log([0.5, 0.8, 0.15]).mean())])
def test_multiclass(name: str, expected: float) -> None:
    assert METRICS[name].value(CLASSES, CHANCES) == pytest.approx(expected)


def test_multiclass_auc_is_one_against_the_rest() -> None:
    # Classes 0 and 1: the own row has the highest chance of it; class 2: .15 against .25 and .1.
    assert METRICS["auc"].value(CLASSES, CHANCES) == pytest.approx((1 + 1 + 0.5) / 3)


def test_score_is_higher_for_the_better_prediction() -> None:
    worse = {"regression": (Y, P, Y), "binary": (BINARY, 1 - CHANCE, CHANCE)}
    for metric in METRICS.values():
        y, bad, good = worse["regression" if "regression" in metric.tasks else "binary"]
        assert metric.score(y, good) > metric.score(y, bad)
        assert metric.value_of(metric.score(y, bad)) == metric.value(y, bad)


def test_a_certain_and_wrong_prediction_costs_a_finite_logloss() -> None:
    assert np.isfinite(METRICS["logloss"].value(np.array([0, 1]), np.array([1.0, 0.0])))


def test_heads_minimize_a_loss_for_every_task() -> None:
    assert set(LOSSES) == set(get_args(Task))
    assert {loss for losses in LOSSES.values() for loss in losses} == set(get_args(Loss))


@pytest.mark.parametrize(
    ("tasks", "loss", "message"),
    [
        ({"regression"}, "log", "'mine': loss 'log' does not fit regression, which takes squared, absolute"),
        ({"binary", "multiclass"}, "squared", "'mine': loss 'squared' does not fit binary, which takes log"),
        ({"ranking"}, "log", "'mine': task 'ranking' is unknown; known are regression, binary, multiclass"),
    ],
)
def test_a_metric_that_no_head_can_fit_is_refused(tasks: set[str], loss: Loss, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Metric("mine", True, frozenset(tasks), loss, lambda y, prediction: 0.0)
