import numpy as np
import pytest

from swapdae.modelling.paired import paired_difference


def test_interval_of_paired_folds_by_hand() -> None:
    one, other = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1.1, 2.2, 3.3, 4.2, 5.2])
    mean, low, high = paired_difference(one, other)  # differences .1 .2 .3 .2 .2: mean .2, variance .005
    error = (0.005 * (1 / 5 + 1 / 4)) ** 0.5
    assert mean == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.2 - 2.776445 * error, 0.2 + 2.776445 * error))


def test_folds_without_a_score_are_left_out() -> None:
    assert paired_difference(np.array([1, np.nan, 1]), np.array([2, 5, 2])) == (1, 1, 1)
    mean, low, high = paired_difference(np.array([1.0]), np.array([3.0]))
    assert mean == 2 and np.isnan(low) and np.isnan(high)
