"""Stability against its definition at both ends."""

import math

import numpy as np
import pytest

from swapdae.selection.stability import stability


def test_stability() -> None:
    assert (stability([("a", "b")] * 4, 6).jaccard, stability([("a", "b")] * 4, 6).index) == (1, 1)
    half = stability([("a", "b"), ("b", "c")], 4)
    assert half.jaccard == pytest.approx(1 / 3) and half.index == pytest.approx(1 - (2 * 2 * 0.25) / 4 / 0.25)
    rng = np.random.default_rng(0)
    columns = tuple(f"x{j}" for j in range(30))
    random = stability([tuple(rng.choice(columns, 10, replace=False)) for _ in range(200)], 30)
    assert abs(random.index) < 0.02
    assert math.isnan(stability([("a",)], 3).index) and math.isnan(stability([("a",)], 3).jaccard)
    every = stability([("a", "b")] * 2, 2)
    assert every.jaccard == 1 and math.isnan(every.index)
