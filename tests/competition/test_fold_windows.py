"""Folds in time: nothing that is trained on lies behind the rows held out, and gaps are as wide as they say."""

from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.config import FoldsConfig
from swapdae.competition.fold_rows import Folds
from swapdae.competition.fold_windows import time_folds
from swapdae.competition.folds import draw_folds

Array = NDArray[Any]
TIMES = np.random.default_rng(0).permutation(np.repeat(np.arange(60.0), 3))  # three rows a day, in no order


def drawn(**changes: Any) -> Folds:
    return time_folds(TIMES, FoldsConfig(kind="time", by=("day",), count=4, **changes))


@pytest.mark.parametrize("window", ["expanding", "sliding"])
def test_the_past_predicts_the_last_blocks_once(window: Literal["expanding", "sliding"]) -> None:
    folds = drawn(window=window)
    for fold in range(4):
        days = np.unique(TIMES[folds.out(fold)])
        assert days.tolist() == list(range(12 * (fold + 1), 12 * (fold + 2)))
        first = 12 * fold if window == "sliding" else 0
        assert np.unique(TIMES[folds.train(fold)]).tolist() == list(range(first, 12 * (fold + 1)))
    assert np.array_equal(folds.predicted, TIMES >= 12) and folds.n_left_out == 36
    assert folds.held_out.sum(axis=0).max() == 1
    assert folds.n_fits == 5 and folds.of_test == range(4, 5) and len(folds.out(4)) == 0
    assert np.unique(TIMES[folds.train(4)]).tolist() == list(range(48 if window == "sliding" else 0, 60))
    few = folds.subset(np.arange(30))
    assert np.array_equal(few.train(4), np.flatnonzero(folds.fits[4, :30]))


@pytest.mark.parametrize(("unit", "gap", "last"), [("column", 5.0, 6), ("rows", 6.0, 9), ("rows", 7.0, 8)])
def test_gap_in_units_of_the_column_or_in_rows(unit: Literal["column", "rows"], gap: float, last: int) -> None:
    """Of day 12, the first held out: 5 days before it are left out, or 6 rows, which are two days; 7 take a third."""
    folds = drawn(gap=gap, unit=unit)
    assert TIMES[folds.train(0)].max() == last
    assert np.array_equal(folds.labels, drawn().labels), "the rows held out stay as they are"


def test_purged_windows_predict_all_rows_and_keep_away_from_them() -> None:
    folds = drawn(window="purged", gap=2, embargo=4)
    assert folds.predicted.all() and not folds.in_full and len(folds.train(4)) == len(TIMES)
    for fold in range(4):
        start, end = 15 * fold, 15 * fold + 14
        near = (start - 2 <= TIMES) & (end + 4 >= TIMES)
        assert np.array_equal(folds.training[fold], ~near)


def test_rows_of_one_time_are_never_torn_apart() -> None:
    times = np.array([1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 4.0])
    folds = time_folds(times, FoldsConfig(kind="time", by=("t",), count=2))
    assert folds.labels.tolist() == [-1] * 7 + [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 60}, r"folds\.by = 'day' has 60 distinct values, and 60 folds in time take 61"),
        ({"gap": 12.0}, "fold 1 of 4: the gap leaves no rows to train on; lower folds.gap"),
        ({"gap": 10.0}, "fold 1 of 4: no room for a gap before the rows that stop early"),
    ],
)
def test_windows_without_rows_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        time_folds(TIMES, FoldsConfig(kind="time", by=("day",), **{"count": 4, **changes}))


def test_a_class_that_appears_too_late_is_refused() -> None:
    config = FoldsConfig(kind="time", by=("day",), count=4)
    y = (TIMES >= 11).astype(int)  # there in the first window, but only among the rows that stop early
    with pytest.raises(UserError, match="fold 1: a class has no row in its window"):
        draw_folds(y, config, "binary", {"time": TIMES})
    assert draw_folds((TIMES % 2).astype(int), config, "binary", {"time": TIMES}).n_folds == 4
