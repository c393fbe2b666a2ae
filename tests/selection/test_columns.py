"""Selection of columns on problems whose answer is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from swapdae import ConcreteConfig, ConcreteSelector
from swapdae.competition.config import Task
from swapdae.competition.fold_rows import partition
from swapdae.competition.metrics import METRICS
from swapdae.heads import HEADS
from swapdae.heads.lightgbm import LightGBMModel
from swapdae.modelling.cross_fit import Problem
from swapdae.selection.columns import ColumnProblem, order_of_gain, order_of_use, random_columns
from toy_problem import METRIC, toy_problem


def study(task: Task = "regression", n: int = 600) -> ColumnProblem:
    """Six columns; the target follows x3 twice as strongly as the category."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 5)), columns=[f"x{j}" for j in range(5)])
    frame["c"] = rng.choice(list("ab"), n)
    signal = 2 * frame["x3"] + np.where(frame["c"] == "a", 1.0, -1.0) + 0.1 * rng.normal(size=n)
    y = signal.to_numpy() if task == "regression" else (signal > 0).to_numpy().astype(np.int64)
    classes = 0 if task == "regression" else 2
    folds = partition(rng.permutation(n) % 3)
    unread = toy_problem().features
    return ColumnProblem(frame, ("c",), Problem(unread, y, folds, 0, task, classes, METRICS[METRIC[task]], 0))


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_curve_from_two_trainings_finds_the_signal(task: Task) -> None:
    found = study(task).select(1, [1, 2, 3, 4], epochs=15, device="cpu", seed=0)
    assert {k: len(set(names)) for k, names in found.items()} == {1: 1, 2: 2, 3: 3, 4: 4}
    assert found[1] == ("x3",) and set(found[2]) == {"x3", "c"} and set(found[1]) < set(found[2]) < set(found[3])


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_greedy_choice_takes_the_strongest_first_and_sees_the_training_part_alone(task: Task) -> None:
    each = study(task)
    chosen = each.select_greedily(0, 4)
    assert chosen[:2] == ("x3", "c") and len(set(chosen)) == 4
    y, x0 = each.problem.y.copy(), each.frame["x0"].to_numpy()
    held_out = each.problem.folds.labels == 0
    y[held_out] = (100 * x0 if task == "regression" else x0 > 0)[held_out]  # there the target follows x0
    again = replace(each, problem=replace(each.problem, y=y))
    assert again.select_greedily(0, 4) == chosen
    assert "x0" in again.select_greedily(1, 4)[:2], "in the other folds these rows are trained on"


def test_order_of_use_goes_by_the_network() -> None:
    each = study()
    selector = ConcreteSelector(
        3,
        task="regress",
        epochs=0,
        config=ConcreteConfig(decoder_epochs=0),
        start=[0, 3, 5],
        refine=False,
        device="cpu",
    )
    selector.fit(each.frame, each.problem.y)
    assert order_of_use(selector, each.frame, each.problem.y, 0) == ("x3", "c", "x0")


def test_models_read_the_columns_of_their_fold_and_gain_orders_them() -> None:
    each, head = study(), HEADS["lightgbm"]
    params = head.params.model_validate({"n_estimators": 30, "min_child_samples": 5, "min_data_per_group": 5})
    best, models = each.fit([("x3", "c")] * 3, head, params, seed=0)
    assert best.test is None and len(models) == 3
    poor, _ = each.fit([("x3", "c"), ("x0",), ("c",)], head, params, seed=0)
    assert poor.fold_scores[0] == best.fold_scores[0] and poor.fold_scores[1] < best.fold_scores[1] - 0.5
    _, models = each.fit([each.columns] * 3, head, params, seed=0)
    for model in models:
        assert isinstance(model, LightGBMModel)
        assert order_of_gain(model)[:2] == ("x3", "c") and set(order_of_gain(model)) == set(each.columns)


def test_random_columns_are_different_ones() -> None:
    columns = tuple("abcdefgh")
    drawn = [random_columns(columns, 4, seed) for seed in range(5)]
    assert all(len(set(names)) == 4 and set(names) <= set(columns) for names in drawn) and len(set(drawn)) > 1
