"""Take the wanted files, by name, out of an archive or folder: {name: output path}."""

import shutil
from pathlib import Path

from semis.harness.job import job
from semis.text.archives import members, only


def unpack(source: str | Path, wanted: dict[str, str | Path]) -> None:
    """Copy each file of `wanted` ({file name: path to write}) out of the archive or folder `source`.

    It does not matter where in the archive a file is. Raises UserError where one is missing or there twice.
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
