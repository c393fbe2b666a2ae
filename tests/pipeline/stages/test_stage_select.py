from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from swapdae.base.errors import UserError
from swapdae.experiment.config import Experiment
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import STAGES, dae, download, heads, select
from swapdae.selection.config import SelectConfig

HEADS = {
    "lightgbm": {"kind": "lightgbm", "features": "raw+dae_selected", "params": {"n_estimators": 5}},
    "ridge": {"kind": "ridge", "features": "dae_selected"},
}
Selecting = Callable[..., Run]


@pytest.fixture
def selecting(run: Run) -> Selecting:
    """The tiny experiment with heads on selected features, its autoencoder trained."""

    def made(scope: str = "transductive", **options: Any) -> Run:
        values = {**run.experiment.model_dump(), "heads": HEADS, "select": {"k": 6, "rows": 200, **options}}
        values["dae"]["scope"] = scope
        selects = replace(run, experiment=Experiment.model_validate(values))
        download.main(selects)
        dae.main(selects)
        return selects

    return made


@pytest.mark.parametrize("scope", ["transductive", "per_fold"])
@pytest.mark.parametrize("task", ["supervised", "unsupervised"])
@pytest.mark.parametrize("method", ["greedy", "concrete"])
def test_chosen_features_are_written_for_heads(selecting: Selecting, task: str, method: str, scope: str) -> None:
    run = selecting(scope, task=task, method=method, epochs=1)
    (report,) = select.main(run)
    shared = (task, scope) == ("unsupervised", "transductive")
    chosen = report.metrics["chosen"]
    assert len(chosen) == len(run.select_files) == (1 if shared else 3)
    features = run.features("dae_selected")
    assert features.shared == shared
    for fold, columns in enumerate(chosen):
        assert len(set(columns)) == 6
        assert np.array_equal(features.dense(fold)[0], run.features("dae").dense(fold)[0][:, columns])
    joined = run.features("raw+dae_selected").native(0)
    assert joined.names == (*run.features("raw").native(0).names, *(f"dae_selected_{j}" for j in range(6)))
    assert report.device.startswith("CPU")


def test_heads_are_fitted_on_selected_features(selecting: Selecting) -> None:
    run = selecting()
    select.main(run)
    assert [report.metrics["features"] for report in heads.main(run)] == ["raw+dae_selected", "dae_selected"]


@pytest.mark.parametrize("method", ["greedy", "concrete"])
def test_targets_of_held_out_rows_decide_nothing_of_their_fold(selecting: Selecting, method: str) -> None:
    run = selecting(method=method, epochs=10)
    before, held_out = _chosen(run), np.flatnonzero(run.folds == 0)
    again = run.again()
    y = run.table.y.copy()
    y[held_out] = -5 * np.random.default_rng(0).permutation(y[held_out])
    again.__dict__.update(table=replace(run.table, y=y), folds=run.folds)
    after = _chosen(again)
    assert before[0] == after[0]
    assert before[1:] != after[1:], "in the other folds these rows are trained on"


def _chosen(run: Run) -> list[list[int]]:
    scratch = run.paths.root / "scratch"
    scratch.mkdir(exist_ok=True)
    chosen: list[list[int]] = select._body(run, scratch)["chosen"]
    return chosen


def test_rows_are_those_of_the_training_part_and_capped(selecting: Selecting) -> None:
    run = selecting(rows=100)
    for fold, rows in enumerate(select.row_sets(run)):
        assert 80 < len(rows) < 120 and (run.folds[rows] != fold).all()
    every = selecting(rows=None)
    assert [len(rows) for rows in select.row_sets(every)] == [200] * 3
    unsupervised = selecting(task="unsupervised", rows=100)
    assert [len(rows) for rows in select.row_sets(unsupervised)] == [100]
    assert select.row_sets(unsupervised)[0].max() >= 300, "test rows carry no label"


@pytest.mark.parametrize("method", ["greedy", "concrete"])
def test_too_many_features_are_refused(selecting: Selecting, method: str) -> None:
    with pytest.raises(UserError, match=r"tiny: select.*k = 1000.* vary"):
        select.main(selecting(k=1000, method=method))


def test_no_head_reads_selected_features_nothing_is_selected(run: Run) -> None:
    assert select in STAGES and not select.stages(run) and not select.main(run)


def test_selection_of_a_multiclass_target(selecting: Selecting) -> None:
    run = selecting()
    classes = np.digitize(run.table.y, [-1, 1])
    many = replace(run, competition=run.competition.model_copy(update={"task": "multiclass", "metric": "logloss"}))
    many.__dict__.update(table=replace(run.table, y=classes, classes=("a", "b", "c")), folds=run.folds)
    assert [len(set(columns)) for columns in _chosen(many)] == [6] * 3
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SelectConfig(k=0)
