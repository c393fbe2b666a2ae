import numpy as np
import pytest

from swapdae.competition.stop_rows import split_groups, split_times

RNG = np.random.default_rng(0)
N = 400


@pytest.mark.parametrize("classes", [False, True])
def test_groups_are_fitted_on_or_watched_as_a_whole(classes: bool) -> None:
    groups, y = RNG.integers(0, 60, N), RNG.integers(0, 2, N)
    fit, stop = split_groups(y, classes, groups, np.random.default_rng(0))
    assert np.array_equal(np.sort(np.concatenate([fit, stop])), np.arange(N))
    assert not set(groups[fit]) & set(groups[stop])
    assert 20 <= len(stop) <= 60
    again = split_groups(y, classes, groups, np.random.default_rng(0))
    assert np.array_equal(again[1], stop), "seeded"


def test_a_class_of_one_group_is_fitted_on() -> None:
    groups = np.arange(40) // 2
    for lone in range(20):
        y = np.where(groups == lone, 2, np.arange(40) % 2)
        fit, stop = split_groups(y, True, groups, np.random.default_rng(lone))
        assert set(y[fit]) == {0, 1, 2} and len(stop)


def test_classes_that_are_groups_are_all_fitted_on() -> None:
    y = groups = np.repeat([0, 1, 2], 5)
    fit, stop = split_groups(y, True, groups, np.random.default_rng(0))
    assert len(fit) == 15 and len(stop) == 1


def test_one_group_is_split_by_rows() -> None:
    fit, stop = split_groups(np.arange(50.0), False, np.zeros(50), np.random.default_rng(0))
    assert (len(fit), len(stop)) == (45, 5)


@pytest.mark.parametrize("gap", [0.0, 3.0])
def test_the_latest_rows_are_watched_behind_the_gap(gap: float) -> None:
    times = np.random.default_rng(1).permutation(np.repeat(np.arange(50.0), 4))
    fit, stop = split_times(np.zeros(200), False, times, gap, np.random.default_rng(0))
    assert np.array_equal(np.sort(times[stop]), np.repeat(np.arange(45.0, 50), 4))
    assert times[fit].max() == 44 - gap and len(fit) == 4 * (45 - gap)


def test_most_rows_of_one_time_stay_together() -> None:
    times = np.array([0.0] * 3 + [1.0] * 30)
    fit, stop = split_times(np.zeros(33), False, times, 0, np.random.default_rng(0))
    assert (times[fit] == 0).all() and (times[stop] == 1).all()
    fit, stop = split_times(np.zeros(33), False, 1 - times[::-1], 0, np.random.default_rng(0))
    assert len(stop) == 3


def test_a_gap_too_wide_for_a_sample_is_left_away_and_one_time_is_drawn_from() -> None:
    fit, stop = split_times(np.zeros(10), False, np.arange(10.0), 100, np.random.default_rng(0))
    assert (len(fit), stop.tolist()) == (9, [9])
    fit, stop = split_times(np.zeros(20), False, np.zeros(20), 0, np.random.default_rng(0))
    assert (len(fit), len(stop)) == (18, 2)
