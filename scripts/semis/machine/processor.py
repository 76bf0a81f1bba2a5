"""What this machine's processor computes quickest in."""

import torch


def compute_type() -> torch.dtype:
    """torch.bfloat16 where this processor multiplies quicker in it than in torch.float32, else that.

    AMX does. AVX512-BF16 does on processors that were made for it alone; on those that have AVX512-FP16 too (from
    Sapphire Rapids on, which count on AMX) its products took twice as long as float32's, as measured on one whose AMX a
    virtual machine hides.
    """
    can = torch.cpu.get_capabilities()
    quick = can.get("amx_bf16") or (can.get("avx512_bf16") and not can.get("avx512_fp16"))
    return torch.bfloat16 if quick else torch.float32
