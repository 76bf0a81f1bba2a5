"""Norms and scales of gradients, sparse ones too."""

from collections.abc import Iterable

import torch


@torch.no_grad()
def clip_gradients(parameters: Iterable[torch.Tensor], longest: float) -> torch.Tensor:
    """Return the norm of all gradients, sparse ones too; scale them to `longest` where it is above that (0: never)."""
    values = _gradients(parameters)
    norm = torch.nn.utils.get_total_norm(values)
    if longest and longest != float("inf"):
        torch._foreach_mul_(values, (longest / (norm + 1e-6)).clamp(max=1.0))
    return norm


@torch.no_grad()
def scale_gradients(parameters: Iterable[torch.Tensor], factor: float | torch.Tensor) -> None:
    """Multiply all gradients, sparse ones too."""
    torch._foreach_mul_(_gradients(parameters), factor)


def _gradients(parameters: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """The gradients of parameters that have one; of a sparse one the rows that it holds."""
    found = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return [gradient._values() if gradient.is_sparse else gradient for gradient in found]
