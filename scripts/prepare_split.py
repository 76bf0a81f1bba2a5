"""Check and normalise one split, read from its folder or archive: UTF-8, a review a line, a known label a line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.text.archives import members, only, opener
from semis.text.formats import FORMATS, File


@contextmanager
def opened(source: Sequence[str | Path], names: Sequence[str]) -> Iterator[list[File]]:
    """Yield the files with these names, in their order.

    `source` is either their paths, or the path of one archive or folder that holds them, anywhere inside. Raises
    UserError where an archive cannot be read, or holds none or several of a name.
    """
    paths = [Path(path) for path in source]
    if [path.name for path in paths] == list(names):
        yield [File(str(path), opener(path)) for path in paths]
        return
    (home,) = paths
    with members(home) as found:
        yield [File(f"{home}/{path}", found[path]) for path in (only(home, found, name) for name in names)]


def write_lines(path: str | Path, lines: Sequence[str]) -> None:
    """Write `lines` as UTF-8, each ended by LF."""
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def main(source: Sequence[str], outputs: Sequence[str], settings: dict[str, Any], split: str) -> None:
    """Write the reviews and the labels of a split into the two `outputs`.

    `settings` are the dataset's `labels` and the name of its `format`.
    """
    form = FORMATS[settings["format"]]
    with opened(source, form.files(split)) as files:
        found = form.read(files, split, settings["labels"])
    for output, lines in zip(outputs, found, strict=True):
        write_lines(output, lines)


if __name__ == "__main__":
    with job(snakemake):
        outputs = [snakemake.output.review, snakemake.output.label]
        main(snakemake.input.source, outputs, snakemake.params.recipe["settings"], snakemake.wildcards.split)
