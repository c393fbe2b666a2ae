from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from swapdae.competition.config import FoldsConfig
from swapdae.competition.fold_rows import partition
from swapdae.competition.folds import draw_folds
from swapdae.modelling import moments
from swapdae.modelling.moments import FoldMoments, accumulate, predict, solve

Array = NDArray[Any]
ALPHAS = [0.1, 3.0, 1000.0]


def _data(n: int = 400, d: int = 12, dtype: type = np.float64) -> tuple[Array, Array]:
    """Columns of large offsets and unlike sizes, the last one constant, two targets."""
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(n, d)) + 30 * rng.normal(size=d)) * np.geomspace(0.5, 4, d)
    x[:, -1] = 7.3
    x = x.astype(dtype)
    slopes = rng.normal(size=(d, 2))
    return x, x.astype(np.float64) @ slopes + rng.normal(size=(n, 2)) + [5, -40]


def _reference(x: Array, y: Array, new: Array, alpha: float, weights: Array | None = None) -> Array:
    """scikit-learn's predictions in float64."""
    x, new = x.astype(np.float64), new.astype(np.float64)
    return np.asarray(Ridge(alpha=alpha).fit(x, y, sample_weight=weights).predict(new))


def _same(ours: Array, reference: Array, tolerance: float = 1e-9) -> None:
    assert np.abs(ours - reference).max() <= tolerance * np.abs(reference).max()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(dtype: type, weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "ROWS", 64)  # several blocks
    x, y = _data(dtype=dtype)
    weights = np.random.default_rng(2).integers(0, 4, len(y)).astype(np.float64) if weighted else None
    ours = solve(accumulate((x[:, :5], x[:, 5:]), y, np.zeros(len(y), int), 1, weights)[0], ALPHAS)
    predictions = predict((x[:, :5], x[:, 5:]), np.arange(len(y)), ours)
    for alpha, prediction in zip(ALPHAS, predictions, strict=True):
        _same(prediction, _reference(x, y, x, alpha, weights))
    assert np.all(ours.coef[:, -1] == 0), "the constant column"


@pytest.mark.parametrize("shared", [True, False])
def test_folds_are_fitted_without_their_own_rows(shared: bool) -> None:
    x, y = _data()
    x = np.vstack([x, x + 1])  # the second half is test rows
    folds = np.arange(len(y)) % 3
    y[folds == 1] += 100  # a fold that betrays itself
    x[: len(y)][folds == 2, 0] += 9
    per_fold = [x, x[:, ::-1], x[:, 1:]]
    fold_moments = FoldMoments(lambda k: (x,) if shared else (per_fold[k],), y, partition(folds), shared)
    for k in range(3):
        own = x if shared else per_fold[k]
        predictions = predict((own,), np.arange(len(x)), solve(fold_moments.training(k), ALPHAS))
        mine = np.flatnonzero(folds != k)
        for alpha, prediction in zip(ALPHAS, predictions, strict=True):
            _same(prediction, _reference(own[mine], y[mine], own, alpha))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", ["sliding", "purged", "repeated"])
def test_windows_and_repeats_are_fitted_on_their_own_rows(kind: str, shared: bool) -> None:
    x, y = _data()
    if kind == "repeated":
        folds = draw_folds(y, FoldsConfig(count=3, repeats=2), "regression")
    else:
        told = {"kind": "time", "by": "t", "count": 3, "window": kind, "gap": 4}
        times = np.random.default_rng(3).permutation(len(y)).astype(float)
        folds = draw_folds(y, FoldsConfig.model_validate(told), "regression", {"time": times})
    weights = np.random.default_rng(2).integers(0, 3, len(y)).astype(np.float64)
    fold_moments = FoldMoments(lambda k: (x,), y, folds, shared, lambda k: weights)
    for k in range(folds.n_folds):
        rows = np.flatnonzero(folds.training[k])
        predictions = predict((x,), np.arange(len(x)), solve(fold_moments.training(k), ALPHAS))
        for alpha, prediction in zip(ALPHAS, predictions, strict=True):
            _same(prediction, _reference(x[rows], y[rows], x, alpha, weights[rows]))


def test_shared_features_are_summed_once_and_decomposed_once_per_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = _data()
    reads: list[int] = []
    calls: list[int] = []
    eigh = np.linalg.eigh

    def dense(fold: int) -> tuple[Array]:
        reads.append(fold)
        return (x,)

    def counted(a: Array) -> Any:
        calls.append(len(a))
        return eigh(a)

    monkeypatch.setattr(np.linalg, "eigh", counted)
    fold_moments = FoldMoments(dense, y, partition(np.arange(len(y)) % 3), True)
    for _ in range(2):
        for k in range(3):
            fold_moments.search(k)
    assert (len(reads), len(calls)) == (1 + 3, 3), "and every fold's held-out rows are read once"


@pytest.mark.parametrize("alpha", [1e-12, 1.0])
def test_one_penalty_alone_equals_the_same_among_many(alpha: float) -> None:
    x, y = _data()
    folds = np.arange(len(y)) % 3
    fold_moments = FoldMoments(lambda k: (x,), y, partition(folds), True)
    alone, among = fold_moments.solve(1, alpha), solve(fold_moments.training(1), [alpha, 7.0])
    _same(predict((x,), np.arange(len(y)), alone)[0], predict((x,), np.arange(len(y)), among)[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_more_columns_than_rows(dtype: type) -> None:
    rng = np.random.default_rng(3)
    x: Array = rng.normal(size=(30, 80)).astype(dtype)
    y = rng.normal(size=30)
    solution = solve(accumulate((x,), y, np.zeros(30, int), 1)[0], [5.0])
    _same(predict((x,), np.arange(30), solution)[0, :, 0], _reference(x, y, x, 5.0))
    new = rng.normal(size=(20, 80))  # far from the 30 rows, where rounding grows
    _same(predict((new,), np.arange(20), solution)[0, :, 0], _reference(x, y, new, 5.0))


@pytest.mark.parametrize("alpha", [1e-9, 1e-3, 10.0])
def test_collinear_columns_stay_finite_and_harmless(alpha: float) -> None:
    x, y = _data(dtype=np.float32)
    doubled = np.hstack([x, x, x[:, :3]])
    solution = solve(accumulate((doubled,), y, np.zeros(len(y), int), 1)[0], [alpha])
    prediction = predict((doubled,), np.arange(len(y)), solution)[0]
    _same(prediction, _reference(doubled, y, doubled, alpha), 1e-6)


def test_column_constant_in_the_training_part_only() -> None:
    """One-hot of a category that only the held-out fold has: rounding must not give it a variance."""
    x, y = _data(dtype=np.float32)
    folds = np.arange(len(y)) % 4
    x[:, 0] = (folds == 2) * (np.arange(len(y)) % 3)
    solution = FoldMoments(lambda k: (x,), y, partition(folds), True).solve(2, 1e-6)
    assert np.all(solution.coef[0, 0] == 0)


def test_labels_without_a_row_have_empty_moments_and_no_row_at_all_is_refused() -> None:
    x, y = _data()
    labels = np.full(len(y), 2)
    empty, left_out, whole = accumulate((x,), y, labels, 3)
    assert not empty.gram.any() and not left_out.gram.any() and np.all(empty.low > empty.high)
    assert np.array_equal((empty + whole).gram, whole.gram) and whole.gram[x.shape[1], x.shape[1]] == len(y)
    with pytest.raises(ValueError, match="no row"):
        accumulate((x,), y, np.full(len(y), -1), 3)


def test_all_columns_constant_predicts_the_mean() -> None:
    x, y = np.ones((10, 3)), np.linspace(0, 9, 10)
    solution = solve(accumulate((x,), y, np.zeros(10, int), 1)[0], [1.0])
    assert predict((x,), np.arange(4), solution)[0, :, 0] == pytest.approx(4.5)
