import json
import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import optuna
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from swapdae.base.models import StrictModel
from swapdae.competition.config import Task
from swapdae.competition.metrics import METRICS
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import CrossFit, Problem, cross_fit
from swapdae.modelling.head import Head
from toy_problem import QUICK, toy_problem

TASKS: list[Task] = ["regression", "binary", "multiclass"]
heads = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
SPACES = {kind: head for kind, head in HEADS.items() if head.space is not None}
tunable = pytest.mark.parametrize("head", SPACES.values(), ids=SPACES)
tasks = pytest.mark.parametrize("task", TASKS)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On so few rows threads only wait for each other."""
    with threadpool_limits(1):
        yield


def _quick(head: Head) -> StrictModel:
    return head.params.model_validate(QUICK[head.kind])


def _fit(head: Head, problem: Problem, params: StrictModel | None = None) -> CrossFit:
    return cross_fit(problem, head.factory(params or _quick(head), problem.seed))


@cache
def _quick_fit(kind: str, task: Task = "regression") -> CrossFit:
    """Of the quick params on the toy problem; shared by tests, so not to be changed."""
    return _fit(HEADS[kind], toy_problem(task))


def _mean_score(problem: Problem) -> float:
    """Of predicting the mean, or the classes' shares."""
    if problem.task == "multiclass":
        shares = np.bincount(problem.y) / len(problem.y)
        return problem.metric.score(problem.y, np.tile(shares, (len(problem.y), 1)))
    return problem.metric.score(problem.y, np.full(len(problem.y), problem.y.mean()))


def _probabilities(fit: CrossFit, task: Task) -> None:
    assert fit.test is not None
    for prediction in (fit.oof, fit.test):
        if task != "regression":
            assert prediction.min() >= 0
            assert prediction.max() <= 1 + 1e-6
        if task == "multiclass":
            assert prediction.sum(axis=1) == pytest.approx(1, abs=1e-5)


@heads
@tasks
def test_beats_the_mean_and_takes_a_category_new_in_the_test_set(head: Head, task: Task) -> None:
    problem = toy_problem(task)
    native = problem.features.native(0)
    assert not set(native.x_cat[-1]) & set(native.x_cat[: len(problem.y)].ravel())
    fit = _quick_fit(head.kind, task)
    assert fit.score > _mean_score(problem) + 0.2
    _probabilities(fit, task)


@tunable
@tasks
def test_draws_of_the_space_fit(head: Head, task: Task) -> None:
    problem = toy_problem(task, n_folds=2)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    assert head.space is not None
    drawn = [head.space(study.ask(), _quick(head)) for _ in range(3)]
    assert len({params.model_dump_json() for params in drawn}) == 3
    for params in drawn:
        assert isinstance(params, head.params)
        _probabilities(_fit(head, problem, params), task)


@heads
def test_default_params_fit(head: Head) -> None:
    problem = toy_problem(n_train=1200, n_folds=2)
    cap = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations"}.get(head.kind)
    params = head.params() if cap is None else head.params.model_validate({cap: 60})
    assert _fit(head, problem, params).score > _mean_score(problem)


@tunable
def test_space_keeps_what_it_does_not_search(head: Head) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    trial = study.ask()
    start = _quick(head).model_dump()
    assert head.space is not None
    drawn = head.space(trial, _quick(head)).model_dump()
    assert {name: drawn[name] for name in drawn if name not in trial.params} == {
        name: start[name] for name in start if name not in trial.params
    }
    assert set(trial.params) <= set(start), "names of the space are names of the params"


@tunable
def test_start_params_pass_through_the_space(head: Head) -> None:
    """An enqueued start is what the first trial tries; the defaults lie inside the space."""
    study = optuna.create_study()
    study.enqueue_trial(head.params().model_dump())
    assert head.space is not None
    assert head.space(study.ask(), head.params()) == head.params()


@heads
@tasks
@pytest.mark.parametrize("n_cat, n_num", [(0, 3), (2, 0), (0, 1), (1, 0)])
def test_one_kind_of_columns_only(head: Head, task: Task, n_cat: int, n_num: int) -> None:
    problem = toy_problem(task, n_train=120, n_cat=n_cat, n_num=n_num, n_folds=2)
    _probabilities(_fit(head, problem), task)


@heads
def test_features_of_a_fold_are_read_with_its_own_model(head: Head) -> None:
    """Columns in another order in every other fold: the same as when all are alike."""
    moved, alike = _fit(head, toy_problem(per_fold=True)), _quick_fit(head.kind)
    if head.kind == "mlp":  # its first weights are drawn by position
        assert moved.score == pytest.approx(alike.score, rel=0.2)
    else:
        assert moved.oof == pytest.approx(alike.oof, rel=1e-5)


@heads
@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_same_seed_same_predictions(head: Head, task: Task) -> None:
    assert np.array_equal(_fit(head, toy_problem(task)).oof, _quick_fit(head.kind, task).oof)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "catboost"])
def test_another_seed_other_trees(kind: str) -> None:
    problem, head = toy_problem(), HEADS[kind]
    other = cross_fit(problem, head.factory(_quick(head), 100))
    assert not np.array_equal(other.oof, _quick_fit(kind).oof)


@heads
def test_absolute_error_is_fitted_for_mae(head: Head) -> None:
    """A sixth of the targets is far off: the mean follows them, the median does not (ridge has no other)."""
    base = toy_problem(n_train=240, n_folds=2)
    y = np.where(np.arange(240) % 6 == 0, 1000.0, base.y)
    medians = {}
    for metric in ("rmse", "mae"):
        problem = Problem(base.features, y, base.folds, 60, "regression", 0, METRICS[metric], seed=0)
        medians[metric] = np.median(_fit(head, problem).oof)
    assert medians["rmse"] > 100
    assert (medians["mae"] < 50) == (head.kind != "ridge")


@heads
def test_silent_and_writes_nothing(
    head: Head,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    _fit(head, toy_problem("binary", n_train=60, n_folds=2))
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")
    assert not caplog.records
    assert not list(tmp_path.iterdir())


@heads
def test_params_are_strict_and_survive_json(head: Head) -> None:
    params = head.params()
    assert head.params.model_validate(json.loads(params.model_dump_json())) == params
    with pytest.raises(ValueError, match="Extra inputs"):
        head.params.model_validate({"no_such": 1})
