"""Scaled inputs: variances, ranges, and the way back."""

import numpy as np
import pandas as pd
import pytest

from swapdae.encoding.encoder import Encoder
from swapdae.encoding.input_scaling import InputScaling, Scale


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


def scaled(scale: Scale) -> tuple[InputScaling, np.ndarray]:
    encoder = Encoder(("colour",), ("same", "size", "gap"), "standard").fit(frame())
    codes = encoder.transform(frame())
    scaling = InputScaling.fit(codes, encoder.layout, frame(), scale)
    return scaling, scaling(codes.one_hot(encoder.layout))


def test_inputs_know_their_source_column() -> None:
    scaling, x = scaled("standard")
    assert scaling.columns == (1, 2, 3)  # the constant column has no input
    assert scaling.of_input == (1, 1, 1, 2, 0, 2)  # colour's block, gap's indicator, size, gap
    assert np.allclose(x.mean(axis=0), 0, atol=1e-6)


def test_standard_gives_blocks_and_numbers_a_variance_of_one() -> None:
    _, x = scaled("standard")
    assert x[:, :3].var(axis=0).sum() == pytest.approx(1, rel=1e-5)
    assert x[:, 4].var() == pytest.approx(1, rel=1e-5)


def test_min_max_and_none() -> None:
    assert np.ptp(scaled("min_max")[1], axis=0) == pytest.approx(1, rel=1e-5)
    assert np.ptp(scaled("none")[1][:, 4]) == pytest.approx(np.ptp(frame()["size"]), rel=1e-5)


@pytest.mark.parametrize("scale", ["standard", "min_max", "none"])
def test_way_back(scale: Scale) -> None:
    scaling, x = scaled(scale)
    back = scaling.inverse(x)
    assert back.shape == (50, 4)
    assert np.allclose(back[:, 0], 3) and np.isnan(back[:, 2]).all()
    assert np.allclose(back[:, 1], frame()["size"], atol=1e-4)
    there = frame()["gap"].notna()
    assert np.allclose(back[there, 3], frame()["gap"][there], atol=1e-4)
