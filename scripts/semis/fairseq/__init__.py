"""fairseq's models: checkpoints, dictionaries, training."""
