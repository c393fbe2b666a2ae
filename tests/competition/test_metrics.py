"""Every metric against its formula written out here, on few numbers."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from swapdae.competition.config import Task
from swapdae.competition.metric import Array
from swapdae.competition.metrics import FAMILIES, LOSSES, METRICS, Loss, Metric, metric_named, metrics_of

Y, P = np.array([0.0, 1.0, 3.0]), np.array([1.0, 1.0, 1.0])
POSITIVE, NEAR, WEIGHTS = np.array([1.0, 2.0, 4.0, 10.0]), np.array([2.0, 1.0, 5.0, 7.0]), np.array([1, 3, 0, 2])
BINARY, CHANCE = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.4, 0.3])
CLASSES, CHANCES = np.array([0, 1, 2]), np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.65, 0.15]])
# Twelve rows whose labels, at 0.5, are 3 true positives, 1 false, 2 missed.
TRUTH = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
RATED = np.array([0.9, 0.8, 0.6, 0.4, 0.1, 0.7, 0.3, 0.2, 0.2, 0.1, 0.0, 0.5])
GRADES, GRADED = np.array([0, 1, 2, 2, 1, 0]), np.array([0, 2, 2, 0, 1, 1])
SEVERAL = [*METRICS, *(f"{family}:{example}" for family, (example, _) in FAMILIES.items())]

FORMULAS: dict[str, Callable[[Array, Array], Array]] = {  # of a row
    "mae": lambda y, p: np.abs(y - p),
    "mape": lambda y, p: np.abs(y - p) / y,
    "smape": lambda y, p: 200 * np.abs(y - p) / (y + p),
    "quantile:0.9": lambda y, p: np.where(y > p, 0.9 * (y - p), 0.1 * (p - y)),
    "poisson": lambda y, p: 2 * (y * np.log(y / p) - y + p),
    "gamma": lambda y, p: 2 * (np.log(p / y) + y / p - 1),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("name", FORMULAS)
def test_means_over_rows(name: str, weights: Array | None) -> None:
    expected = np.average(FORMULAS[name](POSITIVE, NEAR), weights=weights)
    assert metric_named(name).value(POSITIVE, NEAR, weights) == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_other_regression_metrics(weights: Array | None) -> None:
    def value(name: str) -> float:
        return METRICS[name].value(POSITIVE, NEAR, weights)

    mean, squares = np.average(POSITIVE, weights=weights), (POSITIVE - NEAR) ** 2
    spread = np.average((POSITIVE - mean) ** 2, weights=weights)
    assert value("rmse") == pytest.approx(np.sqrt(np.average(squares, weights=weights)))
    assert value("r2") == pytest.approx(1 - np.average(squares, weights=weights) / spread)
    logs = (np.log1p(POSITIVE) - np.log1p(NEAR)) ** 2
    assert value("rmsle") == pytest.approx(np.sqrt(np.average(logs, weights=weights)))


def test_median_absolute_error() -> None:
    assert METRICS["median_absolute_error"].value(Y, P) == 1  # of 1, 0, 2


def test_predictions_that_a_metric_would_choke_on() -> None:
    """A linear model predicts below 0, where a logarithm and a deviance have no value."""
    y, below = np.array([0.0, 1.0, 2.0]), np.array([-3.0, 1.0, 2.0])
    assert METRICS["rmsle"].value(y, below) == 0
    assert METRICS["poisson"].value(y, below) == pytest.approx(0, abs=1e-8)
    assert np.isfinite(METRICS["gamma"].value(y + 1, below))
    assert METRICS["smape"].value(np.zeros(2), np.zeros(2)) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("auc", 1.0), ("gini", 1.0), ("accuracy", 0.75), ("logloss", -np.log([0.9, 0.9, 0.4, 0.7]).mean())],
)
def test_binary(name: str, expected: float) -> None:
    assert METRICS[name].value(BINARY, CHANCE) == pytest.approx(expected)


def test_gini_is_the_area_between_the_orders() -> None:
    """Of the share of positives found, by the share of rows taken in order of predictions."""

    def area(by: Array) -> float:
        found = np.cumsum(TRUTH[np.argsort(-by)]) / TRUTH.sum()
        return float(np.mean(found - np.arange(1, 13) / 12))

    by = RATED + np.linspace(0, 1e-3, 12)  # no ties
    assert METRICS["gini"].value(TRUTH, by) == pytest.approx(area(by) / area(TRUTH + by / 10))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("f1", 2 * 3 / (2 * 3 + 1 + 2)),
        ("fbeta:2", 5 * 3 / (5 * 3 + 1 + 4 * 2)),
        ("fbeta:0.5", 1.25 * 3 / (1.25 * 3 + 1 + 0.25 * 2)),
        ("balanced_accuracy", (3 / 5 + 6 / 7) / 2),
        ("mcc", (3 * 6 - 1 * 2) / np.sqrt(4 * 5 * 7 * 8)),
        ("macro_f1", (6 / 9 + 12 / 15) / 2),
        ("accuracy", 9 / 12),
        ("kappa_quadratic", 1 - (3 / 12) / (5 * 8 / 144 + 7 * 4 / 144)),
    ],
)
def test_labels_of_two_classes(name: str, expected: float) -> None:
    metric = metric_named(name)
    assert metric.value(TRUTH, RATED) == pytest.approx(expected)
    assert metric.value(TRUTH, (RATED > 0.5).astype(np.int64)) == metric.value(TRUTH, RATED), "labels as they are"


def test_brier() -> None:
    assert METRICS["brier"].value(TRUTH, RATED) == pytest.approx(np.mean((TRUTH - RATED) ** 2))


@pytest.mark.parametrize(("name", "power"), [("kappa_linear", 1), ("kappa_quadratic", 2)])
@pytest.mark.parametrize("shift", [0.0, 5.0, -1.0])
def test_kappa(name: str, power: int, shift: float) -> None:
    """Disagreement against that of the same labels shuffled; of class numbers as of whole numbers anywhere."""
    cost = np.mean(np.abs(GRADES - GRADED) ** power) / np.mean(np.abs(GRADES[:, None] - GRADED) ** power)
    y, p = GRADES + shift, GRADED + shift
    assert METRICS[name].value(y, p + 0.3) == pytest.approx(1 - cost)
    assert METRICS[name].value(GRADES, np.eye(3)[GRADED]) == pytest.approx(1 - cost)


def test_kappa_knows_grades_that_nobody_has() -> None:
    y, p = np.array([1.0, 1, 5, 5]), np.array([1.0, 2, 5, 4])
    cost = np.mean((y - p) ** 2) / np.mean((y[:, None] - p) ** 2)
    assert METRICS["kappa_quadratic"].value(y, p) == pytest.approx(1 - cost)
    assert METRICS["kappa_quadratic"].value(y[:2], y[:2]) == 1


@pytest.mark.parametrize(("k", "expected"), [(1, 1 / 3 + 1 / 3), (2, 2 / 3), (3, (1 + 1 + 1 / 3) / 3), (9, 7 / 9)])
def test_map_at_k(k: int, expected: float) -> None:
    assert metric_named(f"map:{k}").value(CLASSES, CHANCES) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "expected"), [("accuracy", 2 / 3), ("logloss", -np.log([0.5, 0.8, 0.15]).mean())])
def test_multiclass(name: str, expected: float) -> None:
    assert METRICS[name].value(CLASSES, CHANCES) == pytest.approx(expected)


def test_multiclass_auc_is_one_against_the_rest() -> None:
    # Classes 0 and 1: the own row has the highest chance of it; class 2: .15 against .25 and .1.
    assert METRICS["auc"].value(CLASSES, CHANCES) == pytest.approx((1 + 1 + 0.5) / 3)


def test_score_is_higher_for_the_better_prediction() -> None:
    worse = {
        "regression": (POSITIVE, NEAR, POSITIVE),
        "binary": (BINARY, 1 - CHANCE, CHANCE),
        "multiclass": (CLASSES, CHANCES, np.eye(3)),
    }
    for name in SEVERAL:
        metric = metric_named(name)
        for task in metric.tasks:
            y, bad, good = worse[task]
            assert metric.score(y, good) > metric.score(y, bad), name
            assert metric.value_of(metric.score(y, bad)) == metric.value(y, bad)


@pytest.mark.parametrize("name", SEVERAL)
def test_a_row_of_weight_2_counts_as_two(name: str) -> None:
    metric, rng = metric_named(name), np.random.default_rng(0)
    for task in sorted(metric.tasks):
        y = rng.integers(1, 5, 40).astype(float) if task == "regression" else np.arange(40) % 3
        prediction = y + rng.normal(size=40) / 2 if task == "regression" else rng.dirichlet(np.ones(3), 40)
        if task == "binary":
            y, prediction = y % 2, prediction[:, 0]
        weights = 1.0 + (np.arange(40) % 2)
        twice = np.repeat(np.arange(40), weights.astype(int))
        if name == "median_absolute_error":
            weights = weights * 1.0001  # no median between two rows
        value = metric.value(y, prediction, weights)
        assert value == pytest.approx(metric.value(y[twice], prediction[twice]), rel=1e-6), (name, task)
        assert value != metric.value(y, prediction)


def test_a_function_without_weights_is_given_none() -> None:
    plain = Metric("plain", True, frozenset({"regression"}), "squared", lambda y, prediction: 1.0)
    assert plain.value(Y, P) == 1
    with pytest.raises(ValueError, match="metric 'plain' takes no weights; give its function a third parameter"):
        plain.value(Y, P, np.ones(3))


def test_a_certain_and_wrong_prediction_costs_a_finite_logloss() -> None:
    assert np.isfinite(METRICS["logloss"].value(np.array([0, 1]), np.array([1.0, 0.0])))


def test_a_fold_that_lacks_a_class_has_a_score_of_labels() -> None:
    for name in ("f1", "mcc", "balanced_accuracy", "macro_f1", "kappa_linear", "fbeta:2", "brier"):
        assert np.isfinite(metric_named(name).value(np.zeros(4, dtype=int), CHANCE))


def test_targets_and_predictions_change_scale_for_rmsle_only() -> None:
    rmsle = METRICS["rmsle"]
    assert rmsle.loss_of("regression") == "squared" and rmsle.to_fit(Y) == pytest.approx(np.log1p(Y))
    assert rmsle.from_fit(np.array([-2.0, 0, np.log(4), 1e9])) == pytest.approx([0, 0, 3, np.expm1(300)])
    assert METRICS["rmse"].to_fit(Y) is Y and METRICS["rmse"].from_fit(P) is P


def test_heads_minimize_a_loss_for_every_task() -> None:
    assert set(LOSSES) == set(get_args(Task))
    assert {loss for losses in LOSSES.values() for loss in losses} == set(get_args(Loss))
    kappa = METRICS["kappa_quadratic"]
    assert (kappa.loss_of("regression"), kappa.loss_of("multiclass")) == ("squared", "log")


def test_metrics_of_a_task() -> None:
    assert metrics_of("binary") == [
        *("auc", "gini", "logloss", "brier", "accuracy", "balanced_accuracy", "mcc", "f1", "macro_f1"),
        *("kappa_linear", "kappa_quadratic", "fbeta:2"),
    ]


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
