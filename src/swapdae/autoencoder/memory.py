"""Memory of the device: what it does not hold is said in one line; a CPU's is kept between steps."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from swapdae.base.errors import UserError


@contextmanager
def must_fit(what: str, advice: str) -> Iterator[None]:
    """Raises UserError where the device's memory does not hold `what`."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise UserError(f"out of memory: the device does not hold {what}; {advice}") from None


def keep_freed_memory() -> None:
    """Tell glibc to keep up to 256 MB of freed memory: the activations of every step would else be given back to the
    system and fetched anew, which took a fifth of a step (9,000 page faults)."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: its largest
            mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD
