"""A column of weights belongs to the rows, and is no feature."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import COMPETITION
from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import read_competition
from swapdae.competition.table import Table, read_table


def read(tree: Paths, columns: str = 'weight = "w"') -> Table:
    tree.competition_file("synthetic").write_text(f"{COMPETITION}\n[columns]\n{columns}\n")
    return read_table(read_competition(tree, "synthetic"), tree.input("synthetic"))


def changed(file: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(file)).to_csv(file, index=False)


@pytest.mark.parametrize("in_test", [False, True])
def test_weights_are_read_and_are_no_feature(tree: Paths, in_test: bool) -> None:
    folder = tree.input("synthetic")
    changed(folder / "train.csv", lambda train: train.assign(w=np.arange(300) / 10))
    if in_test:
        changed(folder / "test.csv", lambda test: test.assign(w=1))
    table = read(tree)
    assert table.weights is not None and table.weights.tolist() == (np.arange(300) / 10).tolist()
    assert "w" not in table.train and "w" not in table.test
    assert table.categorical == ("c0", "c1", "c2", "c3") and len(table.numerical) == 5, "the other kinds are auto"
    part = table.subset(np.array([5, 7]))
    assert part.weights is not None and part.weights.tolist() == [0.5, 0.7]


def test_beside_listed_kinds(tree: Paths) -> None:
    folder = tree.input("synthetic")
    changed(folder / "train.csv", lambda train: train.assign(w=2.0))
    listed = 'categorical = ["c0", "c1", "c2", "c3"]\nnumerical = ["x0", "x1", "x2", "x3", "x4"]\nweight = "w"'
    assert read(tree, listed).weights is not None
    with pytest.raises(UserError, match="weight = 'x0' is named as numerical, too"):
        read(tree, listed.replace('"w"', '"x0"'))


def test_without_a_column_of_weights_there_are_none(tree: Paths) -> None:
    assert read(tree, "").weights is None


@pytest.mark.parametrize(
    ("cell", "said"),
    [("-1", "line 4, column 'w'"), ("", "is no weight"), ("heavy", "'heavy' is no weight"), ("inf", "is no weight")],
)
def test_a_cell_that_is_no_weight_is_named(tree: Paths, cell: str, said: str) -> None:
    weights = ["1", "1", cell, *["1"] * 297]
    changed(tree.input("synthetic") / "train.csv", lambda train: train.assign(w=weights))
    with pytest.raises(UserError, match=said):
        read(tree)


def test_a_column_that_is_not_there_or_weighs_nothing_is_refused(tree: Paths) -> None:
    with pytest.raises(UserError, match=r"train.csv: no column 'w', which columns.weight names"):
        read(tree)
    changed(tree.input("synthetic") / "train.csv", lambda train: train.assign(w=0))
    with pytest.raises(UserError, match="every weight is 0"):
        read(tree)
    with pytest.raises(UserError, match="'target' is the id or the target"):
        read(tree, 'weight = "target"')
