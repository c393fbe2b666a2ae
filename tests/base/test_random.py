"""Seeds from random_state, and torch's generators put back."""

from typing import Any

import numpy as np
import pytest
import torch

from swapdae.base.device import resolve_device
from swapdae.base.random import numpy_seeded, seed_of, seeded


@pytest.mark.parametrize("state", [5, np.int64(5), np.uint8(5)])
def test_an_integer_is_the_seed(state: Any) -> None:
    seed = seed_of(state)
    assert seed == 5 and type(seed) is int


def test_none_and_a_generator_are_drawn_from() -> None:
    assert seed_of(None) != seed_of(None)
    generator = np.random.RandomState(0)
    first, second = seed_of(generator), seed_of(generator)
    assert first != second and first == seed_of(np.random.RandomState(0))


@pytest.mark.parametrize("state", [-1, 2**32, "zero", 1.5, np.random.default_rng(0)], ids=str)
def test_what_is_no_seed_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match=r"Seed must be between|cannot be used to seed"):
        seed_of(state)


def test_torch_is_seeded_inside_and_as_before_after(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    reseeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    draws = []
    for _ in range(2):
        with seeded(3, resolve_device("cpu")):
            draws.append(torch.rand(4))
    assert torch.equal(*draws) and not reseeded
    assert torch.equal(torch.get_rng_state(), before)


def test_numpys_generator_is_seeded_for_a_while() -> None:
    np.random.seed(7)
    ours = np.random.normal(size=3)
    np.random.seed(7)
    with numpy_seeded(1):
        first = np.random.normal(size=3)
    assert np.array_equal(np.random.normal(size=3), ours), "the user's own draws go on"
    with numpy_seeded(1):
        assert np.array_equal(np.random.normal(size=3), first)
