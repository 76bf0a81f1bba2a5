"""Split each line of a text into sentencepiece pieces, separated by spaces."""

from collections.abc import Iterable, Iterator

from semis.fairseq.dictionaries import SPECIAL
from semis.harness.errors import UserError, reason
from semis.harness.job import job

import sentencepiece


def load(path: str) -> sentencepiece.SentencePieceProcessor:
    """Load the sentencepiece model of a file. Raises UserError if that fails."""
    try:
        return sentencepiece.SentencePieceProcessor(model_file=path)
    except (RuntimeError, OSError) as error:
        raise UserError(
            f"{path} is not a complete sentencepiece model ({reason(error)}); replace it with the model's own file."
        ) from error


def tokenize_lines(lines: Iterable[str], processor: sentencepiece.SentencePieceProcessor) -> Iterator[str]:
    """Yield the pieces of each line, joined with spaces.

    A piece that is spelt like one of fairseq's own tokens, such as <pad>, is text and becomes <unk>: fairseq would take
    it for that token.
    """
    for line in lines:
        pieces = processor.encode(line.rstrip("\n"), out_type=str)
        yield " ".join("<unk>" if piece in SPECIAL else piece for piece in pieces)


if __name__ == "__main__":
    with job(snakemake):
        processor = load(snakemake.input.model)
        with (
            open(snakemake.input[0], encoding="utf-8", newline="\n") as text,
            open(snakemake.output[0], "w", encoding="utf-8", newline="\n") as out,
        ):
            out.writelines(f"{line}\n" for line in tokenize_lines(text, processor))
