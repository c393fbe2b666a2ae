"""What every head's file offers, and the little they share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swapdae.base.models import Strict
from swapdae.modelling.cross_fit import Model
from swapdae.modelling.features import Native, Rows


class Trial(Protocol):
    """The part of optuna.Trial that search spaces use; Optuna itself is imported in tuning.py only."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[bool]) -> bool: ...


@dataclass(frozen=True)
class Head:
    """A kind of head.

    params: its model of hyperparameters; the defaults are strong. make: (params, seed) -> an unfitted model of one
    fold. space: (trial, start) -> params drawn by the trial; what is not searched is as in `start`. is_network:
    whether it runs on the device of the run.
    """

    kind: str
    params: type[Strict]
    make: Callable[[Any, int], Model]
    space: Callable[[Trial, Any], Strict]
    is_network: bool = False

    def factory(self, params: Strict, seed: int) -> Callable[[int], Model]:
        """fold -> a fresh model, as cross_fit takes it."""
        return lambda fold: self.make(params, seed + fold)


def table(native: Native, rows: Rows) -> NDArray[np.float32]:
    """(len(rows), columns): codes, then numbers, as one float32 matrix (exact for codes below 2^24)."""
    return np.concatenate([block[rows].astype(np.float32) for block in (native.x_cat, *native.x_num)], axis=1)
