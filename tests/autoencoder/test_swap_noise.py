"""Swap noise: observed rates, kept marginals, shared or own donors, and a mask that is what really changed."""

import numpy as np
import pytest
import torch

from swapdae.autoencoder.config import NoiseConfig
from swapdae.autoencoder.swap_noise import Inputs, Rows, SwapNoise
from swapdae.encoding.encoder import Codes, Layout

CPU = torch.device("cpu")
LAYOUT = Layout((3, 4), 1, 2, ("a", "b"), ("x",), ("x", "z"))


def rows(n: int, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    x_cat = np.column_stack([rng.integers(1, 4, n), rng.integers(1, 5, n)]).astype(np.int16)
    missing = rng.random((n, 1)) < 0.3
    x_num = rng.normal(size=(n, 2)).astype(np.float32)
    x_num[missing[:, 0], 0] = 0
    return Rows.of(Codes(x_cat, missing, x_num), CPU)


def noise(seed: int = 0, **config: object) -> SwapNoise:
    return SwapNoise(NoiseConfig.model_validate(config), LAYOUT, CPU, torch.Generator().manual_seed(seed))


def test_inputs_equal_the_one_hot_codes() -> None:
    codes = Codes(np.array([[1, 4], [0, 2]], dtype=np.int16), np.array([[True], [False]]), np.ones((2, 2), np.float32))
    expected = codes.one_hot(LAYOUT)
    assert np.array_equal(Inputs(LAYOUT, CPU)(Rows.of(codes, CPU)).numpy(), expected)
    assert expected[1, :3].sum() == 0  # an unknown level has no column


@pytest.mark.parametrize("per", ["column", "one_hot"])
@pytest.mark.parametrize("donor", ["row", "cell"])
def test_rate_of_a_continuous_column_is_the_asked_one(per: str, donor: str) -> None:
    # Two rows never share a continuous value, so every asked swap changes it (but a row may be its own donor).
    clean, corrupted, mask = noise(per=per, donor=donor, numerical=0.3)(rows(20_000))
    assert mask[:, 9].float().mean().item() == pytest.approx(0.3, abs=0.015)
    assert torch.equal(mask, clean != corrupted)


def test_rate_of_a_category_is_lower_for_donors_may_agree() -> None:
    clean, corrupted, _mask = noise(categorical=0.6)(rows(20_000))
    moved = (clean[:, :3] != corrupted[:, :3]).any(dim=1).float().mean().item()
    assert moved == pytest.approx(0.6 * 2 / 3, abs=0.015)


@pytest.mark.parametrize("per", ["column", "one_hot"])
def test_marginals_are_kept(per: str) -> None:
    clean, corrupted, _ = noise(per=per, categorical=0.9, numerical=0.9)(rows(20_000))
    assert torch.allclose(clean.mean(dim=0), corrupted.mean(dim=0), atol=0.03)
    assert torch.allclose(clean.std(dim=0), corrupted.std(dim=0), atol=0.03)


def test_whole_columns_stay_one_hot_and_single_columns_do_not() -> None:
    _, whole, _ = noise(per="column", categorical=0.5)(rows(2000))
    assert torch.equal(whole[:, :3].sum(dim=1), torch.ones(2000))
    _, single, _ = noise(per="one_hot", categorical=0.5)(rows(2000))
    assert (single[:, :3].sum(dim=1) != 1).any()


def test_indicator_moves_with_its_number() -> None:
    _, corrupted, _ = noise(numerical=0.5)(rows(2000))
    missing, number = corrupted[:, 7].bool(), corrupted[:, 8]
    assert torch.equal(missing, number == 0)


def test_donor_row_gives_all_cells_of_a_row_and_donor_cell_does_not() -> None:
    n = 2000
    numbered = Rows(
        torch.ones(n, 2, dtype=torch.int16),
        torch.zeros(n, 1).bool(),
        torch.arange(n)[:, None].repeat(1, 2).float(),
    )
    _, by_row, mask = noise(donor="row", numerical=0.5)(numbered)
    both = mask[:, 8] & mask[:, 9]
    assert both.sum() > 300 and torch.equal(by_row[both, 8], by_row[both, 9])
    _, by_cell, mask = noise(donor="cell", numerical=0.5)(numbered)
    both = mask[:, 8] & mask[:, 9]
    assert (by_cell[both, 8] != by_cell[both, 9]).float().mean() > 0.99


def test_rates_by_column_name() -> None:
    _, _, mask = noise(categorical=0.0, numerical=0.0, columns={"z": 1.0})(rows(2000))
    assert mask[:, 9].float().mean() > 0.99 and not mask[:, :9].any()


def test_seeded() -> None:
    first, again, other = noise(3)(rows(100)), noise(3)(rows(100)), noise(4)(rows(100))
    assert torch.equal(first[1], again[1]) and not torch.equal(first[1], other[1])
