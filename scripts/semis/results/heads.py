"""The number of parameters in the heads of a RoBERTa. fairseq counts both heads while it fine-tunes, tables neither."""


def language_model_head(dimension: int, tokens: int) -> int:
    """Return D^2 + 3 D + V: a dense layer, a norm, and a bias for each token; the large matrix is the embedding's."""
    return dimension**2 + 3 * dimension + tokens


def classification_head(dimension: int, classes: int) -> int:
    """Return D^2 + D + (D + 1) C: a dense layer, and a projection to the classes."""
    return dimension**2 + dimension + (dimension + 1) * classes
