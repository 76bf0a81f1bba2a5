"""The settings that all trainings by transformers' Trainer share."""

from typing import Any


def one_gpu(arguments: Any) -> Any:
    """Limit TrainingArguments to one GPU and return them: a Trainer would use all GPUs and multiply the batch size."""
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments
