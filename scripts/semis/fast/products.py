"""Products of the fast engine: weights in another type, rows of an embedding, linear layers with their gradients."""

from typing import Any

import torch
import torch.nn.functional as F


def lowered(parameter: torch.Tensor, kind: torch.dtype, learning: bool) -> torch.Tensor:
    """The parameter in another type; without learning, that is made once, and again where the parameter has changed.

    That its version tells, but for writes to `parameter.data` and the steps of torch's own fused optimizers.
    """
    made = parameter.__dict__.pop("lowered", None)
    if learning or kind == parameter.dtype:
        return parameter.to(kind)
    if made is None or made[0] != (parameter._version, kind):
        made = (parameter._version, kind), parameter.to(kind)
    parameter.lowered = made
    return made[1]


class Rows(torch.autograd.Function):
    """Rows of an embedding; the gradient is sparse, one row for each different token (see row_adam)."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        ctx.ids, ctx.shape = ids, weight.shape
        return weight[ids]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        ids, places = ctx.ids.unique(return_inverse=True)
        rows = gradient.new_zeros(len(ids), gradient.shape[1]).index_add_(0, places, gradient)
        made = torch.sparse_coo_tensor(ids[None], rows, ctx.shape, is_coalesced=True, check_invariants=False)
        return made, None


def parameter_gradients(gradient: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradients of weight and bias of a linear layer, in float32 as these are, of its output's and its input."""
    return (gradient.t() @ x).float(), gradient.sum(0).float()


class LinearCrossEntropy(torch.autograd.Function):
    """Summed cross entropy (nats) of a linear layer's scores; a block of rows at a time, its gradient made on the spot.

    `x` is (rows x width), `weight` (classes x width), `bias` (classes,), `target` (rows,) of classes; the products are
    computed in `kind`, the rest in float32. Without `learning` no backward can follow.
    """

    BLOCK = 1024

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        target: torch.Tensor,
        kind: torch.dtype,
        learning: bool,
    ) -> torch.Tensor:
        low, loss = weight.to(kind), x.new_zeros(())
        to_x, to_weight, to_bias = [], None, torch.zeros_like(bias)
        blocks = (rows.split(LinearCrossEntropy.BLOCK) for rows in (x.to(kind), target[:, None]))
        for part, wanted in zip(*blocks, strict=True):
            logs = F.linear(part, low).float().add_(bias).log_softmax(-1)
            loss -= logs.gather(1, wanted).sum()
            if learning:
                share = logs.exp_().scatter_add_(1, wanted, torch.full_like(wanted, -1, dtype=logs.dtype))
                to_bias += share.sum(0)
                share = share.to(kind)
                to_x.append((share @ low).float())
                made = (share.t() @ part).float()
                to_weight = made if to_weight is None else to_weight.add_(made)
        if learning:
            ctx.save_for_backward(torch.cat(to_x), to_weight, to_bias)
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *(x.mul_(gradient) for x in ctx.saved_tensors), None, None, None
