import numpy as np
import pytest
from scipy.stats import ttest_ind

from swapdae.modelling.paired import paired_difference, unpaired_difference


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


def test_repeated_folds_have_training_rows_in_common() -> None:
    differences = np.array([0.1, 0.2, 0.3, 0.2, 0.2] * 3)
    mean, low, high = paired_difference(np.zeros(15), differences, repeats=3)
    error = (differences.var(ddof=1) * (1 / 15 + 1 / 4)) ** 0.5  # held-out over training rows stays 1/4
    assert mean == pytest.approx(0.2) and (high - low) / 2 == pytest.approx(2.144787 * error)
    assert np.isnan(paired_difference(np.zeros(3), np.ones(3), repeats=3)[1])  # a fold a draw says nothing


def test_unpaired_folds_are_compared_as_scipy_does_with_wider_variances() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=5), rng.normal(1, 2, size=5)
    mean, low, high = unpaired_difference(one, other)
    plain = ttest_ind(other, one, equal_var=False).confidence_interval()
    assert mean == pytest.approx(other.mean() - one.mean())
    assert (high - low) / (plain.high - plain.low) == pytest.approx(((1 / 5 + 1 / 4) / (1 / 5)) ** 0.5)
    assert (low + high) / 2 == pytest.approx(mean)


def test_unpaired_folds_of_one_value_or_of_few() -> None:
    assert unpaired_difference(np.ones(3), np.array([2.0, 2, np.nan, 2])) == (1, 1, 1)
    mean, low, high = unpaired_difference(np.array([1.0]), np.array([3.0, 4.0]))
    assert mean == 2.5 and np.isnan(low) and np.isnan(high)
