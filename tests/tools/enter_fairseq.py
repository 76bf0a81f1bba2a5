"""Gives a file to every place where fairseq or Semis reads a checkpoint; runs in the environment fairseq."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

from semis.fairseq import checkpoints, data
from semis.fairseq import training as fairseq_training
from semis.fairseq.engine import ENGINE
from semis.harness.errors import UserError

import evaluate_fairseq
import finetune_fairseq
import model_size
from fairseq import checkpoint_utils

SIZES = {"layers": 1, "dimension": 8, "feed_forward": 8, "heads": 1}
RECIPE = {
    **{"total_updates": "auto", "batch_size": 16, "epochs": 1, "warmup_ratio": 0, "learning_rate": 1e-3, "gpus": 0},
    **{"adam_betas": (0.9, 0.98), "adam_epsilon": 1e-8, "weight_decay": 0, "clip_norm": 0, "final_learning_rate": 0},
    **{"log_every": 1},
}


def flags(engine, reviews):
    """Return the flags of fairseq-train for `RECIPE`, two labels and this number of reviews."""
    found = finetune_fairseq.recipe_flags(RECIPE, engine.optimizer, 2, 0, reviews)
    return found + fairseq_training.model_flags(engine, SIZES, 64)


def train(work, pattern, start=None):
    """Let fairseq-train resume from a matching checkpoint, or start from one; return the line of its refusal."""
    out = os.dup(1), os.dup(2)
    with open(work / "printed", "w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    try:
        fairseq_training.train(work / "data", work, flags(ENGINE, 32), pattern, start)
    except subprocess.CalledProcessError:
        return next(line for line in (work / "printed").read_text().splitlines() if "GLOBAL" in line)
    finally:
        os.dup2(out[0], 1)
        os.dup2(out[1], 2)


def lay_out(results, folder):
    """Lay out the demo's binarized reviews in a folder."""
    tokens = f"{results}/data/demo-books/tokens/roberta-demo"
    kinds = [f"{part}.{kind}" for part in ("input0", "label") for kind in ("bin", "idx")]
    splits = {split: [f"{tokens}/{split}.{kind}" for kind in kinds] for split in ("train", "valid", "test")}
    data.lay_out(folder, splits, f"{results}/models/roberta-demo/dict.txt", ["0", "1"])


def entered(results, checkpoint, root):
    """Return {place: outcome} when a user or an earlier run has left the file `checkpoint` in that place."""
    work = Path(root, "work")
    lay_out(results, work / "data")
    (work / "checkpoints").mkdir()
    (work / "checkpoints" / "checkpoint1.pt").write_bytes(Path(checkpoint).read_bytes())
    sizes = {"architecture": SIZES, "positions": 64}
    places = {
        "size": lambda: model_size.main(SimpleNamespace(model=checkpoint), Path(root, "size.csv"), sizes),
        "evaluate": lambda: evaluate_fairseq.load_model(checkpoint, str(work / "data"), ENGINE),
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
