"""Copy the files of a fairseq model, by name, out of an archive or folder."""

import shutil
from pathlib import Path

from semis.harness.job import job
from semis.text.archives import members, only


def unpack(source: str | Path, wanted: dict[str, str | Path]) -> None:
    """Copy each file of `wanted` ({file name: path to write}) out of the archive or folder `source`.

    A file may be at any depth. Raises UserError if `source` holds no file of a name, or several.
    """
    with members(source) as found:
        for name, target in wanted.items():
            with found[only(source, found, name)]() as stream, open(target, "wb") as out:
                shutil.copyfileobj(stream, out)


if __name__ == "__main__":
    with job(snakemake):
        unpack(
            snakemake.input.source[0],
            dict(zip(snakemake.params.recipe["settings"]["names"], snakemake.output, strict=True)),
        )
