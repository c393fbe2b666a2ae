"""Which device is taken, its random numbers, and the one way from it to the host."""

import numpy as np
import pytest
import torch

from swapdae.base.device import Device, resolve_device
from swapdae.base.errors import UserError

CPU = Device(torch.device("cpu"), torch.float32)


def test_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    with pytest.raises(UserError, match="--device cuda"):
        resolve_device("cuda")
    assert resolve_device("auto").kind == "cpu"


def test_generators_of_one_seed_draw_the_same() -> None:
    first, again, other = (torch.rand(4, generator=CPU.generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_numbers_come_to_the_host_as_they_are() -> None:
    x = torch.tensor([1 / 3, 2.0], requires_grad=True)
    found = CPU.to_host(x)
    assert found.dtype == np.float32 and found.tolist() == x.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matrix_products_run_in_the_devices_type(dtype: torch.dtype) -> None:
    with Device(CPU.device, dtype).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is dtype
