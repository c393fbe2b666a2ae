import numpy as np
import pytest
from sklearn.linear_model import Ridge

from swapdae.competition.fold_rows import partition
from swapdae.study.ablation import ablate, random_sets


def problem(n: int = 240, d: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3
    y = x[:, :2].sum(axis=1) + 0.1 * rng.normal(size=n)
    return x, y, np.arange(n) % 3


@pytest.mark.parametrize("n_targets", [0, 2])
def test_refitting_without_columns_is_fitting_the_others(n_targets: int) -> None:
    x, y, folds = problem()
    if n_targets:
        y = np.column_stack([y, -(y**2)])
    sets = [np.array([0]), np.array([1, 5, 7]), np.arange(12), np.array([], dtype=int)]
    found = ablate(x, y, partition(folds), sets, alphas=[2.5])
    assert found.alpha == 2.5 and found.dropped.shape == (4, 240)
    for columns, errors in zip([sets[3], *sets], [found.whole, *found.dropped], strict=True):
        kept = np.setdiff1d(np.arange(12), columns)
        for fold in range(3):
            train, held_out = folds != fold, folds == fold
            if len(kept):
                prediction = Ridge(alpha=2.5).fit(x[train][:, kept], y[train]).predict(x[held_out][:, kept])
            else:
                prediction = y[train].mean(axis=0)
            expected = ((prediction - y[held_out]) ** 2).reshape(held_out.sum(), -1).sum(axis=1)
            assert np.allclose(errors[held_out], expected, rtol=1e-6, atol=1e-9)


def test_columns_that_nothing_depends_on_cost_nothing() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 6))
    y = x[:, 0] + 0.1 * rng.normal(size=400)
    found = ablate(x, y, partition(np.arange(400) % 4), [np.array([0]), np.array([3, 4])], alphas=[1.0])
    assert found.dropped[0].mean() > 20 * found.whole.mean()
    assert found.dropped[1].mean() == pytest.approx(found.whole.mean(), rel=0.05)


def test_best_penalty_is_the_one_with_the_least_error() -> None:
    x, y, folds = problem()
    assert ablate(x, y, partition(folds), [], [1e-3, 1e7]).alpha == 1e-3
    wide, noise = np.random.default_rng(3).normal(size=(90, 50)), np.random.default_rng(4).normal(size=90)
    assert ablate(wide, noise, partition(np.arange(90) % 3), [], [1e-3, 1e7]).alpha == 1e7


def test_controls_are_as_large_and_from_the_candidates() -> None:
    sets = [np.array([1, 2, 3]), np.array([4]), np.array([], dtype=int)]
    drawn = random_sets(sets, lambda i: np.array([10, 11, 12, 13]) if i < 1 else np.array([], dtype=int), 5, seed=0)
    assert [[len(c) for c in controls] for controls in drawn] == [[3] * 5, [0] * 5, [0] * 5]
    assert all(set(c) <= {10, 11, 12, 13} for c in drawn[0]) and len({tuple(c) for c in drawn[0]}) > 1
