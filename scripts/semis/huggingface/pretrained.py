"""Hugging Face model folders, which may be anybody's: nothing in them is run, and nothing is fetched for them."""

from collections.abc import Sequence
from pathlib import Path

from semis.harness.errors import UserError

# For each from_pretrained: no code that the folder brings (without an answer transformers would ask on the terminal),
# and no other repository that it names.
ONLY_DATA = {"trust_remote_code": False, "local_files_only": True}


def check_whole(folder: str | Path, lacking: Sequence[str]) -> None:
    """Raise UserError where the weights of a model folder lack tensors, whose names are `lacking`."""
    if lacking:
        raise UserError(
            f"{folder}: its weights lack {len(lacking)} tensors that its config.json asks for "
            f"({', '.join(lacking[:3])}); give the weights and the config.json of one model."
        )
