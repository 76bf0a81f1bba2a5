"""Models of Hugging Face: folders, checkpoints, training."""
