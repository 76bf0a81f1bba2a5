"""A RoBERTa's encoder, quick on a CPU: no padding, bfloat16 where the processor has it, cheap dropout, no unread rows.

It computes what fairseq's and transformers' encoders compute, from the same modules and weights, for a batch whose
texts stand one behind the other (`tokens` long), and in the last layer only for the rows that are read. What differs
stands in docs/engines.md.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

PARTS = 65536  # a mask is drawn as 16-bit parts of 64-bit words: four numbers for the price of one


@dataclass
class Layer:
    """The modules of one encoder layer."""

    query: torch.nn.Linear
    key: torch.nn.Linear
    value: torch.nn.Linear
    output: torch.nn.Linear
    attention_norm: torch.nn.LayerNorm
    up: torch.nn.Linear
    down: torch.nn.Linear
    norm: torch.nn.LayerNorm


@dataclass
class Encoder:
    """The modules and sizes of an encoder whose layers normalise after the residual sum and use GELU."""

    tokens: torch.nn.Embedding
    positions: torch.nn.Embedding
    types: torch.nn.Embedding | None
    norm: torch.nn.LayerNorm
    layers: list
    heads: int
    dropout: float
    attention_dropout: float
    padding: int


def compute_type():
    """torch.bfloat16 where this processor multiplies in it (AMX or AVX512-BF16), else torch.float32."""
    can = torch.cpu.get_capabilities()
    return torch.bfloat16 if can.get("amx_bf16") or can.get("avx512_bf16") else torch.float32


def arithmetic():
    """One line that says what the engine computes in on this machine."""
    can = torch.cpu.get_capabilities()
    unit = next((name for name in ("amx_bf16", "avx512_bf16", "avx512_f", "avx2") if can.get(name)), "no vector unit")
    return f"fast engine: {compute_type()} on a processor with {unit}, {torch.get_num_threads()} threads"


def keep_mask(shape, rate):
    """A random mask of this shape: int16, 0 at `rate` (a share, rounded to 1/65536) and -1 elsewhere (all bits set)."""
    count = shape.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.int16)[:count].ge_(round(rate * PARTS) - PARTS // 2).neg_().view(shape)


def masked(x, mask):
    """`x` where the mask is -1, else 0."""
    return (x.view(torch.int16) & mask).view(x.dtype) if x.dtype == torch.bfloat16 else -x * mask


class Dropout(torch.autograd.Function):
    """Dropout with the mask of `keep_mask`."""

    @staticmethod
    def forward(ctx, x, rate):
        ctx.mask, ctx.scale = keep_mask(x.shape, rate), 1 / (1 - rate)
        return masked(x, ctx.mask).mul_(ctx.scale)

    @staticmethod
    def backward(ctx, gradient):
        return masked(gradient, ctx.mask).mul_(ctx.scale), None


def dropout(x, rate):
    """`x` with the share `rate` of its numbers set to 0 and the others scaled by 1 / (1 - rate)."""
    return Dropout.apply(x, rate) if rate else x


class Rows(torch.autograd.Function):
    """Rows of an embedding; the gradient is sparse, one row for each different token (see row_adam)."""

    @staticmethod
    def forward(ctx, weight, ids):
        ctx.ids, ctx.shape = ids, weight.shape
        return weight[ids]

    @staticmethod
    def backward(ctx, gradient):
        ids, places = ctx.ids.unique(return_inverse=True)
        rows = gradient.new_zeros(len(ids), gradient.shape[1]).index_add_(0, places, gradient)
        made = torch.sparse_coo_tensor(ids[None], rows, ctx.shape, is_coalesced=True, check_invariants=False)
        return made, None


class Attention(torch.autograd.Function):
    """Attention within each text of a packed batch, one text at a time, so that its scores stay in the cache.

    `query` is (rows read x width), `key` and `value` (tokens x width); `read` and `lengths` say how many rows of each
    belong to each text. The query comes scaled.
    """

    @staticmethod
    def forward(ctx, query, key, value, read, lengths, heads, rate):
        result = torch.zeros_like(query)
        ctx.save_for_backward(query, key, value)
        ctx.texts, ctx.heads, ctx.rate, ctx.kept = list(_texts(read, lengths)), heads, rate, []
        scale = 1 / (1 - rate)
        for rows, columns in ctx.texts:
            q, k, v = _heads(query, rows, heads), _heads(key, columns, heads), _heads(value, columns, heads)
            share = torch.bmm(q, k.transpose(1, 2)).softmax(-1)
            mask = keep_mask(share.shape, rate) if rate else None
            ctx.kept.append((share, mask))
            found = torch.bmm(masked(share, mask), v).mul_(scale) if rate else torch.bmm(share, v)
            _heads(result, rows, heads).copy_(found)
        return result

    @staticmethod
    def backward(ctx, gradient):
        query, key, value = ctx.saved_tensors
        to_query, to_key, to_value = (torch.zeros_like(x) for x in (query, key, value))
        if ctx.rate:
            gradient = gradient * (1 / (1 - ctx.rate))
        for (rows, columns), (share, mask) in zip(ctx.texts, ctx.kept, strict=True):
            q, k, v = (_heads(x, at, ctx.heads) for x, at in ((query, rows), (key, columns), (value, columns)))
            g = _heads(gradient, rows, ctx.heads)
            to_share, used = torch.bmm(g, v.transpose(1, 2)), share
            if ctx.rate:
                to_share, used = masked(to_share, mask), masked(share, mask)
            _heads(to_value, columns, ctx.heads).copy_(torch.bmm(used.transpose(1, 2), g))
            to_score = torch._softmax_backward_data(to_share, share, -1, share.dtype)
            _heads(to_query, rows, ctx.heads).copy_(torch.bmm(to_score, k))
            _heads(to_key, columns, ctx.heads).copy_(torch.bmm(to_score.transpose(1, 2), q))
        return to_query, to_key, to_value, None, None, None, None


def _texts(read, lengths):
    """Yield (slice of the rows read, slice of the tokens) for each text."""
    row = column = 0
    for count, length in zip(read, lengths, strict=True):
        if count:
            yield slice(row, row + count), slice(column, column + length)
        row, column = row + count, column + length


def _heads(x, rows, heads):
    """The rows of x (rows x width) as (heads x rows x width of a head), in place."""
    return x[rows].view(rows.stop - rows.start, heads, -1).transpose(0, 1)


def _linear(x, *modules):
    """The outputs of linear modules side by side, in the type of x."""
    weight = torch.cat([module.weight for module in modules]) if len(modules) > 1 else modules[0].weight
    bias = torch.cat([module.bias for module in modules]) if len(modules) > 1 else modules[0].bias
    return F.linear(x, weight.to(x.dtype), bias.to(x.dtype))


def _normalised(x, norm):
    """Layer normalisation in the type of x, with weights in float32."""
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def pack(tokens, padding):
    """Return (tokens, positions, lengths) of a padded batch (texts x places) without its padding.

    Positions are numbered from `padding` + 1, as in fairseq (fairseq/utils.py, make_positions).
    """
    real = tokens.ne(padding)
    positions = real.cumsum(1) + padding
    return tokens[real], positions[real], real.sum(1).tolist()


def encode(encoder, tokens, positions, lengths, wanted, read, training, kind, sparse):
    """Encode packed texts; return the last layer's rows at the places `wanted`, (rows read x width) in float32.

    `tokens` and `positions` are (tokens,), `lengths` their number in each text; `wanted` are places among the tokens,
    in order, `read` their number in each text. `kind` is the type that is computed in. With `sparse` the gradient of
    the token embedding is sparse, for `RowAdam`.
    """
    rate = encoder.dropout if training else 0.0
    attention_rate = encoder.attention_dropout if training else 0.0
    weight = encoder.tokens.weight
    if hasattr(weight, "refresh"):
        weight.refresh(tokens)
    x = Rows.apply(weight, tokens) if sparse else F.embedding(tokens, weight, encoder.tokens.padding_idx)
    x = x + F.embedding(positions, encoder.positions.weight)
    if encoder.types is not None:
        x = x + encoder.types.weight[0]
    x = dropout(_normalised(x, encoder.norm).to(kind), rate)
    for layer in encoder.layers:
        if layer is encoder.layers[-1]:
            residual, counts = x[wanted], read
            query = _linear(residual, layer.query)
            key, value = _linear(x, layer.key, layer.value).split(x.shape[1], 1)
        else:
            residual, counts = x, lengths
            query, key, value = _linear(x, layer.query, layer.key, layer.value).split(x.shape[1], 1)
        query = query * (x.shape[1] // encoder.heads) ** -0.5
        found = Attention.apply(query, key, value, counts, lengths, encoder.heads, attention_rate)
        x = _normalised(residual + dropout(_linear(found, layer.output), rate), layer.attention_norm)
        found = _linear(F.gelu(_linear(x, layer.up)), layer.down)
        x = _normalised(x + dropout(found, rate), layer.norm)
    return x.float()


def first_rows(encoder, padded, training, kind):
    """Encode a padded batch (texts x places); return the rows of the first tokens, (texts x 1 x width)."""
    tokens, positions, lengths = pack(padded, encoder.padding)
    first = torch.tensor([0, *lengths[:-1]]).cumsum(0)
    sparse = torch.is_grad_enabled() and hasattr(encoder.tokens.weight, "refresh")
    return encode(encoder, tokens, positions, lengths, first, [1] * len(lengths), training, kind, sparse)[:, None]


def never_save_late_rows(embedding):
    """Let the weights of an embedding be brought up to date before they are saved (see row_adam)."""
    embedding.register_state_dict_pre_hook(
        lambda module, *_: module.weight.refresh() if hasattr(module.weight, "refresh") else None
    )


class LinearCrossEntropy(torch.autograd.Function):
    """Summed cross entropy (nats) of a linear layer's scores; a block of rows at a time, its gradient made on the spot.

    `x` is (rows x width), `weight` (classes x width), `bias` (classes,), `target` (rows,) of classes; the products are
    computed in `kind`, the rest in float32.
    """

    BLOCK = 512

    @staticmethod
    def forward(ctx, x, weight, bias, target, kind):
        low, training = weight.to(kind), any(ctx.needs_input_grad)
        loss = x.new_zeros(())
        if training:
            to_x, to_weight, to_bias = torch.zeros_like(x), torch.zeros_like(weight), torch.zeros_like(bias)
        for start in range(0, len(x), LinearCrossEntropy.BLOCK):
            rows = slice(start, start + LinearCrossEntropy.BLOCK)
            part, wanted = x[rows].to(kind), target[rows, None]
            scores = F.linear(part, low).float().add_(bias)
            logs = scores.log_softmax(-1)
            loss -= logs.gather(1, wanted).sum()
            if training:
                share = logs.exp_().scatter_add_(1, wanted, torch.full_like(wanted, -1, dtype=logs.dtype))
                to_bias += share.sum(0)
                share = share.to(kind)
                to_x[rows] = share @ low
                to_weight += share.t() @ part
        if training:
            ctx.save_for_backward(to_x, to_weight, to_bias)
        return loss

    @staticmethod
    def backward(ctx, gradient):
        return *(gradient * x for x in ctx.saved_tensors), None, None


@torch.no_grad()
def clip_gradients(parameters, longest):
    """Return the norm of all gradients, sparse ones too; scale them to `longest` where it is above that (0: never)."""
    found = [parameter.grad for parameter in parameters if parameter.grad is not None]
    values = [gradient._values() if gradient.is_sparse else gradient for gradient in found]
    norm = torch.nn.utils.get_total_norm(values)
    if longest and longest != float("inf"):
        torch._foreach_mul_(values, (longest / (norm + 1e-6)).clamp(max=1.0))
    return norm
