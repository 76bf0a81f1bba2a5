"""Checkpoints of transformers' Trainer: seals them when they are saved, and finds the one to resume from."""

import json
from pathlib import Path
from typing import Any

from semis.harness.permissions import follow_umask
from semis.harness.workfolder import contents_digest, newest_whole

from transformers import TrainerCallback

SEAL = "seal.json"


class Seal(TrainerCallback):
    """Writes the SHA-256 of each file of a checkpoint into the checkpoint, as its last file.

    Without it, a Trainer would silently resume from a checkpoint with a missing or truncated file and end with other
    weights.
    """

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        sums = {file.name: contents_digest([file]) for file in folder.iterdir()}
        (folder / SEAL).write_text(json.dumps(sums), encoding="utf-8")
        follow_umask([folder])  # so that another user can resume from it


def step(checkpoint: str | Path) -> int:
    """Return the number of updates after which a folder checkpoint-N was saved."""
    return int(Path(checkpoint).name.rpartition("-")[2])


def is_whole(checkpoint: Path) -> bool:
    """Say whether a checkpoint is complete: its seal holds, and so does that of the best checkpoint that it names."""
    try:
        sums = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
        if any(contents_digest([checkpoint / name]) != found for name, found in sums.items()):
            return False
        best = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["best_model_checkpoint"]
    except (OSError, ValueError):
        return False
    return best is None or Path(best).name == checkpoint.name or is_whole(checkpoint.with_name(Path(best).name))


def newest(folder: Path) -> str | None:
    """Return the path of the newest complete checkpoint (see `is_whole`) in `folder`, or None."""
    found = newest_whole(folder, "checkpoint-*", is_whole, order=step)
    return str(found) if found else None
