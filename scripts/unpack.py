"""Take the wanted files, by name, out of an archive or folder: {name: output path}."""

import shutil

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.text.archives import members


def unpack(source, wanted):
    """Copy each file of `wanted` ({file name: path to write}) out of the archive or folder `source`.

    A file counts wherever in the archive it stands. Raises UserError where one is missing or there twice.
    """
    with members(source) as found:
        for name, target in wanted.items():
            places = [path for path in found if path.name == name]
            if len(places) != 1:
                there = ", ".join(sorted({path.name for path in found})[:12]) or "nothing"
                problem = "holds no" if not places else f"holds {len(places)} files named"
                raise UserError(f"{source} {problem} {name} (it holds {there}); one is needed.")
            with found[places[0]]() as stream, open(target, "wb") as out:
                shutil.copyfileobj(stream, out)


if __name__ == "__main__":
    with job(snakemake):
        unpack(
            snakemake.input.source[0],
            dict(zip(snakemake.params.recipe["settings"]["names"], snakemake.output, strict=True)),
        )
