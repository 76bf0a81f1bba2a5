"""An Adam that steps only those rows of an embedding that a batch uses, with the same result as stepping all rows."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch


class RowAdam(torch.optim.AdamW):
    """Fused AdamW that catches up exactly on the steps of rows without a gradient.

    If the gradient of a parameter is sparse (rows x width), only those rows are stepped at once. The other rows move
    too, by weight decay and by their remaining momentum; a closed form catches up on these steps when a row is next
    read. Before reading rows, call `parameter.refresh(ids)`, or `parameter.refresh()` for all rows. The result differs
    from that of torch's AdamW in two ways: in rounding, and in epsilon, which during the caught-up steps keeps its size
    relative to the root of the second moment.

    With `fairseq_epsilon`, epsilon is added to the root of the second moment before the bias correction, as in
    fairseq's Adam (fairseq/optim/adam.py); torch adds it after.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        fairseq_epsilon: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)
        self.epsilon, self.fairseq_epsilon = eps, fairseq_epsilon
        self.late: dict[torch.Tensor, LateRows] = {}
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.refresh = lambda ids=None, parameter=parameter: self._refresh(parameter, ids)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step with the present gradients."""
        sparse = [
            (group, parameter, parameter.grad)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None and parameter.grad.is_sparse
        ]
        for _, parameter, _ in sparse:
            parameter.grad = None
        self._set_epsilon()
        loss = super().step(closure)
        for group in self.param_groups:  # torch's fused step does not do this, and `products.lowered` needs it
            torch.autograd.graph.increment_version(group["params"])
        for group, parameter, gradient in sparse:
            self._step_rows(group, parameter, gradient.coalesce())
            parameter.grad = gradient
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a saved state, in which no row is late."""
        super().load_state_dict(state_dict)
        self.late = {}

    def state_dict(self) -> dict[str, Any]:
        """Return the state as torch's AdamW saves it, after bringing all rows up to date."""
        for parameter in list(self.late):
            self._refresh(parameter)
        return super().state_dict()

    def _set_epsilon(self) -> None:
        """With `fairseq_epsilon`, give torch's step the epsilon that makes it equal to fairseq's."""
        if not self.fairseq_epsilon:
            return
        for group in self.param_groups:
            done = max((int(self.state[p]["step"]) for p in group["params"] if "step" in self.state[p]), default=0)
            group["eps"] = self.epsilon / math.sqrt(1 - group["betas"][1] ** (done + 1))

    def _rows(self, parameter: torch.Tensor) -> tuple[dict[str, torch.Tensor], "LateRows"]:
        """Return (state, late rows) of a parameter; create them if they do not exist."""
        state = self.state[parameter]
        if "step" not in state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        if parameter not in self.late:
            self.late[parameter] = LateRows(len(parameter), int(state["step"]))
        return state, self.late[parameter]

    def _step_rows(self, group: dict[str, Any], parameter: torch.Tensor, gradient: torch.Tensor) -> None:
        """Step the rows of a sparse `gradient` (rows x width)."""
        ids, gradient = gradient.indices()[0], gradient.values()
        state, late = self._rows(parameter)
        self._refresh(parameter, ids)
        state["step"] += 1
        step, (beta1, beta2), rate = int(state["step"]), group["betas"], float(group["lr"])
        correction = math.sqrt(1 - beta2**step)
        size = rate * correction / (1 - beta1**step)
        epsilon = self.epsilon if self.fairseq_epsilon else self.epsilon * correction
        mean = state["exp_avg"][ids].lerp_(gradient, 1 - beta1)
        square = state["exp_avg_sq"][ids].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        decay = 1 - rate * group["weight_decay"]
        rows = parameter[ids].mul_(decay).addcdiv_(mean, square.sqrt().add_(epsilon), value=-size)
        state["exp_avg"][ids], state["exp_avg_sq"][ids], parameter[ids] = mean, square, rows
        late.step(size, beta1 / math.sqrt(beta2), decay)
        late.done[ids] = step

    @torch.no_grad()
    def _refresh(self, parameter: torch.Tensor, ids: torch.Tensor | None = None) -> None:
        """Catch up on the steps that the rows `ids` (None: all) have missed."""
        if parameter not in self.late:
            return
        state, late = self._rows(parameter)
        ids = torch.arange(len(parameter)) if ids is None else ids.unique()
        ids = ids[late.done[ids] < late.now]
        if len(ids):
            group = next(group for group in self.param_groups if any(p is parameter for p in group["params"]))
            done = late.done[ids]
            behind = (late.now - done)[:, None]
            pull, decay = (column[done - late.first][:, None].float() for column in (late.pull, late.decay))
            mean, square = state["exp_avg"][ids], state["exp_avg_sq"][ids]
            parameter[ids] = (
                parameter[ids].mul_(decay).addcdiv_(mean.mul(pull), square.sqrt().add_(self.epsilon), value=-1)
            )
            beta1, beta2 = group["betas"]
            state["exp_avg"][ids] = mean.mul_(beta1**behind)
            state["exp_avg_sq"][ids] = square.mul_(beta2**behind)
            late.done[ids] = late.now


class LateRows:
    """The last step of each row, and the total effect of the steps since then on a row without a gradient.

    For a row last stepped at s, `decay[s]` is the product of the decays since. `pull[s]` is the factor for the row's
    first moment over the root of its second moment: the sum, over the steps k since, of
    size_k (beta1 / sqrt(beta2))^(k - s) times the product of the decays after k.
    """

    def __init__(self, rows: int, step: int) -> None:
        self.done = torch.full([rows], step)
        self.first = self.now = step
        self.pull, self.decay = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)

    def step(self, size: float, ratio: float, decay: float) -> None:
        """Add a step of this size and decay; `ratio` is beta1 / sqrt(beta2)."""
        self.now += 1
        ages = torch.arange(len(self.pull), 0, -1, dtype=torch.float64)
        self.pull = torch.cat([self.pull * decay + size * ratio**ages, torch.zeros(1, dtype=torch.float64)])
        self.decay = torch.cat([self.decay * decay, torch.ones(1, dtype=torch.float64)])
