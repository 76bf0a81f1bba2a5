"""The part of a layer after its attention: projection, feed-forward block, residual sums, normalisations."""

from collections.abc import Sequence
from typing import Any

from semis.fast.dropout import keep_mask, masked
from semis.fast.products import lowered, parameter_gradients

import torch
import torch.nn.functional as F


class Rest(torch.autograd.Function):
    """A layer after its attention: the projection, the feed-forward block, two residual sums, two normalisations.

    `attended` and `residual` are (rows x width), and so is the result; `rate` is that of dropout, `epsilon` that of the
    normalisations. The parameters are weights and biases of output, norm, up, down and norm, in float32; the
    computation is in the type of `attended`. Without `learning` no backward pass can follow.
    """

    @staticmethod
    def forward(
        ctx: Any,
        attended: torch.Tensor,
        residual: torch.Tensor,
        rate: float,
        epsilon: float,
        learning: bool,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        first, second = parameters[2:4], parameters[8:]
        low = [lowered(parameter, attended.dtype, learning) for parameter in (*parameters[:2], *parameters[4:8])]
        output, output_bias, up, up_bias, down, down_bias = low
        ctx.shape, ctx.scale = attended.shape[1:], 1 / (1 - rate)

        def summed(x: torch.Tensor, residual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
            mask = keep_mask(x.shape, rate, x.dtype)
            return residual + x if mask is None else torch.addcmul(residual, x, mask, value=ctx.scale, out=x), mask

        x, first_mask = summed(F.linear(attended, output, output_bias), residual)
        middle, *first_moments = torch.native_layer_norm(x, ctx.shape, *first, epsilon)
        raised = F.linear(middle, up, up_bias)
        active = F.gelu(raised)
        y, second_mask = summed(F.linear(active, down, down_bias), middle)
        result, *second_moments = torch.native_layer_norm(y, ctx.shape, *second, epsilon)
        ctx.save_for_backward(
            *(attended, output, first_mask, x, *first_moments, *first),
            *(middle, up, raised, active, down, second_mask, y, *second_moments, *second),
        )
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        attended, output, first_mask, x, *first = ctx.saved_tensors[:8]
        middle, up, raised, active, down, second_mask, y, *second = ctx.saved_tensors[8:]

        def through_norm(
            gradient: torch.Tensor, x: torch.Tensor, norm: Sequence[torch.Tensor]
        ) -> tuple[torch.Tensor, ...]:
            # in float32, since sums over the rows would lose digits in bfloat16
            parts = gradient.float(), x.float(), ctx.shape, *norm, [True] * 3
            to_x, *to_norm = torch.ops.aten.native_layer_norm_backward(*parts)
            return to_x.to(x.dtype), *to_norm

        def through_mask(gradient: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
            return gradient if mask is None else masked(gradient, mask).mul_(ctx.scale)

        to_y, *to_second = through_norm(gradient, y, second)
        to_lowered = through_mask(to_y, second_mask)
        to_raised = torch.ops.aten.gelu_backward(to_lowered @ down, raised)
        to_middle = (to_raised @ up).add_(to_y)
        to_x, *to_first = through_norm(to_middle, x, first)
        to_projected = through_mask(to_x, first_mask)
        return (
            *(to_projected @ output, to_x, None, None, None),
            *(*parameter_gradients(to_projected, attended), *to_first, *parameter_gradients(to_raised, middle)),
            *(*parameter_gradients(to_lowered, active), *to_second),
        )
