"""Monotone columns by name and native parameters, in every boosting library."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.base.models import StrictModel, parse
from swapdae.experiment.config import Experiment
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import Model, Problem, cross_fit
from swapdae.modelling.features import FloatArray, Native
from toy_problem import QUICK, toy_problem

boosting = pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "catboost"])
BINS = {"lightgbm": "max_bin", "xgboost": "max_bin", "catboost": "border_count"}


class Grid:
    """The toy problem's features, but row by row num0 runs from low to high: what the model makes of it alone."""

    def __init__(self, problem: Problem) -> None:
        self._native = problem.features.native(0)

    def dense(self) -> tuple[FloatArray, ...]:
        return ()

    def native(self) -> Native:
        x = np.repeat(self._native.x_num[0][:1], 60, axis=0)
        x[:, 0] = np.linspace(-3, 3, 60)
        return replace(self._native, x_cat=np.repeat(self._native.x_cat[:1], 60, axis=0), x_num=(x,))


def params(kind: str, **more: Any) -> StrictModel:
    return HEADS[kind].params.model_validate({**QUICK[kind], **more})


def fitted(kind: str, problem: Problem, **more: Any) -> Model:
    model = HEADS[kind].make(params(kind, **more), 0)
    model.fit(problem.view(0))
    return model


def effect(kind: str, problem: Problem, **more: Any) -> NDArray[Any]:
    """(60,) predictions along num0, everything else held."""
    model = fitted(kind, problem, **more)
    return np.asarray(model.predict(Grid(problem), np.arange(60)))


@boosting
def test_predictions_only_rise_or_fall_along_a_column(kind: str) -> None:
    """The target falls in num0's outer thirds and rises in between."""
    base = toy_problem(n_train=600, n_folds=2)
    x = base.features.native(0).x_num[0][:600, 0]
    problem = replace(base, y=np.sin(2 * x).astype(np.float64))
    free = np.diff(effect(kind, problem))
    assert free.min() < -1e-6 and free.max() > 1e-6
    assert np.diff(effect(kind, problem, monotone={"num0": 1})).min() >= -1e-6
    assert np.diff(effect(kind, problem, monotone={"num0": -1})).max() <= 1e-6


@boosting
def test_a_monotone_column_must_be_one_of_numbers(kind: str) -> None:
    with pytest.raises(UserError, match=r"monotone: the head reads no column 'nmu0'; it reads cat0, cat1, num0"):
        fitted(kind, toy_problem(), monotone={"nmu0": 1})
    with pytest.raises(UserError, match="column 'cat0' is categorical, and only numbers rise or fall"):
        fitted(kind, toy_problem(), monotone={"cat0": 1})


@boosting
def test_native_parameters_reach_the_library(kind: str) -> None:
    problem, head = toy_problem(), HEADS[kind]

    def oof(**more: Any) -> NDArray[Any]:
        return cross_fit(problem, head.factory(params(kind, **more), 0), with_test=False).oof

    assert not np.array_equal(oof(), oof(native={BINS[kind]: 3}))


@boosting
@pytest.mark.parametrize("native", [{"no_such": 1}, {"bad_value": -7}])
def test_what_the_library_refuses_is_one_line(kind: str, native: dict[str, int]) -> None:
    given = {BINS[kind]: -7} if "bad_value" in native else native
    with pytest.raises(UserError) as caught:
        fitted(kind, toy_problem(), native=given)
    said = str(caught.value)
    assert said.startswith(f"head {kind}") and "native" in said and "\n" not in said
    assert next(iter(given)) in said


def test_an_error_without_native_parameters_stays_as_it_is() -> None:
    """It is no fault of the user's, so nothing tells them to mend something."""
    problem = toy_problem()
    broken = replace(problem, y=np.full(len(problem.y), np.nan))
    with pytest.raises(Exception, match=r"NaN|nan|label") as caught:
        fitted("xgboost", broken)
    assert not isinstance(caught.value, UserError)


@boosting
@pytest.mark.parametrize("what", ["objective", "field", "alias"])
def test_what_the_head_sets_is_refused(kind: str, what: str) -> None:
    field = {"lightgbm": "num_leaves", "xgboost": "max_depth", "catboost": "depth"}[kind]
    alias = {"lightgbm": "min_data_in_leaf", "xgboost": "eta", "catboost": "max_depth"}[kind]
    name = {"objective": "objective", "field": field, "alias": alias}[what]
    with pytest.raises((UserError, ValueError), match=name):
        fitted(kind, toy_problem(), native={name: 1})


def test_it_is_said_when_the_experiment_is_read() -> None:
    def told(params: dict[str, Any]) -> Experiment:
        heads = {"l": {"kind": "lightgbm", "params": params}}
        return parse(Experiment, {"name": "e", "competition": "c", "heads": heads}, "e.toml")

    assert told({"native": {"max_bin": 63}, "monotone": {"price": 1}}).heads["l"].params["native"] == {"max_bin": 63}
    with pytest.raises(UserError, match=r"e.toml: heads.l.params: native.seed is set by the head itself; leave it out"):
        told({"native": {"seed": 3}})
    with pytest.raises(UserError, match=r"native.num_leaves is a parameter of the head itself: write params.num"):
        told({"native": {"num_leaves": 3}})
    with pytest.raises(UserError, match=r"heads.l.params.monotone.price"):
        told({"monotone": {"price": 2}})


CAP = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations"}


@boosting
def test_refit_learns_from_the_rows_that_stop_early_too(kind: str) -> None:
    """At one round the best round is the first, whatever those rows say."""
    one, problem = {CAP[kind]: 1}, toy_problem(n_train=400, n_folds=2)
    stop = problem.view(0).split[1]
    y = problem.y.copy()
    y[problem.view(0).train[stop]] += 10
    changed = replace(problem, y=y)
    rows = problem.view(0).held_out

    def predicted(problem: Problem, **more: Any) -> NDArray[Any]:
        return np.asarray(fitted(kind, problem, **one, **more).predict(problem.view(0), rows))

    np.testing.assert_array_equal(predicted(problem), predicted(changed))
    assert predicted(changed, refit=True).mean() > predicted(problem, refit=True).mean() + 0.1


@boosting
def test_refit_adds_rounds_as_it_adds_rows(kind: str) -> None:
    problem = toy_problem(n_train=400, n_folds=2)
    once, again = fitted(kind, problem), fitted(kind, problem, refit=True)

    def trees(model: Any) -> int:
        return int(model._model.tree_count_ if kind == "catboost" else model._rounds)

    fit, stop = problem.view(0).split
    assert trees(again) == round(trees(once) * (len(fit) + len(stop)) / len(fit)) > trees(once)


@boosting
def test_who_uses_neither_has_the_params_of_before(kind: str) -> None:
    """They are part of stages' keys."""
    assert not {"native", "monotone", "refit"} & set(params(kind).model_dump())
    given = {"native": {BINS[kind]: 63}, "monotone": {"num0": 1}}
    dumped = params(kind, **given).model_dump(mode="json")
    assert {name: dumped[name] for name in given} == given
    assert HEADS[kind].params.model_validate(dumped) == params(kind, **given)
