"""Generates reviews and a model of the report's sizes for a benchmark: words without meaning, one token each.

generate.py tokenizer FOLDER    in the environment of sentencepiece
generate.py model FOLDER        in the environment of fairseq: model.pt with random weights
"""

import random
import sys
from pathlib import Path

WORDS = [f"mot{i}" for i in range(31995)]  # the lines of dict.txt; fairseq adds five
POSITIONS = 256


def line(rng):
    """Return a review with as many words as real reviews have tokens (127.8 on average, at most 256)."""
    length = max(4, min(POSITIONS, round(rng.lognormvariate(4.685, 0.75)))) - 2  # and its first and last token
    return " ".join(WORDS[int(len(WORDS) * rng.random() ** 4)] for _ in range(length))


def reviews(folder, counts):
    """Write {split}.review and .label for {split: number of reviews}; the labels are arbitrary."""
    rng = random.Random(0)
    for split, count in counts.items():
        text = "".join(f"{line(rng)}\n" for _ in range(count))
        Path(folder, f"{split}.review").write_text(text, encoding="utf-8")
        Path(folder, f"{split}.label").write_text("".join(f"{row % 2}\n" for row in range(count)))


def tokenizer(folder):
    """Write sentencepiece.bpe.model, which knows only `WORDS`, and dict.txt."""
    import sentencepiece

    text = Path(folder, "words.txt")
    text.write_text("\n".join(WORDS) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(Path(folder, "sentencepiece.bpe")),
        model_type="word",
        vocab_size=len(WORDS) + 3,
        minloglevel=1,
    )
    text.unlink()
    Path(folder, "dict.txt").write_text("".join(f"▁{word} 1\n" for word in WORDS), encoding="utf-8")


def model(folder):
    """Write model.pt: roberta_small as fairseq initialises it."""
    from argparse import Namespace

    from semis.fairseq import checkpoints

    import fairseq_plugin
    import torch
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel

    torch.manual_seed(0)
    words = Dictionary.load(str(Path(folder, "dict.txt")))
    words.add_symbol("<mask>")
    args = Namespace()
    fairseq_plugin.roberta_small(args)
    weights = RobertaModel.build_model(args, Namespace(source_dictionary=words)).state_dict()
    sizes = {"layers": 4, "dimension": 512, "feed_forward": 512, "heads": 8}
    task = {"task": "masked_lm", "criterion": "masked_lm", "tokens_per_sample": POSITIONS}
    checkpoints.save(Path(folder, "model.pt"), weights, sizes, POSITIONS, task)


if __name__ == "__main__":
    {"tokenizer": tokenizer, "model": model}[sys.argv[1]](sys.argv[2])
