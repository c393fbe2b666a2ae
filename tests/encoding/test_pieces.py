"""The piecewise linear encoding of numbers."""

import numpy as np

from swapdae.encoding.pieces import edges_of, pieces


def test_pieces_fill_one_after_the_other() -> None:
    found = pieces(np.array([-1.0, 0, 1, 2, 5, 8, 9]), np.array([0.0, 2, 8]))
    assert found.tolist() == [[0, 0], [0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [1, 1]]


def test_bins_hold_equal_counts_and_their_widths_give_the_number_back() -> None:
    x = np.random.default_rng(0).exponential(size=1600)
    edges = edges_of(x, 16)
    assert np.histogram(x, edges)[0].tolist() == [100] * 16
    assert np.allclose(pieces(x, edges) @ np.diff(edges) + x.min(), x)
    ordered = pieces(np.sort(x), edges)
    assert (np.diff(ordered, axis=0) >= 0).all() and (np.diff(ordered, axis=1) <= 0).all()


def test_quantiles_that_agree_are_one_edge() -> None:
    assert edges_of(np.array([0.0, 0, 0, 0, 1, 2]), 4).tolist() == [0, 0.75, 2]
    assert edges_of(np.array([3.0, 3, 3])).tolist() == edges_of(np.zeros(0)).tolist() == []
    assert pieces(np.array([3.0, 4]), np.zeros(0)).shape == (2, 0)
