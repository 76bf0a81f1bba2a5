"""What all trainings by transformers' Trainer have in common."""

from typing import Any


def one_gpu(arguments: Any) -> Any:
    """Return these TrainingArguments with at most one GPU: a Trainer would use all, with as many times the batch."""
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments
