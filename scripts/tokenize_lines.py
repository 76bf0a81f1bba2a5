"""Cut each line of a text into sentencepiece pieces, divided by spaces."""

from semis.job import job

import sentencepiece


def tokenize_lines(lines, processor):
    """Yield, for each line, its pieces joined with spaces."""
    for line in lines:
        yield " ".join(processor.encode(line.rstrip("\n"), out_type=str))


if __name__ == "__main__":
    with job(snakemake):
        processor = sentencepiece.SentencePieceProcessor(model_file=snakemake.input.model)
        with (
            open(snakemake.input[0], encoding="utf-8", newline="\n") as text,
            open(snakemake.output[0], "w", encoding="utf-8", newline="\n") as out,
        ):
            out.writelines(f"{line}\n" for line in tokenize_lines(text, processor))
