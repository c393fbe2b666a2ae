"""A table of one's own: nothing is fetched, nothing handed in, and the kept-back answers are what scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, log_loss, roc_auc_score

from conftest import write_csvs
from pipeline_case import make
from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, read_competition
from swapdae.competition.hosts.interface import Score, host_of
from swapdae.experiment.config import Experiment
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of

OWN = """
host = "none"
id = "id"
target = "target"
task = "regression"
metric = "rmse"
[folds]
count = 3
[files]
solution = "solution.csv"
"""


def competition(**changes: Any) -> Competition:
    fields = {"name": "c", "host": "none", "id": "id", "target": "y", "task": "regression", "metric": "rmse"}
    return Competition.model_validate({**fields, "files": {"solution": "s.csv"}, **changes})


def private(directory: Path, answers: str, submission: pd.DataFrame, **changes: Any) -> float | None:
    (directory / "s.csv").write_text(answers)
    own = competition(**changes)
    score = host_of(own).score(own, submission, directory)
    assert score.public is None
    return score.private


def test_regression_is_scored_by_id(tmp_path: Path) -> None:
    submission = pd.DataFrame({"id": [3, 1, 2], "y": [1.0, 2.0, 4.0]})
    assert private(tmp_path, "id,y\n1,2\n2,4\n3,4\n", submission) == pytest.approx(np.sqrt(3))


def test_a_solution_may_be_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pd.DataFrame({"id": [1, 2], "y": [2.0, 4.0]}).to_parquet(tmp_path / "s.parquet", index=False)
    own = competition(files={"solution": "s.parquet"})
    score = host_of(own).score(own, pd.DataFrame({"id": [2, 1], "y": [4.0, 3.0]}), tmp_path)
    assert score.private == pytest.approx(np.sqrt(1 / 2))


def test_rows_count_by_the_weights_that_the_solution_holds(tmp_path: Path) -> None:
    submission, weight = pd.DataFrame({"id": [1, 2], "y": [1.0, 2.0]}), {"weight": "w"}
    assert private(tmp_path, "id,y,w\n1,2,3\n2,2,1\n", submission, columns=weight) == pytest.approx(np.sqrt(3 / 4))
    assert private(tmp_path, "id,y\n1,2\n2,2\n", submission, columns=weight) == pytest.approx(np.sqrt(1 / 2))


def test_labels_in_order_of_likelihood(tmp_path: Path) -> None:
    submission = pd.DataFrame({"id": [1, 2, 3], "y": ["a b", "c a", "b c"]})
    found = private(tmp_path, "id,y\n1,a\n2,a\n3,a\n", submission, task="multiclass", metric="map:2")
    assert found == pytest.approx((1 + 1 / 2 + 0) / 3)


@pytest.mark.parametrize("low", ["a", "2"])  # letters by the alphabet, numbers by size
def test_binary_is_the_probability_of_the_higher_label(tmp_path: Path, low: str) -> None:
    high = {"a": "b", "2": "10"}[low]
    submission = pd.DataFrame({"id": [1, 2, 3, 4], "y": [0.1, 0.8, 0.4, 0.35]})
    answers = f"y,id\n{low},1\n{high},2\n{low},3\n{high},4\n"
    found = private(tmp_path, answers, submission, task="binary", metric="auc")
    assert found == pytest.approx(roc_auc_score([0, 1, 0, 1], submission["y"]))


def test_classes_by_column_and_by_label(tmp_path: Path) -> None:
    answers = "id,y\n1,cat\n2,dog\n3,cat\n"
    p = pd.DataFrame({"id": [1, 2, 3], "p_dog": [0.2, 0.5, 0.4], "p_cat": [0.7, 0.2, 0.5], "p_eel": [0.1, 0.3, 0.1]})
    found = private(tmp_path, answers, p, task="multiclass", metric="logloss")
    assert found == pytest.approx(
        log_loss(["cat", "dog", "cat"], p[["p_cat", "p_dog", "p_eel"]], labels=["cat", "dog", "eel"])
    )
    labels = pd.DataFrame({"id": [1, 2, 3], "y": ["cat", "dog", "eel"]})
    assert private(tmp_path, answers, labels, task="multiclass", metric="accuracy") == pytest.approx(2 / 3)


def test_grades_are_told_by_their_order_whatever_that_of_the_columns(tmp_path: Path) -> None:
    p = pd.DataFrame({"id": [1, 2, 3], "y_10": [0.1, 0.6, 0.7], "y_2": [0.2, 0.2, 0.2], "y_1": [0.7, 0.2, 0.1]})
    found = private(tmp_path, "id,y\n1,1\n2,2\n3,10\n", p, task="multiclass", metric="kappa_quadratic")
    assert found == pytest.approx(cohen_kappa_score([0, 1, 2], [0, 2, 2], weights="quadratic"))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("id,y\n1,2\n2,4\n", r"no answer for id 3"),
        ("id,y\n1,2\n2,4\n2,4\n", r"line 4, column 'id': '2' occurs again"),
        ("id,y\n1,2\n2,4\n9,4\n", r"line 4, column 'id': '9' is no id of the test rows"),
        ("id,y\n1,2\n2,x\n3,4\n", r"line 3, column 'y': 'x' is not a number"),
        ("id,z\n1,2\n2,4\n3,4\n", r"no column 'y'"),
    ],
)
def test_a_solution_that_does_not_fit(tmp_path: Path, answers: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        private(tmp_path, answers, pd.DataFrame({"id": [1, 2, 3], "y": [1.0, 2.0, 4.0]}))


def test_a_class_that_the_submission_lacks(tmp_path: Path) -> None:
    submission = pd.DataFrame({"id": [1, 2], "p_a": [0.5, 0.5], "p_b": [0.5, 0.5]})
    with pytest.raises(UserError, match=r"line 3, column 'y': 'c' is no class of the submission"):
        private(tmp_path, "id,y\n1,a\n2,c\n", submission, task="multiclass", metric="logloss")
    with pytest.raises(UserError, match="1 labels in 'y'"):
        private(tmp_path, "id,y\n1,a\n2,a\n", submission[["id", "p_a"]], task="binary", metric="auc")


def test_without_a_solution_there_is_no_score(tmp_path: Path) -> None:
    own = competition(files={})
    assert host_of(own).score(own, pd.DataFrame(), tmp_path) == Score(None, None)
    own = competition()
    with pytest.raises(UserError, match=r"s\.csv: no such file; put it there"):
        host_of(own).score(own, pd.DataFrame(), tmp_path)


def test_only_host_none_needs_no_slug_and_takes_a_solution() -> None:
    assert competition().slug == ""
    with pytest.raises(ValueError, match="slug is missing: what kaggle calls"):
        competition(host="kaggle", files={})
    with pytest.raises(ValueError, match="solution is for host = 'none'"):
        competition(host="kaggle", slug="c")
    with pytest.raises(ValueError, match="train and solution are named alike"):
        competition(files={"solution": "train.csv"})


@pytest.fixture
def own(tmp_path: Path) -> Run:
    paths = Paths(tmp_path)
    write_csvs(paths.input("own"))
    paths.competition_file("own").write_text(OWN)
    test = pd.read_csv(paths.input("own") / "test.csv")
    test[["id"]].assign(target=0.25).to_csv(paths.input("own") / "solution.csv", index=False)
    experiment = Experiment.model_validate({"name": "e", "competition": "own", "heads": {"ridge": {"kind": "ridge"}}})
    return Run(paths, experiment, read_competition(paths, "own"), "cpu", say=lambda line: None)


def test_a_run_is_scored_and_another_solution_scores_again_and_nothing_else(own: Run) -> None:
    make(own)
    csv = pd.read_csv(own.paths.submission("e"))
    expected = np.sqrt(((csv["target"] - 0.25) ** 2).mean())
    assert scores_of(own)["blend"]["private"] == pytest.approx(expected)
    before = {stage: own.report(stage).key for stage in ("download", "heads/ridge", "blend", "score")}
    csv[["id"]].assign(target=1.25).to_csv(own.input / "solution.csv", index=False)
    make(own)
    changed = {stage for stage, key in before.items() if own.report(stage).key != key}
    assert changed == {"score"}
    assert scores_of(own)["blend"]["private"] == pytest.approx(np.sqrt(((csv["target"] - 1.25) ** 2).mean()))


def test_a_missing_file_is_named_and_nothing_is_written(own: Run) -> None:
    (own.input / "test.csv").unlink()
    with pytest.raises(UserError, match=r"own: no file test\.csv, and host 'none' fetches none; put it there"):
        make(own)
    assert not (own.input / "test.csv").exists() and not own.paths.submission("e").exists()


def test_nothing_is_handed_in(own: Run) -> None:
    make(own)
    with pytest.raises(UserError, match="host 'none' takes no submissions"):
        make(own, "submit")
