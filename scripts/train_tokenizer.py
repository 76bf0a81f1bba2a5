"""Train a sentencepiece model, sized so that the embedding gets the wanted rows, and write fairseq's dictionary."""

import io
from collections.abc import Sequence
from pathlib import Path

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.text.lines import read_texts

import sentencepiece

# fairseq adds <s>, <pad>, </s>, <unk> and <mask> to the pieces, sentencepiece adds <unk>, <s> and </s>.
FAIRSEQ_ROWS, SENTENCEPIECE_ROWS = 5, 3
LINES_USED = 1_000_000


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> tuple[bytes, list[str]]:
    """Train on the text files `texts`; return (sentencepiece model as bytes, pieces) for `vocabulary` embedding rows.

    Raises UserError if the text is too small for that many pieces.
    """
    model = io.BytesIO()
    sentencepiece.set_random_generator_seed(0)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=read_texts(texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary - FAIRSEQ_ROWS + SENTENCEPIECE_ROWS,
            character_coverage=0.9998,
            input_sentence_size=LINES_USED,
            shuffle_input_sentence=True,
            max_sentence_length=1 << 16,
            minloglevel=1,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"sentencepiece could not make {vocabulary} tokens from {', '.join(texts)} ({error}); lower the "
            "tokenizer's vocabulary, or give more text."
        ) from error
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [processor.id_to_piece(i) for i in range(SENTENCEPIECE_ROWS, processor.vocab_size())]
    return model.getvalue(), pieces


if __name__ == "__main__":
    with job(snakemake):
        model, pieces = train_tokenizer(list(snakemake.input.text), snakemake.params.recipe["settings"]["vocabulary"])
        Path(snakemake.output.model).write_bytes(model)
        # fairseq expects a count after each piece but does not use it.
        Path(snakemake.output.dictionary).write_text("".join(f"{piece} 1\n" for piece in pieces), encoding="utf-8")
