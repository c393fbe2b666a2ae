"""What the training of a concrete selector is given: sizes and schedule, and rows on the device."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from swapdae.base.device import Device

Array = NDArray[Any]
Parameterization = Literal["direct", "indirect"]
SelectorTask = Literal["reconstruct", "regress", "classify"]


@dataclass(frozen=True)
class ConcreteConfig:
    """Sizes and schedule; see ConcreteSelector for the meaning of each."""

    k: int
    task: SelectorTask
    parameterization: Parameterization
    d_inner: int
    hidden: tuple[int, ...]
    dropout: float
    epochs: int
    hard_epochs: int
    batch_size: int
    learning_rate: float
    selection_rate: float
    temperatures: tuple[float, float]
    n_samples: int | None  # Gumbel samples a batch; None is one for each row
    overlap: float
    until_settled: bool


@dataclass(frozen=True)
class Data:
    """Rows on the device: x (n, n_inputs); target (n, d_out), or class codes (n,)."""

    x: Tensor
    target: Tensor

    @staticmethod
    def of(x: Array, target: Array, device: Device) -> "Data":
        dtype = torch.int64 if target.ndim == 1 else torch.float32
        return Data(
            torch.as_tensor(x, dtype=torch.float32, device=device.device),
            torch.as_tensor(target, dtype=dtype, device=device.device),
        )

    def __len__(self) -> int:
        return len(self.x)
