"""Folds by columns and by a file of one's own, from real CSVs; what cannot be read is named by file and line."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.table import Table, read_table

N = 12
TRAIN = pd.DataFrame(
    {
        "id": range(100, 100 + N),
        "person": list("aabbccddeeff"),
        "shop": ["x", "y"] * 6,
        "day": [f"2024-01-{d:02d}" for d in range(1, N + 1)],
        "step": range(N),
        "mine": [0, 1, 2] * 4,
        "x": np.linspace(0, 1, N),
        "y": np.arange(N) * 1.5,
    }
)
TEST_LACKS = ["y", "person", "mine"]


def table(directory: Path, train: pd.DataFrame = TRAIN, **folds: Any) -> Table:
    told = {"name": "a", "host": "kaggle", "slug": "a", "id": "id", "target": "y", "task": "regression"}
    test = TRAIN.assign(id=TRAIN["id"] + 500).drop(columns=TEST_LACKS)
    train.to_csv(directory / "train.csv", index=False)
    test.drop(columns=[c for c in test if c not in train]).to_csv(directory / "test.csv", index=False)
    test[["id"]].assign(y=0).to_csv(directory / "sample_submission.csv", index=False)
    return read_table(Competition.model_validate({**told, "metric": "rmse", "folds": folds}), directory)


def features(*without: str) -> pd.DataFrame:
    return TRAIN.drop(columns=list(without))


def test_groups_of_one_column_or_of_several(tmp_path: Path) -> None:
    read = table(tmp_path, features("mine"), kind="group", by="person")
    assert read.fold_by["group"].tolist() == np.repeat(range(6), 2).tolist()
    assert "person" not in read.train, "the test file lacks it, so it is no feature"
    read = table(tmp_path, features("mine"), kind="group", by=["person", "shop"])
    assert len(set(read.fold_by["group"])) == N and "shop" in read.train
    assert read.subset(np.array([0, 3])).fold_by["group"].tolist() == read.fold_by["group"][[0, 3]].tolist()


def test_a_column_that_is_a_feature_stays_one(tmp_path: Path) -> None:
    read = table(tmp_path, features("person", "mine"), kind="time", by="step")
    assert read.fold_by["time"].tolist() == list(range(N)) and "step" in read.numerical


def test_dates_are_days(tmp_path: Path) -> None:
    train = features("person", "mine").assign(day=["2024-02-28", "2024-02-29T12:00", "2024-03-01"] * 4)
    days = table(tmp_path, train, kind="time", by="day").fold_by["time"]
    assert np.diff(days[:3]).tolist() == [1.5, 0.5]


@pytest.mark.parametrize("first", [0, 1])
def test_own_fold_numbers_of_a_column_are_no_feature(tmp_path: Path, first: int) -> None:
    numbers = np.arange(N) % 3 + first
    read = table(tmp_path, features("person").assign(mine=numbers), kind="column", by="mine")
    assert read.fold_by["fold"].tolist() == (np.arange(N) % 3).tolist() and "mine" not in read.train


def test_own_fold_numbers_of_a_file_go_by_id(tmp_path: Path) -> None:
    own = pd.DataFrame({"fold": [9, *range(N)], "id": [1, *TRAIN["id"]]}).assign(fold=lambda f: f["fold"] % 4 - 1)
    own.sample(frac=1, random_state=0).to_csv(tmp_path / "own.csv", index=False)
    read = table(tmp_path, features("person", "mine"), kind="file", by="own.csv")
    assert read.fold_by["fold"].tolist() == (np.arange(N) % 4 - 1).tolist()


@pytest.mark.parametrize(
    ("changes", "folds", "message"),
    [
        ({}, {"kind": "group", "by": "nobody"}, r"train\.csv: no column 'nobody'; name the right one as folds\.by"),
        ({"person": ["a"] * 11 + [""]}, {"kind": "group", "by": "person"}, r"line 13, column 'person': '' is empty"),
        ({"day": ["2024-01-01"] * 11 + ["soon"]}, {"kind": "time", "by": "day"}, r"line 13.*'soon' is no ISO date"),
        ({"day": ["x"] * 12}, {"kind": "time", "by": "day"}, r"line 2.*neither a number nor an ISO date .*11 more"),
        ({"step": [*range(11), "inf"]}, {"kind": "time", "by": "step"}, r"line 13.*'inf' is"),
        ({"mine": [0, 1.5] * 6}, {"kind": "column", "by": "mine"}, r"line 3, column 'mine': '1\.5' is no fold number"),
        ({"mine": [0, 1000] * 6}, {"kind": "column", "by": "mine"}, r"line 3, column 'mine': '1000' is no fold number"),
        ({"mine": [0, 2] * 6}, {"kind": "column", "by": "mine"}, "train rows have the folds 0, 2; number two or more"),
        ({"mine": [1] * 12}, {"kind": "column", "by": "mine"}, "train rows have the folds 1; number two or more"),
    ],
)
def test_what_folds_cannot_be_drawn_by(
    tmp_path: Path, changes: dict[str, Any], folds: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as refused:
        table(tmp_path, TRAIN.assign(**changes), **folds)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("id,folds\n100,0\n", r"own\.csv: no column 'fold'; a file of folds has the columns id and fold"),
        ("id,fold\n100,0\n100,1\n", r"own\.csv, line 3, column 'id': '100' occurs again"),
        ("id,fold\n100,0\n101,z\n", r"own\.csv, line 3, column 'fold': 'z' is no fold number"),
        (
            "id,fold\n100,0\n101,1\n",
            r"train\.csv, line 4, column 'id': '102' has no fold in own\.csv; add it there \(and 9",
        ),
        (None, r"own\.csv: no such file; folds\.by in competition\.toml names it"),
    ],
)
def test_files_of_folds_that_are_refused(tmp_path: Path, own: str | None, message: str) -> None:
    if own is not None:
        (tmp_path / "own.csv").write_text(own)
    with pytest.raises(UserError, match=message):
        table(tmp_path, features("person", "mine"), kind="file", by="own.csv")
