"""Checkpoints of transformers' Trainer: which one is the newest that a training can go on from."""

import json
import zipfile
from pathlib import Path

from semis.workfolder import newest_whole

from safetensors import SafetensorError, safe_open

# A Trainer resumes without a word where one of these is missing, and ends elsewhere.
NEEDED = ["optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]


def step(checkpoint):
    """The number of updates after which a folder checkpoint-N was saved."""
    return int(Path(checkpoint).name.rpartition("-")[2])


def is_whole(checkpoint, more=()):
    """Whether everything a resumed training needs is in the folder and can be read.

    `more` names what torch.save wrote besides, such as the scaler.pt of a training in float16.
    """
    files = [checkpoint / name for name in [*more, *NEEDED]]
    weights = list(checkpoint.glob("*.safetensors"))
    if not weights or not all(file.is_file() for file in files):
        return False
    try:
        for file in files[:-1]:
            with zipfile.ZipFile(file) as archive:
                if archive.testzip() is not None:
                    return False
        for file in weights:
            with safe_open(file, framework="numpy"):
                pass
        json.loads(files[-1].read_text(encoding="utf-8"))
    except (OSError, ValueError, zipfile.BadZipFile, SafetensorError):
        return False
    return True


def newest(folder, more=()):
    """The newest whole checkpoint (see `is_whole`) below `folder` as text, or None."""
    found = newest_whole(folder, "checkpoint-*", lambda checkpoint: is_whole(checkpoint, more), order=step)
    return str(found) if found else None
