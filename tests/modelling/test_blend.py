from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from swapdae.competition.metrics import METRICS
from swapdae.modelling.blend import METHODS, combine, cross_fitted_blend, fit_blend, hill_climb_weights, nnls_weights

Array = NDArray[Any]
RNG = np.random.default_rng(0)
N = 400
FOLDS = np.arange(N) % 5


def _regression() -> tuple[Array, Array]:
    y = RNG.normal(size=N) + 3
    return np.stack([y + s * RNG.normal(size=N) for s in (0.5, 0.6, 0.9, 3.0)]), y


def _multiclass() -> tuple[Array, Array]:
    y = RNG.integers(0, 3, N)
    raw = np.stack([np.eye(3)[y] + s * RNG.random((N, 3)) for s in (1.0, 1.5, 4.0)])
    return raw / raw.sum(axis=2, keepdims=True), y


def _binary() -> tuple[Array, Array]:
    y = RNG.integers(0, 2, N)
    return np.stack([1 / (1 + np.exp(-(2 * y - 1 + s * RNG.normal(size=N)))) for s in (1.0, 1.2, 5.0)]), y


CASES = {
    "rmse": _regression,
    "mae": _regression,
    "auc": _binary,
    "logloss": _multiclass,
    "accuracy": _multiclass,
}


@pytest.mark.parametrize("name", CASES)
def test_weights_are_a_mixture_no_worse_than_the_best_single_head(name: str) -> None:
    (oofs, y), metric = CASES[name](), METRICS[name]
    best = max(metric.score(y, oof) for oof in oofs)
    for method, weigh in METHODS.items():
        weights = weigh(oofs, y, metric)
        assert weights.shape == (len(oofs),)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)
        if method == "hill_climb" or name == "rmse":  # each is optimal in its own metric
            assert metric.score(y, combine(oofs, weights)) >= best - 1e-12
    blend = fit_blend(list(oofs), y, FOLDS, metric)
    assert blend.score == metric.score(y, blend.oof)
    assert blend.score_cross_fitted == max(blend.scores.values()) == metric.score(y, blend.oof_cross_fitted)
    assert blend.score_cross_fitted > best - 0.05
    assert blend.oof.shape == oofs[0].shape


def test_errors_that_cancel_are_cancelled() -> None:
    y, error = RNG.normal(size=N), RNG.normal(size=N)
    oofs = np.stack([y + error, y - 3 * error, y + 10 * RNG.normal(size=N)])
    assert nnls_weights(oofs, y) == pytest.approx([0.75, 0.25, 0], abs=1e-9)
    blend = fit_blend(oofs, y, FOLDS, METRICS["rmse"])
    assert blend.score_cross_fitted == pytest.approx(0, abs=1e-9)
    assert hill_climb_weights(oofs, y, METRICS["rmse"]) == pytest.approx([0.75, 0.25, 0])


def test_nnls_is_the_optimum_over_mixtures() -> None:
    oofs, y = _regression()
    best = METRICS["rmse"].score(y, combine(oofs, nnls_weights(oofs, y)))
    for weights in RNG.dirichlet(np.full(len(oofs), 0.5), 500):
        assert METRICS["rmse"].score(y, combine(oofs, weights)) <= best + 1e-12


def test_cross_fitted_weights_do_not_see_the_held_out_fold() -> None:
    """Head 0 is perfect on fold 0 alone, which weights fitted on the other folds cannot know."""
    y = RNG.normal(size=N)
    first = np.where(FOLDS == 0, y, RNG.normal(size=N) * 50)
    second = y + 0.3 * RNG.normal(size=N)
    blend = fit_blend([first, second], y, FOLDS, METRICS["rmse"])
    mine = FOLDS == 0
    weights = METHODS[blend.method](np.stack([first, second])[:, ~mine], y[~mine], METRICS["rmse"])
    assert np.array_equal(blend.oof_cross_fitted[mine], combine(np.stack([first, second])[:, mine], weights))


def test_each_fold_is_blended_by_weights_of_the_others() -> None:
    """Weights that tell how many rows they were fitted on."""
    oofs, folds = np.stack([np.zeros((4, 2)), np.ones((4, 2))]), np.array([0, 0, 0, 7])

    def weigh(oofs: Array, y: Array, row_weights: Array | None) -> Array:
        assert oofs.shape == (2, len(y), 2)
        return np.array([0.0, y.sum()])

    blended = cross_fitted_blend(oofs, np.array([1, 10, 100, 1000]), folds, weigh)
    assert blended[:, 0].tolist() == blended[:, 1].tolist() == [1000, 1000, 1000, 111]


def test_rows_that_no_fold_predicts_weigh_nothing() -> None:
    y, none = RNG.normal(size=N), np.arange(N) < N // 4
    folds = np.where(none, -1, FOLDS)
    oofs = np.where(none, np.nan, y + RNG.normal(size=(3, N)) * [[1], [2], [0.5]])
    blend = fit_blend(oofs, y, folds, METRICS["rmse"])
    alone = fit_blend(oofs[:, ~none], y[~none], folds[~none], METRICS["rmse"])
    assert np.array_equal(blend.weights, alone.weights) and blend.scores == alone.scores and blend.score == alone.score
    assert np.array_equal(np.isnan(blend.oof_cross_fitted), none) and np.array_equal(np.isnan(blend.oof), none)


def test_a_missing_prediction_elsewhere_is_an_error() -> None:
    oofs = RNG.normal(size=(2, N))
    oofs[1, 3] = np.nan
    with pytest.raises(FloatingPointError, match="not finite"):
        fit_blend(oofs, RNG.normal(size=N), FOLDS, METRICS["rmse"])


@pytest.mark.parametrize("oofs", [np.zeros((1, N)), np.ones((3, N))])
def test_one_head_or_equal_heads(oofs: Array) -> None:
    blend = fit_blend(oofs, np.arange(N) / N, FOLDS, METRICS["rmse"])
    assert blend.weights.sum() == pytest.approx(1)
    assert blend.oof == pytest.approx(oofs[0])


def test_perfect_heads_have_no_residual_to_weigh() -> None:
    y = np.arange(N) / N
    assert nnls_weights(np.stack([y, y]), y).sum() == pytest.approx(1)
