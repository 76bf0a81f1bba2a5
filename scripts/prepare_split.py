"""Check and normalise one split: UTF-8, one review a line, one known label a line."""

import re
from pathlib import Path

from semis.errors import UserError
from semis.job import job

# What Python, fairseq or sentencepiece may take for the end of a line, though it is not LF.
LINE_BREAKS = re.compile("[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")


def read_lines(path):
    """Return the lines of a UTF-8 file; only LF and CRLF end a line, a byte-order mark is dropped.

    Raises UserError with the line for what is no UTF-8 or holds a NUL byte.
    """
    lines = []
    for number, line in enumerate(Path(path).read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{path} line {number} is not UTF-8; save the file in that encoding.") from error
        if "\0" in text:
            raise UserError(f"{path} line {number} holds a NUL byte; remove it.")
        lines.append(LINE_BREAKS.sub(" ", text.removesuffix("\r")).strip())
    return [] if lines == [""] else lines


def prepare_split(review_file, label_file, labels):
    """Return the reviews and labels (two lists of text, equally long) of one split.

    Raises UserError where the counts differ, a label is not one of `labels`, or there is nothing.
    """
    reviews, given = read_lines(review_file), read_lines(label_file)
    if len(reviews) != len(given):
        raise UserError(
            f"{review_file} has {len(reviews)} reviews and {label_file} has {len(given)} labels; each line of the one "
            "needs one in the other."
        )
    if not reviews:
        raise UserError(f"{review_file} holds no review; put at least one there.")
    for number, label in enumerate(given, start=1):
        if label not in labels:
            raise UserError(
                f"{label_file} line {number} holds the label '{label}'; the config's labels are {', '.join(labels)}: "
                "correct the line, or add the label to the dataset's labels."
            )
    return reviews, given


def write_lines(path, lines):
    """Write `lines` as UTF-8 with LF behind each."""
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    with job(snakemake):
        found = prepare_split(snakemake.input.review, snakemake.input.label, snakemake.params.labels)
        for output, lines in zip([snakemake.output.review, snakemake.output.label], found, strict=True):
            write_lines(output, lines)
