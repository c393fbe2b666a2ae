"""Greedy selection and swaps against regressions fitted one by one, and against all subsets."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from swapdae.selection.greedy import Sweep, forward_selection, linear_covariance, swap_refinement


def correlated(n: int = 200, d: int = 8, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(n, 4)) @ rng.normal(size=(4, d)) + 0.5 * rng.normal(size=(n, d)))


def error(x: NDArray[Any], y: NDArray[Any], columns: list[int]) -> float:
    return float(((LinearRegression().fit(x[:, columns], y).predict(x[:, columns]) - y) ** 2).mean(axis=0).sum())


def test_each_step_takes_the_column_that_lowers_the_error_most() -> None:
    x = correlated()
    covariance, targets = linear_covariance(x, ridge=0)
    chosen = forward_selection(covariance, targets, 4)
    for step in range(4):
        best = min(set(range(8)) - set(chosen[:step]), key=lambda j: error(x, x, [*chosen[:step], j]))
        assert chosen[step] == best


def test_error_is_that_of_the_regression_also_after_a_drop() -> None:
    x, y = correlated(), correlated(seed=1)[:, :2]
    covariance, targets = linear_covariance(x, y, ridge=0)
    sweep = Sweep(covariance, [np.array([j]) for j in range(8)], targets)
    for group in (3, 5, 1):
        sweep.add(group)
    sweep.drop(5)
    assert sweep.chosen == [3, 1]
    assert sweep.error == pytest.approx(error(x, y, [3, 1]))
    assert sweep.error - sweep.gains()[6] == pytest.approx(error(x, y, [3, 1, 6]))


def test_swaps_end_where_no_single_exchange_helps() -> None:
    x = correlated(d=10, seed=3)
    covariance, targets = linear_covariance(x, ridge=0)
    chosen = swap_refinement(covariance, targets, [0, 1, 2])
    found = error(x, x, chosen)
    assert found < error(x, x, [0, 1, 2])
    for out, into in itertools.product(chosen, set(range(10)) - set(chosen)):
        assert found <= error(x, x, [into, *(j for j in chosen if j != out)]) + 1e-9


def test_a_block_is_taken_as_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    y = x[:, [1, 2]].sum(axis=1, keepdims=True) + 0.6 * x[:, [4]]  # columns 1 and 2 explain most, but only together
    groups = [np.array([0]), np.array([1, 2]), np.array([3]), np.array([4])]
    covariance, targets = linear_covariance(x, y)
    assert forward_selection(covariance, targets, 2, groups) == [1, 3]
    sweep = Sweep(covariance, groups, targets)
    assert sweep.error - sweep.gains()[1] == pytest.approx(error(x, y, [1, 2]), rel=1e-4)


def test_copies_of_a_chosen_column_gain_nothing() -> None:
    x = correlated(d=3)
    covariance, targets = linear_covariance(np.concatenate([x, x], axis=1), ridge=0)
    assert {j % 3 for j in forward_selection(covariance, targets, 3)} == {0, 1, 2}


def test_more_than_there_are_is_refused() -> None:
    covariance, targets = linear_covariance(correlated(d=3))
    with pytest.raises(ValueError, match="k = 4 groups"):
        forward_selection(covariance, targets, 4)
