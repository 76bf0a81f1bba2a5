"""Dropout and its masks, made cheap for a CPU."""

from typing import Any

import numpy
import torch

PARTS = 65536  # values of a 16-bit part; a random word of 64 bits gives four of them


def keep_mask(shape: torch.Size, rate: float, kind: torch.dtype) -> torch.Tensor | None:
    """Return a random mask of this shape and type to multiply by: 0 with the probability `rate`, else 1.

    `rate` (0 to 1) is rounded to 1/65536. Returns None if `rate` is 0.
    """
    if not rate:
        return None
    count = shape.numel()
    # numpy draws faster than torch; torch's generator seeds it, so that a resumed training gets the same masks
    words = numpy.random.SFC64(torch.randint(2**62, ()).item()).random_raw(-(-count // 4))
    parts = torch.from_numpy(words.view(numpy.int16))[:count]
    return parts.ge_(round(rate * PARTS) - PARTS // 2).to(kind).view(shape)


def masked(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return `x` times the mask, or `x` itself without one."""
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
    """Return `x` with numbers set to 0 with the probability `rate` and the others multiplied by 1 / (1 - rate)."""
    return Dropout.apply(x, rate) if rate else x
