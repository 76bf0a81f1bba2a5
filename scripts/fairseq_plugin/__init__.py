"""fairseq's `--user-dir`: the report's architecture, checkpoints that load without running pickles, a timely end.

fairseq calls torch.load without saying what may be loaded; torch then takes tensors only. The plain types that
fairseq's own checkpoints hold besides are allowed here by name; nothing else is ever loaded.
"""

from argparse import Namespace

from semis.fairseq.checkpoints import SAFE_TYPES
from semis.harness.job import end_with_parent

import torch
from fairseq.logging import metrics
from fairseq.models import register_model_architecture
from fairseq.models.roberta.model import base_architecture

torch.serialization.add_safe_globals(SAFE_TYPES)
end_with_parent()  # a fairseq-train whose script was killed
reset_meters = metrics.reset_meters


def reset_meters_at_the_end_of_an_epoch(name: str) -> None:
    """Let no logged loss be an average over the end of an epoch: fairseq does not go on with one that was begun."""
    reset_meters(name)
    if name == "train":
        reset_meters("train_inner")


metrics.reset_meters = reset_meters_at_the_end_of_an_epoch


@register_model_architecture("roberta", "roberta_small")
def roberta_small(args: Namespace) -> None:
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
