"""Checkpoints of transformers' Trainer: which one is the newest that a training can go on from."""

import zipfile
from pathlib import Path

from semis.workfolder import newest_whole

from safetensors import SafetensorError, safe_open

# A Trainer resumes without a word where one of these is missing, and ends elsewhere.
NEEDED = ["optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]


def step(checkpoint):
    """The number of updates after which a folder checkpoint-N was saved."""
    return int(Path(checkpoint).name.rpartition("-")[2])


def is_whole(checkpoint):
    """Whether everything a resumed training needs is in the folder and can be read."""
    files = [checkpoint / name for name in NEEDED]
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
    except (OSError, zipfile.BadZipFile, SafetensorError):
        return False
    return files[-1].read_text(encoding="utf-8").rstrip().endswith("}")


def newest(folder):
    """The newest whole checkpoint below `folder` as text, or None."""
    found = newest_whole(folder, "checkpoint-*", is_whole, order=step)
    return str(found) if found else None
