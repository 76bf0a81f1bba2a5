"""Cut each line of a text into sentencepiece pieces, divided by spaces."""

from collections.abc import Iterable, Iterator

from semis.fairseq.dictionaries import SPECIAL
from semis.harness.errors import UserError, reason
from semis.harness.job import job

import sentencepiece


def load(path: str) -> sentencepiece.SentencePieceProcessor:
    """The sentencepiece model of a file. Raises UserError where there is none."""
    try:
        return sentencepiece.SentencePieceProcessor(model_file=path)
    except (RuntimeError, OSError) as error:
        raise UserError(
            f"{path} is no whole sentencepiece model ({reason(error)}); put that of the model there."
        ) from error


def tokenize_lines(lines: Iterable[str], processor: sentencepiece.SentencePieceProcessor) -> Iterator[str]:
    """Yield, for each line, its pieces joined with spaces.

    What a review spells like a token of fairseq's own, such as <pad>, is text: where it would come out as one piece, it
    is an unknown one.
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
