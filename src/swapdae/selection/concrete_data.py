"""Rows on the device, as the training of a concrete selector reads them."""

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from swapdae.base.device import Device

Array = NDArray[Any]


@dataclass(frozen=True)
class Data:
    """x (n, n_inputs); target (n, d_out), or class codes (n,)."""

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
