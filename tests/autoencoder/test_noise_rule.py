import numpy as np
import pandas as pd
import pytest

from swapdae.autoencoder.config import NoiseConfig
from swapdae.autoencoder.noise_rule import HIGHEST, LOWEST, predictability, rule

CATEGORICAL, NUMERICAL = ("twin", "alone", "one"), ("same", "copy", "bent", "noise", "holes", "empty")


def frame(n: int) -> pd.DataFrame:
    """ "twin" is told by "same", "bent" by "copy" though not in a line, "holes" only where it is missing."""
    rng = np.random.default_rng(0)
    same, copy = rng.integers(0, 5, n).astype(float), rng.normal(size=n)
    return pd.DataFrame(
        {
            "twin": pd.Series(same).map(lambda level: f"level {level}"),
            "alone": rng.choice(list("abcd"), n),
            "one": "x",
            "same": same,
            "copy": copy,
            "bent": copy**2,
            "noise": rng.normal(size=n),
            "holes": np.where(same > 2, np.nan, rng.normal(size=n)),
            "empty": np.nan,
        }
    )


@pytest.fixture(scope="module")
def told() -> dict[str, float]:
    return predictability(frame(4000), CATEGORICAL, NUMERICAL)


def test_what_others_tell_of_and_what_they_do_not(told: dict[str, float]) -> None:
    assert list(told) == [*CATEGORICAL, *NUMERICAL]
    assert min(told["twin"], told["same"], told["bent"]) > 0.8
    assert max(told["alone"], told["noise"]) < 0.05
    assert 0.1 < told["holes"] < 0.7 < told["bent"], "its indicator is told, its numbers are not"
    assert told["one"] == told["empty"] == 1
    assert all(0 <= share <= 1 for share in told.values())


def test_same_seed_same_figures(told: dict[str, float]) -> None:
    assert predictability(frame(4000), CATEGORICAL, NUMERICAL) == told
    assert predictability(frame(4000), CATEGORICAL, NUMERICAL, rows=1000) != told


def test_more_levels_than_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    number = rng.integers(0, 300, 3000)
    table = pd.DataFrame({"code": [f"c{j}" for j in number], "number": number // 10 * 1.0})
    told = predictability(table, ("code",), ("number",))
    assert told["number"] > 0.05 > told["code"] - 0.2


@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_tiny_tables(n: int) -> None:
    told = predictability(frame(n), CATEGORICAL, NUMERICAL)
    assert list(told) == [*CATEGORICAL, *NUMERICAL] and all(0 <= share <= 1 for share in told.values())


def test_a_column_by_itself_is_told_by_nothing() -> None:
    assert predictability(frame(100), (), ("noise",)) == {"noise": 0}


def test_rates_rise_with_predictability_within_bounds() -> None:
    noise = NoiseConfig(per="one_hot", donor="row", numerical=0.3, columns={"gone": 0.9})
    ruled = rule({"none": 0.0, "half": 0.5, "all": 1.0}, noise)
    assert ruled.columns == {"none": LOWEST, "half": (LOWEST + HIGHEST) / 2, "all": HIGHEST}
    assert ruled == noise.model_copy(update={"columns": ruled.columns}), "unit, donor and defaults stay"
