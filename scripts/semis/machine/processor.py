"""Chooses the number type in which this machine's processor computes fastest."""

import torch


def compute_type() -> torch.dtype:
    """Return torch.bfloat16 if this processor multiplies faster in it than in torch.float32, else torch.float32.

    bfloat16 is faster with AMX. With AVX512-BF16 it is faster only on processors without AVX512-FP16. Processors from
    Sapphire Rapids on have both and rely on AMX: on one whose AMX was hidden by a virtual machine, products in bfloat16
    took twice as long as in float32.
    """
    can = torch.cpu.get_capabilities()
    quick = can.get("amx_bf16") or (can.get("avx512_bf16") and not can.get("avx512_fp16"))
    return torch.bfloat16 if quick else torch.float32
