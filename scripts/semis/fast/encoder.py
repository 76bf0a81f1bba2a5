"""A RoBERTa's encoder, quick on a CPU: no padding, bfloat16 where that is quicker, cheap dropout, no unread rows.

It computes what fairseq's and transformers' encoders compute, from the same modules and weights, for a batch whose
texts stand one behind the other (`tokens` long), and in the last layer only for the rows that are read. What differs
stands in docs/engines.md.
"""

import ctypes
from dataclasses import dataclass

from semis.machine.processor import compute_type

import numpy
import torch
import torch.nn.functional as F

PARTS = 65536  # a mask is drawn as 16-bit parts of 64-bit words: four numbers for the price of one
FILL = 64  # tokens
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


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


def keep_freed_memory():
    """Let this process keep the memory of large tensors that it frees, where it runs on glibc.

    Else it goes back to the system and comes again page by page, each filled with zeros first.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def arithmetic():
    """One line that says what the engine computes in on this machine."""
    can = torch.cpu.get_capabilities()
    unit = next((name for name in ("amx_bf16", "avx512_bf16", "avx512_f", "avx2") if can.get(name)), "no vector unit")
    return f"fast engine: {compute_type()} on a processor with {unit}, {torch.get_num_threads()} threads"


def keep_mask(shape, rate, kind):
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


def masked(x, mask):
    """`x` times the mask; `x` itself without one."""
    return x if mask is None else x * mask


def lowered(parameter, kind, learning):
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


class Dropout(torch.autograd.Function):
    """Dropout with the mask of `keep_mask`."""

    @staticmethod
    def forward(ctx, x, rate):
        ctx.mask, ctx.scale = keep_mask(x.shape, rate, x.dtype), 1 / (1 - rate)
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
    """The attention of a layer, before its output is projected.

    Scores and shares are computed one text at a time, so that they stay in the cache, and in float32: in bfloat16 torch
    would make a kernel for each length of a text, which takes longer than the products. `x` is (tokens x width);
    `lengths` says how many of its rows belong to each text. The rows that ask are those at the places `wanted`, `read`
    of them in each text, or all where `wanted` is None. Without `learning` no backward can follow. The parameters,
    weights (width x width) and biases of queries, keys and values, are in float32; products with them are computed in
    the type of x.
    """

    @staticmethod
    def forward(ctx, x, wanted, read, lengths, heads, rate, learning, *parameters):
        ctx.wanted, ctx.heads, ctx.rows = wanted, heads, (read, lengths, lengths)
        ctx.by_root, ctx.by_rate = (x.shape[1] // heads) ** -0.5, 1 / (1 - rate)
        asking = x if wanted is None else x[wanted]
        low = [lowered(parameter, x.dtype, learning) for parameter in parameters]
        projected = [F.linear(rows, *low[i : i + 2]).float() for rows, i in ((asking, 0), (x, 2), (x, 4))]
        result, kept = torch.empty_like(projected[0]), []
        for q, k, v, out in _by_text(heads, (*projected, result), (*ctx.rows, read)):
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
    def backward(ctx, gradient):
        x, asking, *projected, result, by_query, by_key, by_value = ctx.saved_tensors[:9]
        kept, made = ctx.saved_tensors[9:], [torch.empty_like(part) for part in projected]
        gradient, scale = gradient.float(), ctx.by_root * ctx.by_rate
        # a row's sum over its shares times their gradients is its result times its result's gradient
        sums = (gradient * result).unflatten(1, (ctx.heads, -1)).sum(-1).div_(ctx.by_rate)
        parts, rows = (*projected, *made, gradient, sums), (*ctx.rows, *ctx.rows, ctx.rows[0], ctx.rows[0])
        texts = _by_text(ctx.heads, parts, rows)
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
        return to_x, *[None] * 6, *(made for pair in pairs for made in _parameter_gradients(*pair))


class Rest(torch.autograd.Function):
    """What follows the attention of a layer: its projection, the feed-forward block, two residual sums, two norms.

    `attended` and `residual` are (rows x width); `rate` is that of dropout, `epsilon` that of the norms. The
    parameters, weights and biases of output, norm, up, down and norm, are in float32; what is computed is in the type
    of `attended`. Without `learning` no backward can follow.
    """

    @staticmethod
    def forward(ctx, attended, residual, rate, epsilon, learning, *parameters):
        first, second = parameters[2:4], parameters[8:]
        low = [lowered(parameter, attended.dtype, learning) for parameter in (*parameters[:2], *parameters[4:8])]
        output, output_bias, up, up_bias, down, down_bias = low
        ctx.shape, ctx.scale = attended.shape[1:], 1 / (1 - rate)

        def summed(x, residual):
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
    def backward(ctx, gradient):
        attended, output, first_mask, x, *first = ctx.saved_tensors[:8]
        middle, up, raised, active, down, second_mask, y, *second = ctx.saved_tensors[8:]

        def through_norm(gradient, x, norm):  # in float32, since sums over the rows would lose digits in bfloat16
            parts = gradient.float(), x.float(), ctx.shape, *norm, [True] * 3
            to_x, *to_norm = torch.ops.aten.native_layer_norm_backward(*parts)
            return to_x.to(x.dtype), *to_norm

        def through_mask(gradient, mask):
            return gradient if mask is None else masked(gradient, mask).mul_(ctx.scale)

        to_y, *to_second = through_norm(gradient, y, second)
        to_lowered = through_mask(to_y, second_mask)
        to_raised = torch.ops.aten.gelu_backward(to_lowered @ down, raised)
        to_middle = (to_raised @ up).add_(to_y)
        to_x, *to_first = through_norm(to_middle, x, first)
        to_projected = through_mask(to_x, first_mask)
        return (
            *(to_projected @ output, to_x, None, None, None),
            *(*_parameter_gradients(to_projected, attended), *to_first, *_parameter_gradients(to_raised, middle)),
            *(*_parameter_gradients(to_lowered, active), *to_second),
        )


def _parameter_gradients(gradient, x):
    """The gradients of weight and bias of a linear layer, in float32 as these are, of its output's and its input."""
    return (gradient.t() @ x).float(), gradient.sum(0).float()


def first_attention(x, layer, first, lengths, heads, rate):
    """The attention of a layer, before its output is projected, for the first token of each text: (texts x width).

    It computes what `Attention` does, in an order that is much shorter for one row of a text: instead of projecting
    each token to a key and a value, the query goes backwards through the keys' weights, and the attended mean of the
    tokens forwards through the values'. `first` holds the places of the first tokens. All is computed in float32.
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


def _by_text(heads, parts, rows):
    """Yield for each text what belongs to it of each part: (heads x rows x width of a head), in place.

    A part is (rows x width); `rows` says for each part how many belong to each text.
    """
    wide = [part.unflatten(1, (heads, -1)).transpose(0, 1) for part in parts]
    return zip(*(part.split(counts, 1) for part, counts in zip(wide, rows, strict=True)), strict=True)


def _parameters(*modules):
    """Weights and biases of modules, in turn."""
    return [parameter for module in modules for parameter in (module.weight, module.bias)]


def pack(tokens, padding):
    """Return (tokens, positions, lengths) of a padded batch (texts x places) without its padding.

    Positions are numbered from `padding` + 1, as in fairseq (fairseq/utils.py, make_positions).
    """
    real = tokens.ne(padding)
    positions = real.cumsum(1) + padding
    return tokens[real], positions[real], real.sum(1).tolist()


def filled_up(tokens, positions, lengths, padding):
    """What `pack` returned, with one more text of padding that fills the number of tokens up to a multiple of `FILL`.

    torch makes a kernel for each shape of a product in bfloat16 and keeps just some: so they are seldom new.
    """
    missing = -len(tokens) % FILL
    if not missing:
        return tokens, positions, lengths
    fill = tokens.new_full([missing], padding)
    return torch.cat([tokens, fill]), torch.cat([positions, fill]), [*lengths, missing]


def encode(encoder, tokens, positions, lengths, training, kind, wanted=None, read=None):
    """Encode packed texts; return rows of the last layer, (rows x width) in float32.

    `tokens` and `positions` are (tokens,), `lengths` their number in each text; `wanted` are the places among the
    tokens whose rows are returned, in order, `read` their number in each text; without, those of each first token are.
    `kind` is the type that is computed in. Where `RowAdam` steps the token embedding, the gradient here is sparse.
    """
    rate = encoder.dropout if training else 0.0
    attention_rate = encoder.attention_dropout if training else 0.0
    learning = torch.is_grad_enabled()
    settings = encoder.heads, attention_rate, learning
    weight = encoder.tokens.weight
    if hasattr(weight, "refresh"):
        weight.refresh(tokens)
        x = Rows.apply(weight, tokens)
    else:
        x = F.embedding(tokens, weight, encoder.tokens.padding_idx)
    x = x + F.embedding(positions, encoder.positions.weight)
    if encoder.types is not None:
        x = x + encoder.types.weight[0]
    norm = encoder.norm
    x = dropout(F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps).to(kind), rate)
    for layer in encoder.layers:
        projections = _parameters(layer.query, layer.key, layer.value)
        rest = _parameters(layer.output, layer.attention_norm, layer.up, layer.down, layer.norm)
        if layer is not encoder.layers[-1]:
            found, residual = Attention.apply(x, None, lengths, lengths, *settings, *projections), x
        elif wanted is None:
            first = torch.tensor([0, *lengths[:-1]]).cumsum(0)
            found, residual = first_attention(x, layer, first, lengths, encoder.heads, attention_rate), x[first]
        else:
            found = Attention.apply(x, wanted, read, lengths, *settings, *projections)
            residual = x[wanted]
        x = Rest.apply(found, residual, rate, layer.norm.eps, learning, *rest)
    return x.float()


def first_rows(encoder, padded, training, kind):
    """Encode a padded batch (texts x places); return the rows of the first tokens, (texts x 1 x width)."""
    packed = pack(padded, encoder.padding)
    if kind == torch.bfloat16:
        packed = filled_up(*packed, encoder.padding)
    return encode(encoder, *packed, training, kind)[: len(padded), None]


def never_save_late_rows(embedding):
    """Let the weights of an embedding be brought up to date before they are saved (see row_adam)."""
    embedding.register_state_dict_pre_hook(
        lambda module, *_: module.weight.refresh() if hasattr(module.weight, "refresh") else None
    )


class LinearCrossEntropy(torch.autograd.Function):
    """Summed cross entropy (nats) of a linear layer's scores; a block of rows at a time, its gradient made on the spot.

    `x` is (rows x width), `weight` (classes x width), `bias` (classes,), `target` (rows,) of classes; the products are
    computed in `kind`, the rest in float32. Without `learning` no backward can follow.
    """

    BLOCK = 1024

    @staticmethod
    def forward(ctx, x, weight, bias, target, kind, learning):
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
    def backward(ctx, gradient):
        return *(x.mul_(gradient) for x in ctx.saved_tensors), None, None, None


@torch.no_grad()
def clip_gradients(parameters, longest):
    """Return the norm of all gradients, sparse ones too; scale them to `longest` where it is above that (0: never)."""
    values = _gradients(parameters)
    norm = torch.nn.utils.get_total_norm(values)
    if longest and longest != float("inf"):
        torch._foreach_mul_(values, (longest / (norm + 1e-6)).clamp(max=1.0))
    return norm


@torch.no_grad()
def scale_gradients(parameters, factor):
    """Multiply all gradients, sparse ones too."""
    torch._foreach_mul_(_gradients(parameters), factor)


def _gradients(parameters):
    """The gradients of parameters that have one; of a sparse one the rows that it holds."""
    found = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return [gradient._values() if gradient.is_sparse else gradient for gradient in found]
