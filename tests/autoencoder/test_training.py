"""The learning rate of a step; the loop itself is tested as fit_autoencoder uses it, see test_fit.py."""

import itertools

import pytest

from swapdae.autoencoder.config import TrainingConfig
from swapdae.autoencoder.training import learning_rate


def test_learning_rate_warms_up_and_falls() -> None:
    cosine = TrainingConfig(epochs=10, learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, 10, cosine) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(rates[9], abs=0.03)
    assert rates[-1] < 1e-3 and all(a > b for a, b in itertools.pairwise(rates[10:]))
    exponential = TrainingConfig(learning_rate=1.0, schedule="exponential", decay=0.5, warmup=0)
    assert [learning_rate(step, 40, 10, exponential) for step in (0, 9, 10, 39)] == [1, 1, 0.5, 0.125]
