"""Clips and scales gradients, including sparse ones."""

from collections.abc import Iterable

import torch


@torch.no_grad()
def clip_gradients(parameters: Iterable[torch.Tensor], longest: float) -> torch.Tensor:
    """Return the norm of all gradients; if it is above `longest`, scale them to that norm (0 never scales)."""
    values = _gradients(parameters)
    norm = torch.nn.utils.get_total_norm(values)
    if longest and longest != float("inf"):
        torch._foreach_mul_(values, (longest / (norm + 1e-6)).clamp(max=1.0))
    return norm


@torch.no_grad()
def scale_gradients(parameters: Iterable[torch.Tensor], factor: float | torch.Tensor) -> None:
    """Multiply all gradients by `factor`, in place."""
    torch._foreach_mul_(_gradients(parameters), factor)


def _gradients(parameters: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Return the gradients of the parameters that have one; for a sparse gradient, the rows that it holds."""
    found = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return [gradient._values() if gradient.is_sparse else gradient for gradient in found]
