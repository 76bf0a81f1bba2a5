"""Building blocks of the fast engine: converted weights, rows of an embedding, gradients of linear layers."""

from typing import Any

import torch
import torch.nn.functional as F


def lowered(parameter: torch.Tensor, kind: torch.dtype, learning: bool) -> torch.Tensor:
    """Return the parameter converted to the type `kind`; without `learning`, keep the copy until the parameter changes.

    The parameter's version tells whether it has changed. Writes to `parameter.data` and the steps of torch's own fused
    optimizers do not raise the version; `RowAdam` raises it after its steps.
    """
    made = parameter.__dict__.pop("lowered", None)
    if learning or kind == parameter.dtype:
        return parameter.to(kind)
    if made is None or made[0] != (parameter._version, kind):
        made = (parameter._version, kind), parameter.to(kind)
    parameter.lowered = made
    return made[1]


class Rows(torch.autograd.Function):
    """Rows of an embedding; the gradient is sparse, with one row for each distinct token (see `RowAdam`)."""

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
    """Return the gradients (float32) of a linear layer's weight and bias, from its output's gradient and input `x`."""
    return (gradient.t() @ x).float(), gradient.sum(0).float()


class LinearCrossEntropy(torch.autograd.Function):
    """Summed cross entropy (nats) of the scores of a linear layer, computed block by block together with its gradient.

    `x` is (rows x width), `weight` (classes x width), `bias` (classes,), and `target` (rows,) holds classes. Products
    are computed in `kind`, everything else in float32. Without `learning` no backward pass can follow.
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
