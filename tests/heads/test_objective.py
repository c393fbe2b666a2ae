"""Targets, losses and predictions against those written out by hand."""

import numpy as np
import pytest
import torch

from swapdae.competition.metrics import Loss
from swapdae.heads.objective import Objective

CPU = torch.device("cpu")


def test_regression_is_fitted_standardized_and_predicted_in_its_own_units() -> None:
    y = np.array([10.0, 20.0, 60.0])
    objective = Objective.of(y, "regression", 0, "squared")
    target = objective.target(y, CPU)
    assert target.mean().item() == pytest.approx(0, abs=1e-6)
    assert target.std(correction=0).item() == pytest.approx(1)
    output = torch.stack([target - 1, target + 1], dim=1)[..., None]  # two members, wrong by 1 each
    assert objective.prediction(output).numpy() == pytest.approx(y, rel=1e-5)
    assert objective.loss(output, target).item() == pytest.approx(1)


def test_constant_target_is_not_divided_by_nothing() -> None:
    objective = Objective.of(np.full(3, 7.0), "regression", 0, "squared")
    assert objective.target(np.full(3, 7.0), CPU).tolist() == [0, 0, 0]


@pytest.mark.parametrize("loss, expected", [("squared", 4.0), ("absolute", 2.0)])
def test_absolute_error_is_not_squared(loss: Loss, expected: float) -> None:
    objective = Objective("regression", 0, loss, mean=0.0, deviation=1.0)
    assert objective.loss(torch.full((5, 1, 1), 2.0), torch.zeros(5)).item() == expected


def test_classes_are_predicted_by_the_members_mean_chance() -> None:
    logits = torch.tensor([[[0.0], [2.0]]])
    chance = Objective("binary", 2, "log", 0.0, 1.0).prediction(logits)
    assert chance.tolist() == pytest.approx([(0.5 + 1 / (1 + np.exp(-2))) / 2])
    objective = Objective("multiclass", 3, "log", 0.0, 1.0)
    assert objective.d_out == 3 and objective.target(np.array([2, 0]), CPU).dtype == torch.int64
    even = torch.zeros(2, 4, 3)
    assert objective.prediction(even).numpy() == pytest.approx(1 / 3)
    assert objective.loss(even, torch.tensor([2, 0])).item() == pytest.approx(np.log(3))


@pytest.mark.parametrize(
    ("loss", "output", "y", "expected"),
    [
        ("quantile", 1.0, 3.0, 0.9 * 2),
        ("quantile", 3.0, 1.0, 0.1 * 2),
        ("relative", 1.0, 4.0, 3 / 4),
        ("poisson", np.log(2.0), 3.0, 2 - 3 * np.log(2)),
        ("gamma", np.log(2.0), 3.0, np.log(2) + 3 / 2),
    ],
)
def test_other_losses_of_a_regression(loss: Loss, output: float, y: float, expected: float) -> None:
    objective = Objective("regression", 0, loss, mean=0.0, deviation=1.0, level=0.9)
    assert objective.loss(torch.full((5, 2, 1), output), torch.full((5,), y)).item() == pytest.approx(expected)


def test_logarithms_are_of_shares_of_the_mean() -> None:
    y = np.array([2.0, 4.0, 12.0])
    objective = Objective.of(y, "regression", 0, "poisson")
    assert objective.target(y, CPU).tolist() == pytest.approx([1 / 3, 2 / 3, 2])
    outputs = torch.tensor([[[0.0], [np.log(3.0)]], [[1e9], [1e9]]])
    assert objective.prediction(outputs).tolist() == pytest.approx([6 * 2, 6 * np.exp(20)], rel=1e-5)
