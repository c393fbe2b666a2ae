import numpy as np
import pytest

from swapdae.competition.fold_rows import Folds, partition, repeated

LABELS = np.array([0, 1, 2, 3, 0, 1, 2, 3, -1])


def test_a_partition_trains_on_all_but_its_own() -> None:
    folds = partition(LABELS)
    assert len(folds) == 9 and folds.n_folds == folds.n_per_repeat == 4 and folds.in_full
    assert folds.labels.tolist() == LABELS.tolist() and folds.n_left_out == 1
    for fold in range(4):
        assert folds.out(fold).tolist() == np.flatnonzero(fold == LABELS).tolist()
        assert folds.train(fold).tolist() == np.flatnonzero(fold != LABELS).tolist()


def test_subsets_keep_the_numbers_of_folds_and_what_rows_are_drawn_by() -> None:
    whole = partition(LABELS)
    folds = Folds(whole.training, whole.held_out, groups=np.arange(9) * 10, times=np.arange(9.0), gap=2)
    part = folds.subset(np.array([3, 1, 8]))
    assert part.labels.tolist() == [3, 1, -1] and part.n_folds == 4 and part.gap == 2
    assert part.groups is not None and part.groups.tolist() == [30, 10, 80]
    assert part.times is not None and part.times.tolist() == [3, 1, 8]


def test_fewer_folds_are_merged_and_empty_ones_dropped() -> None:
    assert partition(LABELS).fewer(2).labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, -1]
    assert partition(LABELS).subset(np.array([0, 2, 4, 6])).fewer(4).labels.tolist() == [0, 1, 0, 1]
    assert repeated([partition(LABELS)] * 3).fewer(4).n_folds == 4


def test_of_windows_the_last_ones_stay() -> None:
    times = np.arange(8)
    training, held_out = (np.stack([rule(k) for k in (2, 4, 6)]) for rule in (times.__lt__, (times // 2 * 2).__eq__))
    folds = Folds(training, held_out, times=times)
    assert folds.labels.tolist() == [-1, -1, 0, 0, 1, 1, 2, 2]
    fewer = folds.fewer(2)
    assert fewer.labels.tolist() == [-1] * 4 + [0, 0, 1, 1] and np.array_equal(fewer.training, training[1:])


@pytest.mark.parametrize(
    ("training", "held_out", "message"),
    [
        ([[1, 0]], [[0, 1]], "two at least"),
        ([[1, 0], [0, 1]], [[0, 1]], "two at least"),
        ([[1, 1], [0, 1]], [[0, 1], [1, 0]], "hold out rows that they train on"),
        ([[0, 1], [0, 1]], [[1, 0], [1, 0]], "a row out more than once"),
    ],
)
def test_dishonest_folds_are_refused(training: list[list[int]], held_out: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Folds(np.array(training, dtype=bool), np.array(held_out, dtype=bool))
