"""Folds are a partition that never changes; the hashes are those of the first release."""

import hashlib
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.config import FoldsConfig, Task
from swapdae.competition.folds import draw_folds, n_duplicates, train_rows

Y = np.arange(1003) % 7 * 1.0
SHA256 = {
    "shuffle": "7eee379134b32c774b0511a73d78f762070a3754d10e5d6b418cd4db43e216a1",
    "stratified": "12810f95ee64dd65fe60f46824b45b3d973e96afbab87f27c782d6666b3cb9b9",
    "unshuffled": "d522af4d95efa9fc16d751c6fce913b50943d11dd0a1c296b5c2afd634f74e95",
}


def test_folds_are_even_and_use_every_number() -> None:
    folds = draw_folds(Y, FoldsConfig(count=5), "regression")
    labels = folds.labels
    assert labels.shape == (1003,) and labels.dtype == np.int8
    assert np.bincount(labels).tolist() == [201, 201, 201, 200, 200]


def test_unshuffled_folds_are_blocks() -> None:
    folds = draw_folds(Y[:7], FoldsConfig(count=3, kind="unshuffled"), "regression")
    assert folds.labels.tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_stratified_folds_share_out_every_class() -> None:
    y = np.repeat([0, 1, 2], [50, 20, 5])
    folds = draw_folds(y, FoldsConfig(kind="stratified"), "multiclass")
    counts = pd.crosstab(y, folds.labels).to_numpy()
    assert (counts == [[10] * 5, [4] * 5, [1] * 5]).all()


@pytest.mark.parametrize("kind", ["shuffle", "stratified", "unshuffled"])
def test_folds_never_change(kind: Literal["shuffle", "stratified", "unshuffled"]) -> None:
    folds = draw_folds(Y.astype(np.int64), FoldsConfig(kind=kind, seed=3), "multiclass")
    assert hashlib.sha256(folds.labels.tobytes()).hexdigest() == SHA256[kind]


def test_another_seed_draws_other_folds() -> None:
    drawn = [draw_folds(Y, FoldsConfig(seed=seed), "regression").labels for seed in (0, 1)]
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize(
    ("y", "folds", "message"),
    [
        (np.arange(4), FoldsConfig(count=5, kind="unshuffled"), "4 train rows do not go into 5 folds"),
        (np.arange(300), FoldsConfig(count=200), "300 train rows do not go into 200 folds"),
        (np.repeat([0, 1], [20, 3]), FoldsConfig(kind="stratified"), "a class has 3 rows, too few for 5"),
        (np.repeat([0, 1], [20, 5]), FoldsConfig(kind="unshuffled"), "all rows of a class lie in one fold"),
    ],
)
def test_folds_that_cannot_be_drawn(y: np.ndarray, folds: FoldsConfig, message: str) -> None:
    with pytest.raises(UserError, match=message):
        draw_folds(y, folds, "binary")


def test_a_regression_has_no_strata() -> None:
    with pytest.raises(UserError, match="needs classes"):
        draw_folds(Y, FoldsConfig(kind="stratified"), "regression")


GROUPS = np.random.default_rng(0).integers(0, 40, 400)


@pytest.mark.parametrize("kind", ["group", "stratified_group"])
def test_groups_are_held_out_as_a_whole(kind: Literal["group", "stratified_group"]) -> None:
    y = np.random.default_rng(1).integers(0, 2, 400)
    folds = draw_folds(y, FoldsConfig(kind=kind, by=("g",)), "binary", {"group": GROUPS})
    assert pd.Series(folds.labels).groupby(GROUPS).nunique().max() == 1
    assert folds.in_full and folds.predicted.all() and folds.n_folds == 5
    other = draw_folds(y, FoldsConfig(kind=kind, by=("g",), seed=1), "binary", {"group": GROUPS})
    assert (folds.labels != other.labels).any()
    if kind == "stratified_group":
        assert pd.Series(y).groupby(folds.labels).mean().between(0.42, 0.58).all()


@pytest.mark.parametrize("kind", ["shuffle", "group"])
def test_repeats_are_draws_with_the_next_seeds(kind: Literal["shuffle", "group"]) -> None:
    names, by = (("g",), {"group": GROUPS}) if kind == "group" else ((), {})
    twice = draw_folds(Y[:400], FoldsConfig(kind=kind, by=names, repeats=2), "regression", by)
    single = [draw_folds(Y[:400], FoldsConfig(kind=kind, by=names, seed=s), "regression", by) for s in (0, 1)]
    assert twice.n_folds == 10 and twice.n_per_repeat == 5
    assert np.array_equal(twice.held_out, np.concatenate([folds.held_out for folds in single]))
    assert np.array_equal(twice.labels, single[0].labels)


def test_own_numbers_are_taken_and_rows_without_are_trained_on() -> None:
    own = np.array([0, 1, 2, -1, 0, 1, 2])
    folds = draw_folds(Y[:7], FoldsConfig(kind="column", by=("mine",)), "regression", {"fold": own})
    assert folds.labels.tolist() == own.tolist() and folds.n_left_out == 1
    assert folds.training[:, 3].all() and not folds.held_out[:, 3].any()


@pytest.mark.parametrize(
    ("groups", "y", "kind", "message"),
    [
        (np.arange(40) % 4, Y[:40], "group", r"folds\.by = 'g' has 4 groups, and 5 folds take 5"),
        (np.repeat([0, 1, 2, 3, 4, 5, 6], [30, 5, 1, 1, 1, 1, 1]), np.repeat([0, 1], [30, 10]), "group", "of a class"),
    ],
)
def test_groups_that_do_not_go_into_folds(groups: np.ndarray, y: np.ndarray, kind: Any, message: str) -> None:
    task: Task = "binary" if "class" in message else "regression"
    with pytest.raises(UserError, match=message):
        draw_folds(y, FoldsConfig(kind=kind, by=("g",)), task, {"group": groups})


def test_a_row_cap_draws_at_random_and_in_order() -> None:
    rows = train_rows(1000, 100, 0)
    assert len(np.unique(rows)) == 100
    assert (np.diff(rows) > 0).all()
    assert rows[-1] > 900  # a head of the file would end at 99
    np.testing.assert_array_equal(rows, train_rows(1000, 100, 0))
    assert (rows != train_rows(1000, 100, 1)).any()


@pytest.mark.parametrize("cap", [None, 10, 11])
def test_no_cap_takes_all_rows(cap: int | None) -> None:
    assert train_rows(10, cap, 0).tolist() == list(range(10))


def test_duplicates_count_rows_after_the_first() -> None:
    train = pd.DataFrame({"a": ["x", "x", None, None, "y"], "b": [1.0, 1.0, np.nan, np.nan, 1.0]})
    assert n_duplicates(train) == 2
