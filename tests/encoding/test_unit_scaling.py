"""Units of a selector's errors: variances, ranges, and the way back."""

import numpy as np
import pandas as pd
import pytest

from swapdae.encoding.encoder import Encoder
from swapdae.encoding.unit_scaling import Scale, UnitScaling


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "same": 3.0,
            "size": rng.normal(5, 2, 50),
            "colour": rng.choice(["red", "green", "blue"], 50),
            "gap": np.where(np.arange(50) % 5 == 0, np.nan, rng.normal(size=50)),
        }
    )


def scaled(scale: Scale) -> tuple[UnitScaling, np.ndarray]:
    encoder = Encoder(("colour",), ("same", "size", "gap"), "standard").fit(frame())
    codes = encoder.transform(frame())
    scaling = UnitScaling.fit(codes, encoder.layout, frame(), scale)
    return scaling, scaling(codes.one_hot(encoder.layout))


def test_units_are_source_columns() -> None:
    scaling, x = scaled("standard")
    assert scaling.columns == (1, 2, 3)  # the constant column has none
    assert scaling.of_input == (1, 1, 1, 2, 0, 2)  # colour's block, gap's indicator, size, gap
    assert np.allclose(x.mean(axis=0), 0, atol=1e-6)


def test_standard_gives_blocks_and_numbers_a_variance_of_one() -> None:
    _, x = scaled("standard")
    assert x[:, :3].var(axis=0).sum() == pytest.approx(1, rel=1e-5)
    assert x[:, 4].var() == pytest.approx(1, rel=1e-5)


def test_min_max_and_own_units() -> None:
    assert np.ptp(scaled("min_max")[1], axis=0) == pytest.approx(1, rel=1e-5)
    assert np.ptp(scaled("none")[1][:, 4]) == pytest.approx(np.ptp(frame()["size"]), rel=1e-5)


@pytest.mark.parametrize("scale", ["standard", "min_max", "none"])
def test_way_back(scale: Scale) -> None:
    scaling, x = scaled(scale)
    own = scaling.in_own_units(x)
    assert own.shape == (50, 4)
    assert np.allclose(own[:, 0], 3) and np.isnan(own[:, 2]).all()
    assert np.allclose(own[:, 1], frame()["size"], atol=1e-4)
    there = frame()["gap"].notna()
    assert np.allclose(own[there, 3], frame()["gap"][there], atol=1e-4)
