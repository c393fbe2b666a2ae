"""Every figure of the study on matrices small enough to count by hand."""

import numpy as np
import pytest

from swapdae.study.activations import (
    Active,
    active_counts,
    agreement,
    cluster,
    containment,
    exclusive,
    interval,
    interval_of_pairs,
    iou,
    pack,
    pairs_within,
    pairwise_iou,
    popcount,
    row_blocks,
    specialised,
    split_half_iou,
    supports,
)

# Five units: unit 4 never fires. Rows 0, 1 are of cluster 0, rows 2, 3 of cluster 1; row 4 is alone in cluster 2.
X = np.array(
    [
        [0.5, 0.1, 0.0, 0.0, 0.0],
        [0.2, 0.0, 0.0, 0.0, -1.0],
        [0.0, 0.0, 3.0, 1e-7, -0.0],
        [0.0, 2.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
LABELS = np.array([0, 0, 1, 1, 2])


@pytest.fixture(scope="module")
def active() -> Active:
    return pack([X], 5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_units", [1, 7, 64, 65, 200])
def test_bits_are_the_units_above_zero(dtype: type[np.floating], n_units: int) -> None:
    x = np.random.default_rng(0).normal(size=(50, n_units)).astype(dtype)
    x[::3] = 0
    x[1::3] *= -0.0
    active = pack(row_blocks(x, 7), n_units)
    assert active.words.shape == (50, -(-n_units // 64)) and active.words.dtype == np.uint64
    assert np.array_equal(active.unpacked(), x > 0) and np.array_equal(active.sizes, (x > 0).sum(axis=1))


def test_no_rows_are_no_rows() -> None:
    assert len(pack([], 70)) == 0 and pack([], 70).words.shape == (0, 2)


def test_sizes_support_and_units_that_never_fire(active: Active) -> None:
    assert active.sizes.tolist() == [2, 1, 2, 2, 0]
    assert np.flatnonzero(~Active(active.support[None], 5).unpacked()[0]).tolist() == [4]
    assert active[2:4].sizes.tolist() == [2, 2]


def test_ratios_of_two_rows(active: Active) -> None:
    words = active.words
    assert iou(words[0], words[1]) == 1 / 2  # {0, 1} and {0}
    assert iou(words[2], words[3]) == 1 / 3  # {2, 3} and {1, 2}
    assert iou(words[0], words[2]) == 0
    assert iou(words[4], words[4]) == 1  # two empty sets are the same set
    assert agreement(words[0], words[1], 5) == 4 / 5
    assert containment(words[0], words[1]) == 1 / 2 and containment(words[1], words[0]) == 1
    assert containment(words[4], words[0]) == 1


def test_clusters_units_that_can_fire(active: Active) -> None:
    known = supports(active, LABELS, 3)
    assert popcount(known).tolist() == [2, 3, 0]  # {0, 1}, {1, 2, 3}, {}
    assert np.allclose(pairwise_iou(known), np.array([[4, 1, 0], [1, 4, 0], [0, 0, 4]]) / 4)
    assert active_counts(active, LABELS, 3).tolist() == [[2, 1, 0, 0, 0], [0, 1, 2, 1, 0], [0] * 5]


def test_halves_of_a_cluster(active: Active) -> None:
    found = split_half_iou(active, LABELS, 3, seed=0)
    assert np.allclose(found[:2], [1 / 2, 1 / 3]) and np.isnan(found[2])  # halves of one row each; row 4 has none


def test_exclusive_units(active: Active) -> None:
    counts = active_counts(active, LABELS, 3)
    assert exclusive(counts, 1.0).tolist() == [0, -1, 1, 1, -1]
    assert exclusive(np.array([[6, 5, 8], [4, 5, 2]]), 0.7).tolist() == [-1, -1, 0]


def test_specialised_units_fire_more_often_inside_than_outside(active: Active) -> None:
    counts = active_counts(active, LABELS, 3)
    # Inside less outside, units 0 to 4: cluster 0: 1, 1/6, -2/3, -1/3, 0; cluster 1: -2/3, 1/6, 1, 1/2, 0;
    # cluster 2, whose one row has no active unit: -1/2, -1/2, -1/2, -1/4, 0.
    assert specialised(counts, np.array([2, 2, 1]), 2).tolist() == [[0, 1], [2, 3], [3, 4]]


def test_pairs_are_two_rows_of_one_cluster_each_as_often() -> None:
    labels = np.array([7, 3, 7, 3, 7, 5])
    first, second = pairs_within(labels, 30_000, seed=0)
    assert (first != second).all() and (labels[first] == labels[second]).all()
    assert 5 not in first and 5 not in second
    pairs = np.zeros((6, 6))
    np.add.at(pairs, (first, second), 1 / len(first))
    expected = np.zeros((6, 6))
    for rows in ([0, 2, 4], [1, 3]):
        for i in rows:
            for j in rows:
                expected[i, j] = (i != j) / 5 / (len(rows) - 1)
    assert np.abs(pairs - expected).max() < 0.01
    with pytest.raises(ValueError, match="no cluster has two rows"):
        pairs_within(np.arange(4), 10, seed=0)


def test_k_means_finds_what_lies_apart() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=400)
    x = (np.eye(4)[truth] * 20 + rng.normal(size=(400, 4))).astype(np.float16)
    labels = cluster(x, 4, seed=0)
    together = labels[:, None] == labels
    assert np.array_equal(together, truth[:, None] == truth)
    assert set(cluster(x[:3], 8, seed=0)) <= {0, 1, 2}


def test_interval_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean, low, high = interval(np.append(values, np.nan))
    assert mean == values.mean()
    error = values.std() / 20
    assert low == pytest.approx(mean - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.2 * error)
    with pytest.raises(ValueError, match="no values"):
        interval(np.array([np.nan]))


def test_interval_of_pairs_draws_things_not_pairs() -> None:
    assert interval_of_pairs(np.array([[1, 0.3], [0.3, 1]])) == pytest.approx((0.3, 0.3, 0.3))
    things = np.random.default_rng(0).normal(size=60)
    matrix = things[:, None] + things  # the mean over pairs is twice the mean of things, and as uncertain
    mean, low, high = interval_of_pairs(matrix)
    assert mean == pytest.approx(2 * things.mean())
    error = 2 * things.std() / 60**0.5
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.2)
    with pytest.raises(ValueError, match="no pairs"):
        interval_of_pairs(np.ones((1, 1)))
