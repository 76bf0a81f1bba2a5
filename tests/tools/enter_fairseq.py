"""Runs in fairseq's environment: a file comes in wherever fairseq or our own code reads a checkpoint."""

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

from semis.fairseq import checkpoints
from semis.fairseq import training as fairseq_training
from semis.harness.errors import UserError

import evaluate_fairseq
import finetune_fairseq
import model_size
from fairseq import checkpoint_utils

SIZES = {"layers": 1, "dimension": 8, "feed_forward": 8, "heads": 1}
RECIPE = {
    **{"total_updates": "auto", "batch_size": 16, "epochs": 1, "warmup_ratio": 0, "learning_rate": 1e-3, "gpus": 0},
    **{"adam_betas": (0.9, 0.98), "adam_epsilon": 1e-8, "weight_decay": 0, "clip_norm": 0, "final_learning_rate": 0},
    **{"log_every": 1, "engine": "reference"},
}


def train(work, pattern, start=None):
    """Let fairseq-train go on from checkpoints that match, or start from one; return the line in which it refuses."""
    flags = finetune_fairseq.recipe_flags(RECIPE, 2, 0, 32) + fairseq_training.model_flags("reference", SIZES, 64)
    out = os.dup(1), os.dup(2)
    with open(work / "printed", "w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    try:
        fairseq_training.train(work / "data", work, flags, pattern, start)
    except subprocess.CalledProcessError:
        return next(line for line in (work / "printed").read_text().splitlines() if "GLOBAL" in line)
    finally:
        os.dup2(out[0], 1)
        os.dup2(out[1], 2)


def unpack(results, data):
    """Lay the demo's binarized reviews into the folder `data`."""
    for packed in Path(results, "data/demo-books/tokens/roberta-demo").glob("*.zip"):
        shutil.unpack_archive(packed, data)


def entered(results, checkpoint, root):
    """{place: what came of it} where the file `checkpoint` is what a user, or a run before, has left there."""
    work = Path(root, "work")
    unpack(results, work / "data")
    (work / "checkpoints").mkdir()
    (work / "checkpoints" / "checkpoint1.pt").write_bytes(Path(checkpoint).read_bytes())
    places = {
        "size": lambda: model_size.main(SimpleNamespace(model=checkpoint), Path(root, "size.csv"), SIZES, 64),
        "evaluate": lambda: evaluate_fairseq.load_model(checkpoint, work / "data", "reference"),
        "start": lambda: checkpoints.fitting(checkpoint, 1, SIZES, 64),
        "an interrupted training": lambda: train(work, "checkpoint[0-9]*.pt"),
        "fairseq itself": lambda: checkpoint_utils.load_checkpoint_to_cpu(checkpoint),
        "fairseq-train": lambda: train(work, "none", checkpoint),
    }
    found = {}
    for place, enter in places.items():
        try:
            found[place] = enter() or "loaded"
        except UserError as error:
            found[place] = f"Semis: {error}"
        except Exception as error:
            found[place] = str(error)
    return found
