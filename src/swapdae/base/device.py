"""Which device, and which precision it is fast in. Resolved once."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from swapdae.base.errors import UserError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

DeviceName = Literal["auto", "cpu", "cuda"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Device:
    """A torch device and the type its matrix products run in: bfloat16 where the hardware has it, float16 with loss
    scaling on older CUDA cards, float32 otherwise."""

    device: "torch.device"
    dtype: "torch.dtype"

    @property
    def kind(self) -> str:
        return self.device.type

    def autocast(self) -> AbstractContextManager[Any]:
        """The block in which matrix products run in `dtype`."""
        import torch

        return torch.autocast(self.kind, dtype=self.dtype, enabled=self.dtype is not torch.float32)

    def generator(self, seed: int) -> "torch.Generator":
        """Random numbers on the device, from a seed of its own."""
        import torch

        return torch.Generator(self.device).manual_seed(seed)

    def to_host(self, x: "torch.Tensor") -> "NDArray[Any]":
        """The numbers of a tensor on the device. Whatever reads them does it here: the CPU waits for the device."""
        array: NDArray[Any] = x.detach().cpu().numpy()
        return array

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.kind == "cuda" else "CPU"
        return f"{name}, {str(self.dtype).removeprefix('torch.')}"


def resolve_device(name: DeviceName) -> Device:
    """The device called `name`; "auto" is CUDA where it works. Raises UserError if CUDA is asked for in vain."""
    import torch  # takes seconds: whoever only asks for the state of things does not pay them

    if name == "cpu":
        return _cpu()
    if not torch.cuda.is_available():
        if name == "cuda":
            raise UserError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
        return _cpu()
    try:
        torch.ones(8, 8, device="cuda").matmul(torch.ones(8, 8, device="cuda")).sum().item()
    except RuntimeError as error:  # a card older than the kernels in this build
        if name == "cuda":
            raise UserError(f"--device cuda: a first matrix product failed: {str(error).splitlines()[0]}") from None
        logger.warning("the CUDA device cannot run this build of torch, using the CPU")
        return _cpu()
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Device(torch.device("cuda"), torch.bfloat16 if bf16 else torch.float16)


def _cpu() -> Device:
    import torch

    has = torch.cpu.get_capabilities()
    fast = has.get("amx_bf16", False) or has.get("avx512_bf16", False)
    return Device(torch.device("cpu"), torch.bfloat16 if fast else torch.float32)
