from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline_case import make, with_table
from swapdae.base.errors import UserError
from swapdae.experiment.config import Experiment
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.publish import open_scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import select
from swapdae.selection.config import SelectConfig

HEADS = {
    "lightgbm": {"kind": "lightgbm", "features": ["raw", "dae_selected"], "params": {"n_estimators": 5}},
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
        make(selects, "dae")
        return selects

    return made


@pytest.mark.parametrize("scope", ["transductive", "per_fold"])
@pytest.mark.parametrize("task", ["supervised", "unsupervised"])
@pytest.mark.parametrize("method", ["greedy", "concrete"])
def test_chosen_features_are_written_for_heads(selecting: Selecting, task: str, method: str, scope: str) -> None:
    run = selecting(scope, task=task, method=method, epochs=1)
    (report,) = make(run, "select")
    shared = (task, scope) == ("unsupervised", "transductive")
    chosen = report.metrics["chosen"]
    assert len(chosen) == len(FeatureStore(run).selected_files) == (1 if shared else 3)
    features = FeatureStore(run).view("dae_selected")
    assert features.shared == shared
    for fold, columns in enumerate(chosen):
        assert len(set(columns)) == 6
        assert np.array_equal(features.dense(fold)[0], FeatureStore(run).view("dae").dense(fold)[0][:, columns])
    joined = FeatureStore(run).views(["raw", "dae_selected"]).native(0)
    assert joined.names == (*FeatureStore(run).view("raw").native(0).names, *(f"dae_selected_{j}" for j in range(6)))
    assert report.device.startswith("CPU")


def test_heads_are_fitted_on_selected_features(selecting: Selecting) -> None:
    run = selecting()
    make(run, "select")
    assert [report.metrics["features"] for report in make(run, "heads")] == [["raw", "dae_selected"], ["dae_selected"]]


@pytest.mark.parametrize("method", ["greedy", "concrete"])
def test_targets_of_held_out_rows_decide_nothing_of_their_fold(selecting: Selecting, method: str) -> None:
    run = selecting(method=method, epochs=10)
    before, held_out = _chosen(run), np.flatnonzero(run.data.folds.labels == 0)
    y = run.data.table.y.copy()
    y[held_out] = -5 * np.random.default_rng(0).permutation(y[held_out])
    after = _chosen(with_table(run, y=y))
    assert before[0] == after[0]
    assert before[1:] != after[1:], "in the other folds these rows are trained on"


def _chosen(run: Run) -> list[list[int]]:
    scratch = open_scratch(run.paths.root / "again", "k")
    chosen: list[list[int]] = select._body(run, scratch)["chosen"]
    return chosen


def test_rows_are_those_of_the_training_part_and_capped(selecting: Selecting) -> None:
    run = selecting(rows=100)
    for fold, rows in enumerate(select.row_sets(run, FeatureStore(run))):
        assert 80 < len(rows) < 120 and (run.data.folds.labels[rows] != fold).all()
    every = selecting(rows=None)
    assert [len(rows) for rows in select.row_sets(every, FeatureStore(every))] == [200] * 3
    unsupervised = selecting(task="unsupervised", rows=100)
    assert [len(rows) for rows in select.row_sets(unsupervised, FeatureStore(unsupervised))] == [100]
    assert select.row_sets(unsupervised, FeatureStore(unsupervised))[0].max() >= 300, "test rows carry no label"


@pytest.mark.parametrize("method", ["greedy", "concrete"])
def test_too_many_features_are_refused(selecting: Selecting, method: str) -> None:
    with pytest.raises(UserError, match=r"tiny: select.*k = 1000.* vary"):
        make(selecting(k=1000, method=method), "select")


def test_no_head_reads_selected_features_nothing_is_selected(run: Run) -> None:
    assert not make(run, "select")


def test_selection_of_a_multiclass_target(selecting: Selecting) -> None:
    run = selecting()
    classes = np.digitize(run.data.table.y, [-1, 1])
    many = with_table(run, y=classes, classes=("a", "b", "c"))
    competition = run.competition.model_copy(update={"task": "multiclass", "metric": "logloss"})
    object.__setattr__(many, "competition", competition)
    assert [len(set(columns)) for columns in _chosen(many)] == [6] * 3
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SelectConfig(k=0)
