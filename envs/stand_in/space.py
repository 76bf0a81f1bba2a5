"""Says which folders have little space for an environment."""

import os
import shutil
import tempfile

NEEDED = 5  # GB, for torch with its libraries for GPUs


def scarce(prefix: str) -> str:
    """Return a clause on folders with little space: the one where pip unpacks, and that of the environment."""
    places = {tempfile.gettempdir(): "TMPDIR", os.path.dirname(prefix): "--conda-prefix"}
    free = {place: shutil.disk_usage(place).free / 1e9 for place in places}
    return "".join(
        f"; pip may need {NEEDED} GB, and {place} has {size:.1f}: choose another folder with {places[place]}"
        for place, size in free.items()
        if size < NEEDED
    )
