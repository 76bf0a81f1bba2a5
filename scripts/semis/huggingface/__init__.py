"""Hugging Face models: folders, checkpoints, training."""
