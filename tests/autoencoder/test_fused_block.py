"""The compiled block against the same block written in torch: outputs and every gradient."""

import pytest
import torch
from torch import Tensor, nn

from swapdae.autoencoder.fused_block import fused_kernels
from swapdae.autoencoder.layers.transformer import Block

pytestmark = pytest.mark.skipif(
    fused_kernels(torch.ones(1, 1, 16), torch.float32, 1, 16) is None, reason="needs a C++ compiler"
)


def pair(d: int, n_heads: int, width: int) -> tuple[Block, Block]:
    torch.manual_seed(0)
    fused, plain = (Block(d, n_heads, width, compiled=compiled) for compiled in (True, False))
    for parameter in fused.parameters():
        nn.init.normal_(parameter, std=0.3)
    plain.load_state_dict(fused.state_dict())
    return fused, plain


def gradients(block: Block, x: Tensor, slope: Tensor) -> list[Tensor]:
    """The output, then the gradients of the input and of every parameter."""
    x = x.clone().requires_grad_()
    output = block(x)
    return [output, *torch.autograd.grad(output, [x, *block.parameters()], slope.to(output.dtype))]


@pytest.mark.parametrize(
    ("batch", "tokens", "d", "n_heads", "width"),
    [(5, 8, 128, 8, 512), (3, 3, 32, 1, 16), (2, 11, 48, 2, 48), (4, 1, 16, 4, 32), (3, 9, 64, 16, 16)],
)
def test_equals_the_plain_block(batch: int, tokens: int, d: int, n_heads: int, width: int) -> None:
    fused, plain = pair(d, n_heads, width)
    x, slope = torch.randn(2, batch, tokens, d)
    for mine, other in zip(gradients(fused, x, slope), gradients(plain, x, slope), strict=True):
        assert torch.allclose(mine, other, rtol=1e-4, atol=1e-4 * float(other.detach().abs().max()))


def test_bfloat16_is_as_near_to_float32_as_torch_is() -> None:
    fused, plain = pair(128, 8, 512)
    x, slope = torch.randn(2, 16, 8, 128)
    exact = gradients(plain, x, slope)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine, other = gradients(fused, x, slope), gradients(plain, x, slope)
    for a, b, true in zip(mine, other, exact, strict=True):
        assert (a - true).norm() <= 1.2 * (b - true).norm() + 0.01 * true.norm()


def test_attention_that_leaves_no_room_for_rounding() -> None:
    fused, plain = pair(16, 1, 16)
    x = 100 * torch.randn(2, 4, 16)
    assert torch.allclose(fused(x), plain(x), atol=1e-4)


def test_not_a_number_stays_one() -> None:
    fused, _ = pair(16, 1, 16)
    x = torch.zeros(1, 2, 16)
    x[0, 0, 0] = torch.nan
    assert torch.isnan(fused(x)).any()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.isnan(fused(x)).any()


@pytest.mark.parametrize(("d", "n_heads", "width"), [(24, 8, 16), (48, 3, 16), (16, 1, 10)])
def test_other_sizes_take_the_plain_way(d: int, n_heads: int, width: int) -> None:
    assert fused_kernels(torch.ones(1, 1, d), torch.float32, n_heads, width) is None
    assert Block(d, n_heads, width)(torch.randn(2, 3, d)).shape == (2, 3, d)
