"""The transformer block as one differentiable function for the CPU: torch's matrix products, block.cpp between them."""

from typing import Any

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


class FusedBlock(torch.autograd.Function):
    """Block.forward on x (batch, tokens, d), with every step between two products made in one pass.

    Queries, keys and values are held with heads innermost, see block.cpp; `_by_dimension` orders the weights so.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype, n_heads: int, *weights: Tensor) -> Tensor:
        call = kernels()
        assert call is not None
        shape, x = x.shape, x.detach().to(dtype).reshape(-1, x.shape[-1]).contiguous()
        (n, d), (batch, tokens) = x.shape, shape[:2]
        qkv_w, qkv_b, out_w, out_b, gain_a, shift_a, up_w, up_b, down_w, down_b, gain_f, shift_f = weights
        qkv_w, qkv_b = _by_dimension(qkv_w, n_heads, 3).to(dtype), _by_dimension(qkv_b, n_heads, 3)
        out_t = _by_dimension(out_w.t(), n_heads).to(dtype)
        up, down = up_w.to(dtype), down_w.to(dtype)
        qkv, mixed = x @ qkv_w.t().contiguous(), torch.empty_like(x)
        room = -(-tokens * tokens * n_heads // LANES) * LANES
        attention = x.new_empty(batch, room) if any(ctx.needs_input_grad) else None
        call("attention", dtype, batch, tokens, d, n_heads, qkv, qkv_b, mixed, attention)

        def norm(z: Tensor, residual: Tensor, bias: Tensor, gain: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
            out, moments = torch.empty_like(z), torch.empty(2, n)
            call("residual_norm", dtype, n, d, z, residual, bias, gain, shift, EPSILON, out, moments[0], moments[1])
            return out, moments

        attended = mixed @ out_t
        middle, moments_a = norm(attended, x, out_b, gain_a, shift_a)
        hidden = middle @ up.t().contiguous()
        call("bias_relu", dtype, n, hidden.shape[1], hidden, up_b)
        fed = hidden @ down.t().contiguous()
        out, moments_f = norm(fed, middle, down_b, gain_f, shift_f)
        ctx.sizes = (dtype, n_heads, tokens)
        ctx.save_for_backward(
            *(x, qkv, mixed, attention, attended, moments_a, middle, hidden, fed, moments_f),
            *(qkv_w, qkv_b, out_t, gain_a, up, down, gain_f),
        )
        return out.view(shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        call = kernels()
        assert call is not None
        dtype, n_heads, tokens = ctx.sizes
        x, qkv, mixed, attention, attended, moments_a, middle, hidden, fed, moments_f, *weights = ctx.saved_tensors
        qkv_w, qkv_b, out_t, gain_a, up, down, gain_f = weights
        n, d = x.shape
        shape, d_out = d_out.shape, d_out.to(dtype).reshape(n, d).contiguous()

        def norm(one: Tensor, two: Tensor | None, z: Tensor, moments: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
            d_z, sums = torch.empty_like(z), torch.empty(3, d)
            call("residual_norm_backward", dtype, n, d, one, two, z, moments[0], moments[1], gain, d_z, sums)
            return d_z, sums

        d_fed, sums_f = norm(d_out, None, fed, moments_f, gain_f)
        d_hidden, d_down = d_fed @ down, d_fed.t() @ hidden
        d_up_b = torch.empty(hidden.shape[1])
        call("bias_relu_backward", dtype, n, hidden.shape[1], d_hidden, hidden, d_up_b)
        d_middle, d_up = d_hidden @ up, d_hidden.t() @ middle
        d_attended, sums_a = norm(d_middle, d_fed, attended, moments_a, gain_a)
        d_mixed, d_out_t = d_attended @ out_t.t(), mixed.t() @ d_attended
        d_qkv, d_qkv_b = torch.empty_like(qkv), torch.empty(3 * d)
        sizes = (n // tokens, tokens, d, n_heads)
        call("attention_backward", dtype, *sizes, qkv, qkv_b, attention, d_mixed, d_qkv, d_qkv_b)
        d_x = torch.addmm(d_attended, d_qkv, qkv_w).view(shape) if ctx.needs_input_grad[0] else None
        d_qkv_w = _by_head((d_qkv.t() @ x).float(), n_heads, 3)
        return (
            *(d_x, None, None, d_qkv_w, _by_head(d_qkv_b, n_heads, 3)),
            *(_by_head(d_out_t.float(), n_heads).t(), sums_a[2], sums_a[0], sums_a[1]),
            *(d_up.float(), d_up_b, d_down.float(), sums_f[2], sums_f[0], sums_f[1]),
        )


def _by_dimension(rows: Tensor, n_heads: int, parts: int = 1) -> Tensor:
    """Rows ordered (part, head, dimension) put in the order (part, dimension, head), contiguous."""
    parted = rows.reshape(parts, n_heads, -1, *rows.shape[1:])
    return parted.transpose(1, 2).reshape(rows.shape).contiguous()


def _by_head(rows: Tensor, n_heads: int, parts: int = 1) -> Tensor:
    """The inverse of _by_dimension."""
    return rows.reshape(parts, -1, n_heads, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)
