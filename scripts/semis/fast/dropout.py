"""Masks and dropout that are cheap on a CPU."""

from typing import Any

import numpy
import torch

PARTS = 65536  # a mask is drawn as 16-bit parts of 64-bit words: four numbers for the price of one


def keep_mask(shape: torch.Size, rate: float, kind: torch.dtype) -> torch.Tensor | None:
    """A random mask of this shape and type to multiply with: 0 with the probability `rate`, else 1.

    `rate` (a share) is rounded to 1/65536. None where nothing is dropped.
    """
    if not rate:
        return None
    count = shape.numel()
    # numpy draws quicker than torch; seeded by torch's generator, it gives a training gone on with the same masks
    words = numpy.random.SFC64(torch.randint(2**62, ()).item()).random_raw(-(-count // 4))
    parts = torch.from_numpy(words.view(numpy.int16))[:count]
    return parts.ge_(round(rate * PARTS) - PARTS // 2).to(kind).view(shape)


def masked(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """`x` times the mask; `x` itself without one."""
    return x if mask is None else x * mask


class Dropout(torch.autograd.Function):
    """Dropout with the mask of `keep_mask`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, rate: float) -> torch.Tensor:
        ctx.mask, ctx.scale = keep_mask(x.shape, rate, x.dtype), 1 / (1 - rate)
        return masked(x, ctx.mask).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return masked(gradient, ctx.mask).mul_(ctx.scale), None


def dropout(x: torch.Tensor, rate: float) -> torch.Tensor:
    """`x` with the share `rate` of its numbers set to 0 and the others scaled by 1 / (1 - rate)."""
    return Dropout.apply(x, rate) if rate else x
