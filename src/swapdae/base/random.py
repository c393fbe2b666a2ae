"""Seeds: one number from scikit-learn's `random_state`, and torch's generators seeded for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from swapdae.base.device import Device

RandomState = int | np.integer[Any] | np.random.RandomState | None


def seed_of(random_state: RandomState) -> int:
    """An integer is the seed itself; a RandomState, or numpy's own for None, is drawn from, so each call differs.

    Raises ValueError for anything else, and for an integer that is no seed of numpy's.
    """
    generator = check_random_state(random_state)
    return int(random_state) if isinstance(random_state, Integral) else int(generator.randint(2**31 - 1))


@contextmanager
def seeded(seed: int, device: Device) -> Iterator[None]:
    """Seeds torch's generators of the CPU and of `device`, and puts both back at the end.

    torch.manual_seed would seed every CUDA device as well, and nothing puts those back.
    """
    import torch  # takes seconds: whoever only asks for a seed does not pay them

    cuda = [device.device] if device.kind == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def numpy_seeded(seed: int) -> Iterator[None]:
    """Seeds numpy's global generator, which scikit-learn draws from without a random_state, and puts it back."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
