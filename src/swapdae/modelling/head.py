"""What every head's file offers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from swapdae.base.device import DeviceName
from swapdae.base.models import StrictModel
from swapdae.competition.metric import Loss
from swapdae.modelling.cross_fit import Model, Predictor


class Trial(Protocol):
    """The part of optuna.Trial that search spaces use, so that heads do without Optuna."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[bool]) -> bool: ...


@dataclass(frozen=True)
class Head:
    """A kind of head.

    params: its model of hyperparameters; the defaults are strong. make: (params, seed) -> an unfitted model of one
    fold. space: (trial, start) -> params drawn by the trial; what is not searched is as in `start`; None where nothing
    is to be tuned. uses_device: whether it runs on the run's device, which may be a GPU; else on the CPU. instead: the
    losses that it cannot minimize, and what it minimizes instead. load: (folder, device) -> the model that was saved
    there; None where its models cannot be kept, so that no new rows are predicted with it.
    """

    kind: str
    params: type[StrictModel]
    make: Callable[[Any, int], Model]
    space: Callable[[Trial, Any], StrictModel] | None = None
    load: Callable[[Path, DeviceName], Predictor] | None = None
    uses_device: bool = False
    instead: Mapping[Loss, str] = field(default_factory=dict)

    def factory(self, params: StrictModel, seed: int) -> Callable[[int], Model]:
        """fold -> a fresh model, as cross_fit takes it."""
        return lambda fold: self.make(params, seed + fold)
