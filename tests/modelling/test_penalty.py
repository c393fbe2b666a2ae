"""Every fold finds its own penalty, judged by the rows of the others."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from swapdae.competition.config import FoldsConfig
from swapdae.competition.fold_rows import Folds, partition
from swapdae.competition.folds import draw_folds
from swapdae.heads import HEADS
from swapdae.modelling import moments
from swapdae.modelling.cross_fit import cross_fit
from swapdae.modelling.moments import PENALTIES, FoldMoments, predict
from toy_problem import toy_problem

Array = NDArray[Any]
GROUPS = np.repeat(np.arange(40), 6)


def _data(n: int = 240, d: int = 30, k: int = 2) -> tuple[Array, Array]:
    """Few of the columns tell something, and little: neither no penalty nor the largest is right."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, d)) + 3
    return x, x[:, :3] @ rng.normal(size=(3, k)) * 0.3 + rng.normal(size=(n, k))


def _folds(kind: str) -> Folds:
    y = np.zeros(240)
    if kind == "groups":
        return draw_folds(y, FoldsConfig(kind="group", by=("g",), count=4), "regression", {"group": GROUPS})
    if kind == "repeats":
        return draw_folds(y, FoldsConfig(count=3, repeats=3), "regression")
    if kind == "time":
        told = FoldsConfig(kind="time", by=("t",), count=3, gap=5)
        return draw_folds(y, told, "regression", {"time": np.arange(240.0)})
    return partition(np.arange(240) % int(kind))


def _expected(x: Callable[[int], Array], y: Array, folds: Folds, weights: Callable[[int], Array]) -> list[float]:
    """By scikit-learn's Ridge, fitted for every fold and penalty."""
    errors = np.zeros((folds.n_folds, len(PENALTIES)))
    for fold in range(folds.n_folds):
        train, out, w = folds.train(fold), folds.out(fold), weights(fold)
        for i, alpha in enumerate(PENALTIES):
            model = Ridge(alpha=alpha).fit(x(fold)[train], y[train], sample_weight=w[train])
            errors[fold, i] = w[out] @ ((model.predict(x(fold)[out]).reshape(-1, y.shape[1]) - y[out]) ** 2).sum(axis=1)
    draw = np.arange(folds.n_folds) // folds.n_per_repeat
    others = [(draw == draw[fold]) & (np.arange(folds.n_folds) != fold) for fold in range(folds.n_folds)]
    return [float(PENALTIES[errors[mine].sum(axis=0).argmin()]) for mine in others]


@pytest.mark.parametrize("kind", ["2", "4", "groups", "repeats", "time"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shared", [True, False])
def test_equals_explicit_loops(kind: str, weighted: bool, shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "ROWS", 50)  # several blocks
    (x, y), folds = _data(), _folds(kind)
    by_fold = [x if shared else x[:, : 10 + 5 * (fold % 4)] for fold in range(folds.n_folds)]
    weights = np.random.default_rng(2).integers(0, 5, 240).astype(float) if weighted else None
    fold_moments = FoldMoments(lambda fold: (by_fold[fold],), y, folds, shared, lambda fold: weights)
    expected = _expected(
        lambda fold: by_fold[fold], y, folds, lambda fold: np.ones(240) if weights is None else weights
    )
    for fold in range(folds.n_folds):
        found = predict((by_fold[fold],), folds.out(fold), fold_moments.search(fold))[0]
        model = Ridge(alpha=expected[fold])
        train = folds.train(fold)
        model.fit(by_fold[fold][train], y[train], sample_weight=None if weights is None else weights[train])
        assert found == pytest.approx(model.predict(by_fold[fold][folds.out(fold)]), rel=1e-8, abs=1e-8)
    assert list(fold_moments.penalties.values()) == expected
    assert PENALTIES[0] < min(expected) and max(expected) < PENALTIES[-1], "inside the grid"


def test_the_final_fit_has_the_penalty_that_is_best_for_all_folds() -> None:
    (x, y), folds = _data(), _folds("time")
    errors = np.zeros(len(PENALTIES))
    for fold in range(folds.n_folds):
        train, out = folds.train(fold), folds.out(fold)
        for i, alpha in enumerate(PENALTIES):
            errors[i] += ((Ridge(alpha=alpha).fit(x[train], y[train]).predict(x[out]) - y[out]) ** 2).sum()
    best = float(PENALTIES[errors.argmin()])
    fold_moments = FoldMoments(lambda fold: (x,), y, folds, shared=True)
    found = predict((x,), np.arange(240), fold_moments.search(folds.n_folds))[0]
    assert fold_moments.penalties == {folds.n_folds: best}
    assert found == pytest.approx(Ridge(alpha=best).fit(x, y).predict(x), rel=1e-8, abs=1e-8)


def test_no_fold_is_judged_by_its_own_rows() -> None:
    """Rows that fold 1 holds out and nobody trains on: whatever their targets are, its penalty is the same, and the
    penalties of others are not. As training rows of other folds they would count."""
    x, y = _data(k=1)
    held_out = np.arange(240) % 4 == np.arange(4)[:, None]
    training = ~held_out
    training[:, held_out[1]] = False
    found = {}
    for factor in (1.0, -20.0):
        told = np.where(held_out[1][:, None], factor * y, y)
        fold_moments = FoldMoments(lambda fold: (x,), told, Folds(training, held_out), shared=True)
        for fold in range(4):
            fold_moments.search(fold)
        found[factor] = fold_moments.penalties
    assert found[1.0][1] == found[-20.0][1]
    assert all(found[1.0][fold] != found[-20.0][fold] for fold in (0, 2, 3))


def test_a_random_target_gains_nothing() -> None:
    """Columns of noise, as many as rows: the largest penalties, whose predictions are as good as the mean."""
    rng = np.random.default_rng(3)
    x, folds = rng.normal(size=(240, 200)), partition(np.arange(240) % 4)
    excess = []
    for _ in range(20):
        y = rng.normal(size=240)
        fold_moments = FoldMoments(lambda fold: (x,), y, folds, shared=True)
        for fold in range(4):
            out, train = folds.out(fold), folds.train(fold)
            found = predict((x,), out, fold_moments.search(fold))[0, :, 0]
            excess.append(np.mean((found - y[out]) ** 2) - np.mean((y[train].mean() - y[out]) ** 2))
    assert np.mean(excess) > -2 * np.std(excess) / np.sqrt(len(excess)) and np.mean(excess) < 0.05


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_are_judged_as_0_and_1_with_the_weights_they_are_fitted_with(task: Any) -> None:
    base = toy_problem(task, n_train=240)
    rows = np.random.default_rng(4).uniform(0.2, 2, 240)
    problem = replace(base, weights=rows, class_weight="balanced")
    head = HEADS["ridge"]
    cross_fit(problem, head.factory(head.params(), 0), with_test=False)
    x = np.concatenate(base.features.dense(0), axis=1)[:240].astype(np.float64)
    y = np.eye(3)[base.y] if task == "multiclass" else base.y[:, None].astype(float)

    def weights(fold: int) -> Array:
        share = np.bincount(base.y[base.folds.labels != fold])
        return np.asarray(rows * share.sum() / len(share) / share[base.y])

    assert list(problem.moments.penalties.values()) == _expected(lambda fold: x, y, base.folds, weights)
