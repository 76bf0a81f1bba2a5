"""The reference engine for Hugging Face models: transformers' own code."""

from typing import Any

from semis.huggingface.finite_trainer import FiniteTrainer as Trainer

__all__ = ["Trainer", "optimizer", "prepare"]


def prepare(model: Any) -> None:
    """Leave the model as it is."""


def optimizer(training: dict) -> tuple[type, dict] | None:
    """Return None: the Trainer takes transformers' own AdamW."""
    return None
