"""Hugging Face model folders, possibly from strangers: Semis runs no code in them and fetches nothing for them."""

from collections.abc import Sequence
from pathlib import Path

from semis.harness.errors import UserError

# For each from_pretrained: run no code of the folder (else transformers would ask on the terminal), and fetch no other
# repository that it names.
ONLY_DATA = {"trust_remote_code": False, "local_files_only": True}


def check_whole(folder: str | Path, lacking: Sequence[str]) -> None:
    """Raise UserError if the weights of a model folder lack tensors; `lacking` holds the names of those."""
    if lacking:
        raise UserError(
            f"{folder}: its weights lack {len(lacking)} tensors that its config.json asks for "
            f"({', '.join(lacking[:3])}); give weights and a config.json that belong together."
        )
