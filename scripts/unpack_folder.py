"""Copy a Hugging Face model, that is the files next to its config.json, out of an archive or folder."""

import shutil
from pathlib import Path

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.text.archives import members


def unpack_folder(source: str | Path, target: str | Path) -> None:
    """Copy the outermost config.json of `source` and the files next to it into the new folder `target`.

    Raises UserError if it lacks a config.json, or if several are equally deep.
    """
    with members(source) as found:
        homes = [path.parent for path in found if path.name == "config.json"]
        homes = [home for home in homes if len(home.parts) == min(len(other.parts) for other in homes)]
        if len(homes) != 1:
            places = ", ".join(map(str, homes)) or "no folder"
            raise UserError(f"{source} must hold one Hugging Face model, but config.json is in {places}; keep one.")
        Path(target).mkdir(parents=True)
        for path, opened in found.items():
            if path.parent == homes[0]:
                with opened() as stream, (Path(target) / path.name).open("wb") as out:
                    shutil.copyfileobj(stream, out)


if __name__ == "__main__":
    with job(snakemake):
        unpack_folder(snakemake.input.source[0], snakemake.output.folder)
