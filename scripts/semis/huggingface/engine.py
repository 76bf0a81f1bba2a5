"""The reference engine for Hugging Face models: transformers' own code."""

from typing import Any

from semis.huggingface.finite_trainer import FiniteTrainer as Trainer

__all__ = ["Trainer", "optimizer", "prepare"]


def prepare(model: Any) -> None:
    """Leave the model unchanged."""


def optimizer(training: dict) -> tuple[type, dict] | None:
    """Return None, so that the Trainer uses transformers' own AdamW."""
    return None
