"""The attention of a layer, computed text by text without padding."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from semis.fast.dropout import dropout, keep_mask, masked
from semis.fast.products import lowered, parameter_gradients

import torch
import torch.nn.functional as F


class Attention(torch.autograd.Function):
    """The attention of a layer, before its output is projected.

    `x` is (tokens x width), and `lengths` gives the number of its rows in each text. Queries come from the rows at the
    indices `wanted`, `read` of them in each text, or from all rows if `wanted` is None. The result has a row for each
    query, in the type of x. Without `learning` no backward pass can follow.

    The parameters are weights (width x width) and biases of queries, keys and values, in float32; products with them
    are computed in the type of x. Scores and shares are computed one text at a time, so that they stay in the cache,
    and in float32: in bfloat16 torch would compile a kernel for each length of a text, which takes longer than the
    products.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        wanted: torch.Tensor | None,
        read: Sequence[int],
        lengths: Sequence[int],
        heads: int,
        rate: float,
        learning: bool,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        ctx.wanted, ctx.heads, ctx.rows = wanted, heads, (read, lengths, lengths)
        ctx.by_root, ctx.by_rate = (x.shape[1] // heads) ** -0.5, 1 / (1 - rate)
        asking = x if wanted is None else x[wanted]
        low = [lowered(parameter, x.dtype, learning) for parameter in parameters]
        projected = [F.linear(rows, *low[i : i + 2]).float() for rows, i in ((asking, 0), (x, 2), (x, 4))]
        result = torch.empty_like(projected[0])
        kept: list[torch.Tensor] = []
        for q, k, v, out in by_text(heads, (*projected, result), (*ctx.rows, read)):
            if not (learning or rate):
                out.copy_(F.scaled_dot_product_attention(q[None], k[None], v[None])[0])
                continue
            score = q.new_empty(heads, q.shape[1], k.shape[1])
            share = score.baddbmm_(q, k.transpose(1, 2), beta=0, alpha=ctx.by_root).softmax(-1)
            used = masked(share, keep_mask(share.shape, rate, share.dtype))
            torch.mul(torch.bmm(used, v), ctx.by_rate, out=out)
            kept += share, used
        ctx.save_for_backward(x, asking, *projected, result, *low[::2], *kept)
        return result.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, asking, *projected, result, by_query, by_key, by_value = ctx.saved_tensors[:9]
        kept, made = ctx.saved_tensors[9:], [torch.empty_like(part) for part in projected]
        gradient, scale = gradient.float(), ctx.by_root * ctx.by_rate
        # for each query, the sum of shares times their gradients equals its result times the result's gradient
        sums = (gradient * result).unflatten(1, (ctx.heads, -1)).sum(-1).div_(ctx.by_rate)
        parts, rows = (*projected, *made, gradient, sums), (*ctx.rows, *ctx.rows, ctx.rows[0], ctx.rows[0])
        texts = by_text(ctx.heads, parts, rows)
        for (q, k, v, to_q, to_k, to_v, g, total), share, used in zip(texts, kept[::2], kept[1::2], strict=True):
            torch.mul(torch.bmm(used.transpose(1, 2), g), ctx.by_rate, out=to_v)
            to_score = torch.bmm(g, v.transpose(1, 2)).mul_(used).addcmul_(share, total, value=-1)
            torch.mul(torch.bmm(to_score, k), scale, out=to_q)
            torch.mul(torch.bmm(to_score.transpose(1, 2), q), scale, out=to_k)
        to_query, to_key, to_value = (part.to(x.dtype) for part in made)
        to_asking = to_query @ by_query
        to_x = to_asking if ctx.wanted is None else torch.zeros_like(x).index_copy_(0, ctx.wanted, to_asking)
        to_x.addmm_(to_key, by_key).addmm_(to_value, by_value)
        pairs = (to_query, asking), (to_key, x), (to_value, x)
        return to_x, *[None] * 6, *(made for pair in pairs for made in parameter_gradients(*pair))


def first_attention(
    x: torch.Tensor, layer: Any, first: torch.Tensor, lengths: Sequence[int], heads: int, rate: float
) -> torch.Tensor:
    """Return the attention of a layer for the first token of each text, before its output is projected.

    The result is (texts x width). It equals that of `Attention`, but the order of the products is much cheaper for one
    query per text: the query is multiplied by the weights of the keys, and the attended mean of the tokens by those of
    the values, so no token is projected to a key or a value. `first` holds the indices of the first tokens. All
    products are in float32.
    """
    kind, width = x.dtype, x.shape[1] // heads
    x = x.float()
    by_head = {
        name: (module.weight.view(heads, width, -1), module.bias.view(heads, width))
        for name, module in (("key", layer.key), ("value", layer.value))
    }
    query = (layer.query(x[first]) * width**-0.5).view(-1, heads, width)
    asked = torch.einsum("nhd,hdw->nhw", query, by_head["key"][0])
    constant = torch.einsum("nhd,hd->nh", query, by_head["key"][1])
    means, sums = [], []
    for row, text in enumerate(x.split(lengths)):
        score = asked[row] @ text.t() + constant[row, :, None]
        share = dropout(score.softmax(-1), rate)
        means.append(share @ text)
        sums.append(share.sum(-1))
    weight, bias = by_head["value"]
    found = torch.einsum("nhw,hdw->nhd", torch.stack(means), weight) + torch.stack(sums)[..., None] * bias
    return found.reshape(len(lengths), -1).to(kind)


def by_text(
    heads: int, parts: Iterable[torch.Tensor], rows: Iterable[Sequence[int]]
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield, for each text, its slice of each part as a view (heads x rows x width of a head).

    A part is (rows x width); `rows` gives, for each part, the number of rows in each text.
    """
    wide = [part.unflatten(1, (heads, -1)).transpose(0, 1) for part in parts]
    return zip(*(part.split(counts, 1) for part, counts in zip(wide, rows, strict=True)), strict=True)
