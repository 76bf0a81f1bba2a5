"""fairseq's `--user-dir`: the report's architecture, safe loading of checkpoints, and an end with the parent process.

fairseq calls torch.load without a list of allowed types, so torch loads only tensors. This module also allows the plain
types that fairseq's own checkpoints contain, by name, and nothing else.
"""

from argparse import Namespace

from semis.fairseq.checkpoints import SAFE_TYPES
from semis.harness.job import end_with_parent

import torch
from fairseq.logging import metrics
from fairseq.models import register_model_architecture
from fairseq.models.roberta.model import base_architecture

torch.serialization.add_safe_globals(SAFE_TYPES)
end_with_parent()  # else fairseq-train would outlive a killed script
reset_meters = metrics.reset_meters


def reset_meters_at_the_end_of_an_epoch(name: str) -> None:
    """Reset fairseq's meters, and at the end of an epoch also those of the loss that is logged within epochs.

    Then no logged loss averages over two epochs: fairseq does not continue such an average when it resumes.
    """
    reset_meters(name)
    if name == "train":
        reset_meters("train_inner")


metrics.reset_meters = reset_meters_at_the_end_of_an_epoch


@register_model_architecture("roberta", "roberta_small")
def roberta_small(args: Namespace) -> None:
    """Set the defaults of RoBERTa-small-fr: 4 layers, dimension 512, feed-forward 512, 8 heads, 256 positions."""
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
