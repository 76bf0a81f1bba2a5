"""fairseq's `--user-dir`: registers the report's architecture and lets checkpoints load without running their pickles.

fairseq calls torch.load without saying what may be loaded; torch then takes tensors only. The plain types that
fairseq's own checkpoints hold besides are allowed here by name; nothing else is ever loaded.
"""

from semis.checkpoints import SAFE_TYPES

import torch
from fairseq.models import register_model_architecture
from fairseq.models.roberta.model import base_architecture

torch.serialization.add_safe_globals(SAFE_TYPES)


@register_model_architecture("roberta", "roberta_small")
def roberta_small(args):
    """RoBERTa-small-fr: 4 layers, dimension 512, feed-forward 512, 8 heads, 256 positions, unless flags differ."""
    defaults = {
        "encoder_layers": 4,
        "encoder_embed_dim": 512,
        "encoder_ffn_embed_dim": 512,
        "encoder_attention_heads": 8,
        "max_positions": 256,
    }
    for name, value in defaults.items():
        setattr(args, name, getattr(args, name, value))
    base_architecture(args)
