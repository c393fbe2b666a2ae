"""Targets, labels and samples that a metric cannot take are refused when the table is read."""

from pathlib import Path

import pytest

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition, Task
from swapdae.competition.table import Table, read_table


def read(directory: Path, metric: str, targets: list[str], task: Task = "regression", sample: str = "target") -> Table:
    told = {"name": "c", "host": "kaggle", "slug": "s", "id": "id", "target": "target"}
    rows = "".join(f"{i},{i},{target}\n" for i, target in enumerate(targets))
    (directory / "train.csv").write_text("id,x,target\n" + rows)
    (directory / "test.csv").write_text("id,x\n100,1\n")
    (directory / "sample_submission.csv").write_text(f"id,{sample}\n100{',0' * (sample.count(',') + 1)}\n")
    return read_table(Competition.model_validate({**told, "task": task, "metric": metric}), directory)


@pytest.mark.parametrize(
    ("metric", "cell", "message"),
    [
        ("rmsle", "-0.5", "is negative; the metric takes none: mend it, or take rmse or mae"),
        ("poisson", "-1", "is negative"),
        ("gamma", "0", "is not positive"),
        ("mape", "0", "is zero, and mape divides by the target; take smape or mae"),
        ("kappa_quadratic", "1.5", "is not whole, and kappa compares grades"),
    ],
)
def test_a_target_that_the_metric_cannot_judge(metric: str, cell: str, message: str, tmp_path: Path) -> None:
    assert read(tmp_path, metric, ["1", "2", "3"]).n_train == 3
    with pytest.raises(UserError) as refused:
        read(tmp_path, metric, ["1", cell, "3"])
    line = str(refused.value)
    assert line.startswith(f"{tmp_path / 'train.csv'}, line 3, column 'target': '{cell}' {message}")
    assert line.endswith(f"(metric = '{metric}')") and "\n" not in line


@pytest.mark.parametrize("metric", ["rmsle", "poisson", "smape", "rmse", "kappa_linear"])
def test_a_count_of_zero_is_a_target_like_others(metric: str, tmp_path: Path) -> None:
    assert read(tmp_path, metric, ["0", "2", "3"]).y.tolist() == [0, 2, 3]


def test_labels_of_several_words_cannot_be_ranked(tmp_path: Path) -> None:
    assert read(tmp_path, "map:2", ["a", "b", "c"], "multiclass").classes == ("a", "b", "c")
    with pytest.raises(UserError, match="label 'b d' holds a space, and metric = 'map:2' separates labels by spaces"):
        read(tmp_path, "map:2", ["a", "b d", "c"], "multiclass")
    assert read(tmp_path, "accuracy", ["a", "b d", "c"], "multiclass").n_train == 3


def test_ranks_go_into_one_column(tmp_path: Path) -> None:
    assert read(tmp_path, "logloss", ["a", "b", "c"], "multiclass", "a,b,c").n_train == 3
    with pytest.raises(UserError, match="3 prediction columns; metric = 'map:2' takes one, of 2 labels with spaces"):
        read(tmp_path, "map:2", ["a", "b", "c"], "multiclass", "a,b,c")
