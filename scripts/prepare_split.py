"""Check and normalise one split: UTF-8, one review a line, one known label a line."""

from pathlib import Path

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.text import lines


def read_lines(path):
    """Return the lines of a file as `semis.text.lines.read_lines` gives them; none where there is nothing in it."""
    with open(path, "rb") as stream:
        found = list(lines.read_lines(stream, path))
    return [] if found == [""] else found


def prepare_split(review_file, label_file, labels, split):
    """Return the reviews and labels (two lists of text, equally long) of one split.

    Raises UserError where the counts differ, a label is not one of `labels`, or there is nothing; and for train where
    one of `labels` never stands, since no model could learn it.
    """
    reviews, given = read_lines(review_file), read_lines(label_file)
    if len(reviews) != len(given):
        first, more, less = min(len(reviews), len(given)) + 1, review_file, label_file
        if len(reviews) < len(given):
            more, less = less, more
        raise UserError(
            f"{review_file} has {len(reviews)} reviews and {label_file} has {len(given)} labels; each line of the one "
            f"needs one in the other, and line {first} of {more} has none in {less}."
        )
    if not reviews:
        raise UserError(f"{review_file} holds no review; put at least one there.")
    for number, label in enumerate(given, start=1):
        if label not in labels:
            found = f"holds the label '{label}'" if label else "is empty"
            raise UserError(
                f"{label_file} line {number} {found}; the config's labels are {', '.join(labels)}: correct the line, "
                "or add the label to the dataset's labels."
            )
    lacking = [label for label in labels if label not in given]
    if split == "train" and lacking:
        raise UserError(
            f"{label_file} has no line with the label {', '.join(lacking)}, so no model can learn it; add reviews of "
            "that class, or correct the dataset's labels in the config."
        )
    return reviews, given


def write_lines(path, lines):
    """Write `lines` as UTF-8 with LF behind each."""
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    with job(snakemake):
        files, split = snakemake.input, snakemake.wildcards.split
        found = prepare_split(files.review, files.label, snakemake.params.labels, split)
        for output, lines in zip([snakemake.output.review, snakemake.output.label], found, strict=True):
            write_lines(output, lines)
