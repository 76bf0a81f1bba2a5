"""Divide a pretraining text into train and valid; lines at even distances are held out as valid."""

from collections.abc import Sequence

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.text.lines import read_texts


def held_out(lines: Sequence[str], count: int) -> tuple[list[str], list[str]]:
    """Return (train, valid), with `count` lines at even distances in valid.

    Raises UserError if that is more than half of the lines.
    """
    if 2 * count > len(lines):
        raise UserError(
            f"the pretraining text has {len(lines)} lines, and valid_lines asks for {count} of them; lower "
            "valid_lines, or give more text."
        )
    places = {round((i + 0.5) * len(lines) / count) for i in range(count)}
    train = [line for place, line in enumerate(lines) if place not in places]
    return train, [lines[place] for place in sorted(places)]


if __name__ == "__main__":
    with job(snakemake):
        parts = held_out(list(read_texts(snakemake.input.text)), snakemake.params.recipe["settings"]["valid_lines"])
        for path, lines in zip([snakemake.output.train, snakemake.output.valid], parts, strict=True):
            with open(path, "w", encoding="utf-8", newline="\n") as stream:
                stream.writelines(f"{line}\n" for line in lines)
