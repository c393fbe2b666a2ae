from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from swapdae.competition.config import FoldsConfig, Task
from swapdae.competition.fold_rows import Folds, partition
from swapdae.competition.folds import draw_folds
from swapdae.competition.metrics import METRICS
from swapdae.modelling.cross_fit import FoldView, Problem, cross_fit, fold_values
from swapdae.modelling.features import FoldFeatures, RowNumbers
from toy_problem import ToyFeatures, toy_problem

Array = NDArray[Any]


class Nearest:
    """1-NN: perfect on every row it has seen."""

    def fit(self, view: FoldView) -> None:
        self.x = np.concatenate(view.dense(), axis=1)
        self.known, self.y = self.x[view.train], view.y

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> Array:
        distances = ((self.x[rows, None] - self.known) ** 2).sum(axis=2)
        return np.asarray(self.y[distances.argmin(axis=1)], dtype=np.float64)


class Recorder:
    """Predicts its number; keeps what it was given."""

    def __init__(self, number: int, width: int | None = None) -> None:
        self.number, self.width = number, width
        self.predicted: list[int] = []
        self.views: list[FoldView] = []

    def fit(self, view: FoldView) -> None:
        self.views.append(view)

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> Array:
        self.predicted.extend(rows.tolist())
        return np.full((len(rows), self.width) if self.width else len(rows), float(self.number))


def test_a_memorizing_model_is_not_perfect() -> None:
    problem = toy_problem(n_folds=4)
    model = Nearest()
    model.fit(problem.view(0))
    train = problem.view(0).train
    assert np.array_equal(model.predict(problem.view(0), train), problem.y[train]), "it does memorize"
    result = cross_fit(problem, lambda fold: Nearest())
    assert np.mean(result.oof == problem.y) == 0
    assert result.score < -0.5


def test_each_row_is_predicted_once_by_a_fresh_model_that_has_not_seen_it() -> None:
    problem = toy_problem(n_folds=3)
    models: list[Recorder] = []

    def make(fold: int) -> Recorder:
        models.append(Recorder(fold))
        return models[-1]

    result = cross_fit(problem, make)
    n = len(problem.y)
    assert [len(model.views) for model in models] == [1, 1, 1]
    assert sorted(row for model in models for row in model.predicted if row < n) == list(range(n))
    assert np.array_equal(result.oof, problem.folds.labels), "row by the model of its fold"
    for model in models:
        view = model.views[0]
        assert np.array_equal(np.sort(np.concatenate([view.train, view.held_out])), np.arange(n))
        assert np.array_equal(view.y, problem.y[view.train])
        assert not any(np.shape(value) == (n,) for value in vars(view).values()), "no targets of held-out rows"
    assert result.test == pytest.approx(np.ones(problem.n_test)), "mean of models 0, 1, 2"


def test_overall_score_is_recomputed_not_averaged() -> None:
    problem = toy_problem("binary", n_folds=3)
    seen: list[tuple[int, float]] = []
    result = cross_fit(problem, lambda fold: Nearest(), lambda fold, score: seen.append((fold, score)))
    assert result.score == problem.metric.score(problem.y, result.oof)
    assert result.score != np.mean(result.fold_scores)
    assert seen == list(enumerate(result.fold_scores))
    for fold, score in seen:
        mine = problem.folds.labels == fold
        assert score == problem.metric.score(problem.y[mine], result.oof[mine])


def test_on_fold_may_stop_and_test_rows_may_be_left_out() -> None:
    problem = toy_problem()
    model = Recorder(0)

    def stop(fold: int, score: float) -> None:
        if fold == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_fit(problem, lambda fold: model, stop)
    assert len(model.views) == 2
    model = Recorder(0)
    assert cross_fit(problem, lambda fold: model, with_test=False).test is None
    assert max(model.predicted) < len(problem.y)


def test_a_prediction_that_is_not_finite_names_the_head() -> None:
    class Diverged(Recorder):
        def predict(self, features: FoldFeatures, rows: RowNumbers) -> Array:
            return np.where(rows == rows[3], np.nan, 1.0)

    with pytest.raises(FloatingPointError, match=r"head 'wide', fold 0: 1 of 100 predictions"):
        cross_fit(toy_problem(), lambda fold: Diverged(fold), name="wide")
    with pytest.raises(ValueError, match=r"head 'Recorder', fold 0: predictions are \(100, 2\), not \(100,\)"):
        cross_fit(toy_problem(), lambda fold: Recorder(fold, width=2))


def test_a_fold_without_a_class_has_no_auc_but_the_whole_has() -> None:
    base = toy_problem("binary", n_train=60)
    problem = Problem(
        base.features, np.arange(60) // 30, partition(np.arange(60) // 20), 60, "binary", 2, base.metric, seed=0
    )
    result = cross_fit(problem, lambda fold: Recorder(fold))
    assert np.isnan(result.fold_scores).tolist() == [True, False, True]
    assert np.isfinite(result.score)


def test_values_by_fold_are_the_metric_of_each_folds_rows() -> None:
    y, prediction = np.array([0.0, 1.0, 2.0, 5.0]), np.array([1.0, 1.0, 1.0, 1.0])
    folds = np.array([3, 1, 3, 1])  # a fold may be missing: these are rows that several experiments share
    assert fold_values(METRICS["mae"], y, prediction, folds).tolist() == [2.0, 1.0]
    lacking = fold_values(METRICS["auc"], np.array([0, 1, 1, 1]), prediction, np.array([0, 0, 1, 1]))
    assert lacking[0] == 0.5 and np.isnan(lacking[1])


def test_metric_of_another_task_is_refused() -> None:
    base = toy_problem()
    with pytest.raises(ValueError, match="metric 'auc' does not fit task 'regression'"):
        replace(base, metric=METRICS["auc"])


@pytest.mark.parametrize("folds", [[0, 0, 0, 0], [0, 2, 0, 2], [-2, 0, 1, 0], [0, 1, 0]])
def test_bad_folds_are_refused(folds: list[int]) -> None:
    base = toy_problem()
    with pytest.raises(ValueError, match="folds"):
        Problem(base.features, np.zeros(4), partition(np.array(folds)), 0, "regression", 0, base.metric, seed=0)


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_split_keeps_a_tenth_and_spreads_the_classes(task: Task) -> None:
    view = toy_problem(task).view(1)
    fit, stop = view.split
    assert np.array_equal(np.sort(np.concatenate([fit, stop])), np.arange(200))
    assert len(stop) == 20
    if task != "regression":
        share = np.bincount(view.y[stop]) - np.bincount(view.y) / 10
        assert np.abs(share).max() <= 1
    again = toy_problem(task).view(1).split
    assert np.array_equal(again[0], fit), "seeded"
    assert not np.array_equal(toy_problem(task).view(2).split[0], fit)


def test_split_fits_on_the_only_row_of_a_class() -> None:
    base = toy_problem("multiclass", n_train=40, n_folds=2)
    for lone in range(0, 40, 3):
        y = np.arange(40) % 2
        y[lone] = 2
        view = Problem(base.features, y, base.folds, 0, "multiclass", 3, base.metric, seed=lone).view(0)
        assert set(view.y[view.split[0]]) == set(view.y)


def test_split_of_two_rows() -> None:
    base = toy_problem("binary", n_train=4, n_folds=2)
    view = Problem(
        base.features, np.array([0, 1, 0, 1]), partition(np.array([0, 0, 1, 1])), 0, "binary", 2, base.metric, 0
    ).view(0)
    fit, stop = view.split
    assert (len(fit), len(stop)) == (2, 1)


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_tune_rows_sample_the_train_rows(task: Task) -> None:
    problem = toy_problem(task)
    whole, sample = problem.view(0), problem.view(0, tune_rows=60)
    assert len(sample.train) == len(sample.y) == 60
    assert set(sample.train) < set(whole.train)
    assert np.array_equal(sample.y, problem.y[sample.train])
    assert np.array_equal(sample.held_out, whole.held_out)
    assert np.array_equal(sample.train, problem.view(0, tune_rows=60).train)
    assert len(problem.view(0, tune_rows=10_000).train) == 200
    if task == "multiclass":
        assert np.abs(np.bincount(sample.y) - 0.3 * np.bincount(whole.y)).max() <= 1


GROUPS = np.repeat(np.arange(60), 5)


def noisy_groups(folds: Folds) -> Problem:
    """Rows of a group share a noise value in their features, and the target is noise that they share, too."""
    base, rng = toy_problem(), np.random.default_rng(0)
    x_num = rng.normal(size=(60, 1))[GROUPS].astype(np.float32)
    features = ToyFeatures(np.zeros((300, 0), dtype=np.int32), x_num, ())
    return replace(base, features=features, y=rng.normal(size=60)[GROUPS], folds=folds, n_test=0)


def test_a_memorizing_model_is_perfect_on_torn_groups_and_not_on_whole_ones() -> None:
    shuffled = draw_folds(np.zeros(300), FoldsConfig(), "regression")
    torn = cross_fit(noisy_groups(shuffled), lambda fold: Nearest())
    assert torn.score > -0.2, "groups torn apart tell each other's targets"
    grouped = draw_folds(np.zeros(300), FoldsConfig(kind="group", by=("g",)), "regression", {"group": GROUPS})
    kept = cross_fit(noisy_groups(grouped), lambda fold: Nearest())
    assert kept.score < -1, "a stranger's target is as good as noise"


def test_rows_that_stop_early_are_whole_groups() -> None:
    folds = draw_folds(np.zeros(300), FoldsConfig(kind="group", by=("g",)), "regression", {"group": GROUPS})
    for tune_rows in (None, 150):
        view = noisy_groups(folds).view(1, tune_rows)
        fit, stop = (set(GROUPS[view.train[part]]) for part in view.split)
        assert stop and fit and not fit & stop and not (fit | stop) & set(GROUPS[view.held_out])


def in_time(**changes: Any) -> Problem:
    times = np.random.default_rng(0).permutation(300).astype(float)
    config = FoldsConfig(kind="time", by=("t",), count=4, **changes)
    return replace(toy_problem(), folds=draw_folds(np.zeros(300), config, "regression", {"time": times}))


def test_rows_that_stop_early_are_the_latest_behind_a_gap() -> None:
    problem = in_time(gap=6)
    times = problem.folds.times
    assert times is not None
    view = problem.view(2)
    fit, stop = (times[view.train[part]] for part in view.split)
    assert fit.max() < stop.min() - 6 and stop.max() < times[view.held_out].min() - 6


def test_the_first_rows_in_time_stay_without_a_prediction() -> None:
    problem = in_time()
    result = cross_fit(problem, lambda fold: Recorder(fold))
    assert problem.folds.times is not None
    first = problem.folds.times < 60
    assert result.test == pytest.approx(np.full(problem.n_test, 4.0)), "by the final model alone"
    assert np.isnan(result.oof[first]).all() and np.array_equal(result.oof[~first], problem.folds.labels[~first])
    expected = np.sqrt(np.mean((problem.y[~first] - problem.folds.labels[~first]) ** 2))
    assert result.score == pytest.approx(-expected)
    wide = replace(problem, y=np.arange(300) % 3, task="multiclass", n_classes=3, metric=METRICS["logloss"])
    oof = cross_fit(wide, lambda fold: Recorder(fold, width=3)).oof
    assert oof.shape == (300, 3) and np.array_equal(np.isnan(oof).all(axis=1), first)


def test_the_final_fit_is_of_all_rows_in_time_and_made_for_test_rows_alone() -> None:
    problem, models = in_time(), list[Recorder]()

    def make(fold: int) -> Recorder:
        models.append(Recorder(fold))
        return models[-1]

    cross_fit(problem, make)
    view, n = models[4].views[0], len(problem.y)
    assert np.array_equal(view.train, np.arange(n)) and np.array_equal(view.y, problem.y)
    assert models[4].predicted == list(range(n, n + problem.n_test))
    assert all(row < n for model in models[:4] for row in model.predicted)
    models.clear()
    cross_fit(problem, make, with_test=False)
    assert [model.number for model in models] == [0, 1, 2, 3]


def test_repeats_are_averaged() -> None:
    folds = draw_folds(np.zeros(300), FoldsConfig(count=3, repeats=2), "regression")
    problem = replace(toy_problem(), folds=folds)
    seen: list[int] = []
    result = cross_fit(problem, lambda fold: Recorder(fold), lambda fold, score: seen.append(fold))
    second = folds.held_out[3:].argmax(axis=0) + 3
    assert seen == list(range(6)) and len(result.fold_scores) == 6
    assert result.oof == pytest.approx((folds.labels + second) / 2)
    assert result.test == pytest.approx(np.full(problem.n_test, 2.5))
    mine = folds.out(4)
    assert result.fold_scores[4] == pytest.approx(-np.sqrt(np.mean((problem.y[mine] - 4) ** 2)))


def test_folds_without_rows_are_refused() -> None:
    problem = toy_problem(n_train=9)
    with pytest.raises(ValueError, match="folds must each have rows"):
        replace(problem, y=problem.y[:3], folds=problem.folds.subset(np.flatnonzero(problem.folds.labels)[:3]))
