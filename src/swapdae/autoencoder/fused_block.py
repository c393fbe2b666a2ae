"""The transformer block as one differentiable function for the CPU: torch's matrix products, block.cpp between them."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from swapdae.autoencoder.kernels import DTYPES, HEADS, LANES, Kernels, kernels

EPSILON = 1e-5  # of torch's LayerNorm


def fused_kernels(x: Tensor, dtype: torch.dtype, n_heads: int, d_feedforward: int) -> Kernels | None:
    """The compiled functions where they know this input: on a CPU, a usual number of heads, whole vectors."""
    widths = x.shape[-1] % LANES + d_feedforward % LANES
    fits = x.device.type == "cpu" and dtype in DTYPES and n_heads in HEADS and widths == 0 and x.numel()
    return kernels() if fits else None


class BlockWeights(NamedTuple):
    """A block's parameters, float32, or their gradients; matrices as torch's Linear has them, (d_out, d_in)."""

    qkv: Tensor
    qkv_bias: Tensor
    out: Tensor
    out_bias: Tensor
    attention_gain: Tensor
    attention_shift: Tensor
    up: Tensor
    up_bias: Tensor
    down: Tensor
    down_bias: Tensor
    feedforward_gain: Tensor
    feedforward_shift: Tensor


class Saved(NamedTuple):
    """What forward leaves to backward: the input, its steps' results in order, and weights as they were used."""

    x: Tensor
    qkv: Tensor
    mixed: Tensor
    attention: Tensor | None  # None where no gradient is asked for
    attended: Tensor
    attention_moments: Tensor
    middle: Tensor
    hidden: Tensor
    fed: Tensor
    feedforward_moments: Tensor
    qkv_weight: Tensor
    qkv_bias: Tensor
    out_weight: Tensor  # transposed
    attention_gain: Tensor
    up: Tensor
    down: Tensor
    feedforward_gain: Tensor


class FusedBlock(torch.autograd.Function):
    """Block.forward on x (batch, tokens, d), with every step between two products made in one pass.

    Queries, keys and values are held with heads innermost, see block.cpp; `_by_dimension` orders the weights so.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype, n_heads: int, *weights: Tensor) -> Tensor:
        call, w = kernels(), BlockWeights(*weights)
        assert call is not None
        shape, x = x.shape, x.detach().to(dtype).reshape(-1, x.shape[-1]).contiguous()
        (n, d), (batch, tokens) = x.shape, shape[:2]
        qkv_weight, qkv_bias = _by_dimension(w.qkv, n_heads, 3).to(dtype), _by_dimension(w.qkv_bias, n_heads, 3)
        out_weight = _by_dimension(w.out.t(), n_heads).to(dtype)
        up, down = w.up.to(dtype), w.down.to(dtype)
        qkv, mixed = x @ qkv_weight.t().contiguous(), torch.empty_like(x)
        room = -(-tokens * tokens * n_heads // LANES) * LANES
        attention = x.new_empty(batch, room) if any(ctx.needs_input_grad) else None
        call("attention", dtype, batch, tokens, d, n_heads, qkv, qkv_bias, mixed, attention)

        def norm(z: Tensor, residual: Tensor, bias: Tensor, gain: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
            out, moments = torch.empty_like(z), torch.empty(2, n)
            call("residual_norm", dtype, n, d, z, residual, bias, gain, shift, EPSILON, out, moments[0], moments[1])
            return out, moments

        attended = mixed @ out_weight
        middle, attention_moments = norm(attended, x, w.out_bias, w.attention_gain, w.attention_shift)
        hidden = middle @ up.t().contiguous()
        call("bias_relu", dtype, n, hidden.shape[1], hidden, w.up_bias)
        fed = hidden @ down.t().contiguous()
        out, feedforward_moments = norm(fed, middle, w.down_bias, w.feedforward_gain, w.feedforward_shift)
        ctx.sizes = (dtype, n_heads, tokens)
        ctx.save_for_backward(
            *(x, qkv, mixed, attention, attended, attention_moments, middle, hidden, fed, feedforward_moments),
            *(qkv_weight, qkv_bias, out_weight, w.attention_gain, up, down, w.feedforward_gain),
        )
        return out.view(shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        call, s = kernels(), Saved(*ctx.saved_tensors)
        assert call is not None
        dtype, n_heads, tokens = ctx.sizes
        n, d = s.x.shape
        shape, d_out = d_out.shape, d_out.to(dtype).reshape(n, d).contiguous()

        def norm(one: Tensor, two: Tensor | None, z: Tensor, moments: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
            """Gradients of z (n, d), and (3, d) those of gain, shift and bias."""
            d_z, sums = torch.empty_like(z), torch.empty(3, d)
            call("residual_norm_backward", dtype, n, d, one, two, z, moments[0], moments[1], gain, d_z, sums)
            return d_z, sums

        d_fed, after_feedforward = norm(d_out, None, s.fed, s.feedforward_moments, s.feedforward_gain)
        d_hidden, d_up_bias = d_fed @ s.down, torch.empty(s.hidden.shape[1])
        call("bias_relu_backward", dtype, n, s.hidden.shape[1], d_hidden, s.hidden, d_up_bias)
        d_middle = d_hidden @ s.up
        d_attended, after_attention = norm(d_middle, d_fed, s.attended, s.attention_moments, s.attention_gain)
        d_mixed = d_attended @ s.out_weight.t()
        d_qkv, d_qkv_bias = torch.empty_like(s.qkv), torch.empty(3 * d)
        sizes = (n // tokens, tokens, d, n_heads)
        call("attention_backward", dtype, *sizes, s.qkv, s.qkv_bias, s.attention, d_mixed, d_qkv, d_qkv_bias)
        d_x = torch.addmm(d_attended, d_qkv, s.qkv_weight).view(shape) if ctx.needs_input_grad[0] else None
        gradients = BlockWeights(
            qkv=_by_head((d_qkv.t() @ s.x).float(), n_heads, 3),
            qkv_bias=_by_head(d_qkv_bias, n_heads, 3),
            out=_by_head((s.mixed.t() @ d_attended).float(), n_heads).t(),
            out_bias=after_attention[2],
            attention_gain=after_attention[0],
            attention_shift=after_attention[1],
            up=(d_hidden.t() @ s.middle).float(),
            up_bias=d_up_bias,
            down=(d_fed.t() @ s.hidden).float(),
            down_bias=after_feedforward[2],
            feedforward_gain=after_feedforward[0],
            feedforward_shift=after_feedforward[1],
        )
        return d_x, None, None, *gradients


def _by_dimension(rows: Tensor, n_heads: int, parts: int = 1) -> Tensor:
    """Rows ordered (part, head, dimension) put in the order (part, dimension, head), contiguous."""
    parted = rows.reshape(parts, n_heads, -1, *rows.shape[1:])
    return parted.transpose(1, 2).reshape(rows.shape).contiguous()


def _by_head(rows: Tensor, n_heads: int, parts: int = 1) -> Tensor:
    """The inverse of _by_dimension."""
    return rows.reshape(parts, -1, n_heads, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)
