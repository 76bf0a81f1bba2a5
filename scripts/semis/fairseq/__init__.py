"""Models of fairseq: checkpoints, dictionaries, training."""
