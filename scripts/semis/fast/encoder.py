"""A RoBERTa encoder that is fast on a CPU: no padding, bfloat16 if that is faster, cheap dropout, no unread rows.

It computes the same function as the encoders of fairseq and transformers, from the same modules and weights. The texts
of a batch are concatenated, and the last layer computes only the rows that are read. docs/engines.md lists the
differences.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from semis.fast.attention import Attention, first_attention
from semis.fast.dropout import dropout
from semis.fast.feed_forward import Rest
from semis.fast.products import Rows
from semis.machine.processor import compute_type

import torch
import torch.nn.functional as F

Packed = tuple[torch.Tensor, torch.Tensor, list[int]]  # tokens, positions, lengths (see `pack`)

FILL = 64  # tokens (see `filled_up`)
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
    """The modules and sizes of an encoder. Its layers normalise after the residual sum and use GELU."""

    tokens: torch.nn.Embedding
    positions: torch.nn.Embedding
    types: torch.nn.Embedding | None
    norm: torch.nn.LayerNorm
    layers: list[Layer]
    heads: int
    dropout: float
    attention_dropout: float
    padding: int


def keep_freed_memory() -> None:
    """Let this process keep the memory of large tensors that it frees. Has an effect with glibc only.

    Otherwise the memory returns to the system and comes back page by page, filled with zeros.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def arithmetic() -> str:
    """Return a line for the log: the engine's number type on this machine, the processor's vector unit, the threads."""
    can = torch.cpu.get_capabilities()
    unit = next((name for name in ("amx_bf16", "avx512_bf16", "avx512_f", "avx2") if can.get(name)), "no vector unit")
    return f"fast engine: {compute_type()} on a processor with {unit}, {torch.get_num_threads()} threads"


def pack(tokens: torch.Tensor, padding: int) -> Packed:
    """Remove the padding of a batch (texts x length); return (tokens, positions, lengths).

    `tokens` and `positions` are (tokens,), `lengths` has the number of tokens of each text. Positions are numbered from
    `padding` + 1, as in fairseq (fairseq/utils.py, make_positions).
    """
    real = tokens.ne(padding)
    positions = real.cumsum(1) + padding
    return tokens[real], positions[real], real.sum(1).tolist()


def filled_up(tokens: torch.Tensor, positions: torch.Tensor, lengths: list[int], padding: int) -> Packed:
    """Add a text of padding to the result of `pack`, so that the number of tokens is a multiple of `FILL`.

    torch compiles a kernel for each shape of a product in bfloat16 and keeps only some, so fewer shapes cost less.
    """
    missing = -len(tokens) % FILL
    if not missing:
        return tokens, positions, lengths
    fill = tokens.new_full([missing], padding)
    return torch.cat([tokens, fill]), torch.cat([positions, fill]), [*lengths, missing]


def _parameters(*modules: torch.nn.Module) -> list[torch.Tensor]:
    """Return weight and bias of each module, in order."""
    return [parameter for module in modules for parameter in (module.weight, module.bias)]


def _embedded(encoder: Encoder, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Return the normalised sum of the embeddings, (tokens x width) in float32."""
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
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def encode(
    encoder: Encoder,
    tokens: torch.Tensor,
    positions: torch.Tensor,
    lengths: Sequence[int],
    training: bool,
    kind: torch.dtype,
    wanted: torch.Tensor | None = None,
    read: Sequence[int] | None = None,
) -> torch.Tensor:
    """Encode packed texts; return rows of the last layer, (rows x width) in float32.

    `tokens`, `positions` and `lengths` come from `pack`. `wanted` holds the indices of the tokens whose rows are
    returned, in order, and `read` their number in each text; without `wanted`, the rows of the first tokens are
    returned. `kind` is the number type of the computation. If `RowAdam` steps the token embedding, its gradient is
    sparse.
    """
    rate = encoder.dropout if training else 0.0
    attention_rate = encoder.attention_dropout if training else 0.0
    learning = torch.is_grad_enabled()
    settings = encoder.heads, attention_rate, learning
    x = dropout(_embedded(encoder, tokens, positions).to(kind), rate)
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


def first_rows(encoder: Encoder, padded: torch.Tensor, training: bool, kind: torch.dtype) -> torch.Tensor:
    """Encode a padded batch (texts x length); return the rows of the first tokens, (texts x 1 x width)."""
    packed = pack(padded, encoder.padding)
    if kind == torch.bfloat16:
        packed = filled_up(*packed, encoder.padding)
    return encode(encoder, *packed, training, kind)[: len(padded), None]


def never_save_late_rows(embedding: torch.nn.Embedding) -> None:
    """Bring the weights of an embedding up to date whenever they are saved (see `RowAdam`)."""
    embedding.register_state_dict_pre_hook(
        lambda module, *_: module.weight.refresh() if hasattr(module.weight, "refresh") else None
    )
