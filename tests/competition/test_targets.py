"""A competition of several targets: a view of each, and what its files must hold."""

from pathlib import Path

import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.competition.config import Competition
from swapdae.competition.submission import join_submissions
from swapdae.competition.table import read_table

GIVEN = {
    "name": "small",
    "host": "kaggle",
    "slug": "small",
    "id": "id",
    "target": ["a", "b"],
    "task": "regression",
    "metric": "rmse",
}
FILES = {
    "train": "id,x,a,b\n1,0.5,1,9\n2,0.1,2,8\n3,0.7,3,7\n",
    "test": "id,x\n5,1\n4,2\n",
    "sample_submission": "id,b,a\n4,0,0\n5,0,0\n",
}


def competition(**changes: object) -> Competition:
    return parse(Competition, {**GIVEN, **changes}, "competition.toml")


def write(directory: Path, **changes: str) -> Path:
    for name, content in (FILES | changes).items():
        (directory / f"{name}.csv").write_text(content)
    return directory


def test_a_view_sees_one_target_and_no_other(tmp_path: Path) -> None:
    whole, directory = competition(), write(tmp_path)
    assert whole.targets == ("a", "b")
    for target, y in (("a", [1, 2, 3]), ("b", [9, 8, 7])):
        view = whole.for_target(target)
        table = read_table(view, directory)
        assert view.target == target and table.y.tolist() == y
        assert list(table.train) == list(table.test) == ["x"] and list(table.sample) == ["id", target]


def test_without_a_choice_there_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has targets a, b: choose one, as <experiment>/<target>"):
        read_table(competition(), write(tmp_path))
    with pytest.raises(UserError, match="no target 'c' among several; known are a, b"):
        competition().for_target("c")
    with pytest.raises(UserError, match="no target 'a' among several; it has one target"):
        competition(target="a").for_target("a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": FILES["train"].replace(",b", ",c")}, r"train\.csv: no column 'b', which is a target"),
        ({"sample_submission": "id,a\n4,0\n5,0\n"}, r"sample_submission\.csv: no column 'b', which is a target"),
        ({"test": "id,x,b\n5,1,1\n4,2,1\n"}, r"test\.csv: holds the target 'b'"),
        ({"sample_submission": "id,b,a,c\n4,0,0,0\n5,0,0,0\n"}, r"sample_submission\.csv: 2 prediction columns"),
    ],
)
def test_files_that_do_not_hold_the_targets(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_table(competition().for_target("a"), write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": ["a"]}, "target: a list names two or more columns, each once, and not the id"),
        ({"target": ["a", "a"]}, "target: a list names two or more columns, each once, and not the id"),
        ({"target": ["a", "id"]}, "target: a list names two or more columns, each once, and not the id"),
        ({"target": ["a", "../b"]}, "targets.1: a name has 1 to 100 letters"),
        ({"target": "c", "targets": ["a", "b"]}, "target 'c' is none of a, b"),
        ({"columns": {"drop": ["b"]}}, "columns name 'b', which is the id or the target"),
    ],
)
def test_lists_of_targets_that_make_no_sense(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        competition(**changes)


def test_joined_in_the_samples_order_of_ids_and_columns(tmp_path: Path) -> None:
    for name, content in (("a", "id,a\n5,0.5\n4,0.4\n"), ("b", "id,b\n4,1.4\n5,1.5\n")):
        (tmp_path / f"{name}.csv").write_text(content)
    sample = pd.DataFrame({"id": ["4", "5"], "b": ["0", "0"], "a": ["0", "0"]})
    csvs = {name: tmp_path / f"{name}.csv" for name in "ab"}
    joined = join_submissions(sample, csvs)
    assert joined.to_numpy().tolist() == [["4", "1.4", "0.4"], ["5", "1.5", "0.5"]]
    assert list(joined) == ["id", "b", "a"]
    csvs["a"].write_text("id,a\n5,0.5\n6,0.4\n")
    with pytest.raises(UserError, match=r"a\.csv: has other ids than the sample submission"):
        join_submissions(sample, csvs)
