"""Read one split from its folder or archive, check and normalise it: UTF-8, one review per line, one label per line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.text import formats
from semis.text.archives import members, only, opener
from semis.text.formats import File


@contextmanager
def opened(source: Sequence[str | Path], names: Sequence[str]) -> Iterator[list[File]]:
    """Yield the files with these names, in the order of the names.

    `source` holds either their paths, or the path of one archive or folder that holds them at any depth. Without names,
    `source` is the path of the file itself. Raises UserError if an archive cannot be read, or if it holds no file or
    several files of a name.
    """
    paths = [Path(path) for path in source]
    if not names or [path.name for path in paths] == list(names):
        yield [File(str(path), opener(path)) for path in paths]
        return
    (home,) = paths
    with members(home) as found:
        yield [File(f"{home}/{path}", found[path]) for path in (only(home, found, name) for name in names)]


def write_lines(path: str | Path, lines: Sequence[str]) -> None:
    """Write `lines` as UTF-8, with LF after each."""
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def main(source: Sequence[str], outputs: Sequence[str], settings: dict[str, Any], split: str) -> None:
    """Write the reviews and the labels of a split into the two `outputs`.

    `settings` holds the dataset's `labels` and the name of its `format`. Raises UserError if the split is not valid.
    """
    form = formats.load(settings["format"])
    with opened(source, form.files(split)) as files:
        found = form.read(files, split, settings["labels"])
    for output, lines in zip(outputs, found, strict=True):
        write_lines(output, lines)


if __name__ == "__main__":
    with job(snakemake):
        outputs = [snakemake.output.review, snakemake.output.label]
        main(snakemake.input.source, outputs, snakemake.params.recipe["settings"], snakemake.wildcards.split)
