"""Fine-tune a fairseq RoBERTa on labelled reviews with one seed, and keep the checkpoint that the config selects."""

import math
import shutil
import zipfile
from pathlib import Path

from semis import checkpoints, fairseq_training
from semis.engines import ENGINES
from semis.histories import write_history, write_training
from semis.job import job
from semis.workfolder import digest, work_folder

HISTORY = {
    "loss": ("train", "loss"),
    "lr": ("train", "learning_rate"),
    "valid_loss": ("valid", "loss"),
    "valid_accuracy": ("valid", "accuracy"),
}


def schedule(training, reviews):
    """Return (updates of the schedule, warm-up updates) for a training set of this many reviews."""
    total = training["total_updates"]
    if total == "auto":
        total = math.ceil(reviews / training["batch_size"]) * training["epochs"]
    return total, round(total * training["warmup_ratio"])


def recipe_flags(training, classes, seed, reviews):
    """Flags of fairseq-train for the recipe: those of the report's command, with the config's numbers."""
    total, warmup = schedule(training, reviews)
    return [
        *("--task", "sentence_prediction", "--criterion", "sentence_prediction", "--num-classes", str(classes)),
        *("--init-token", "0", "--separator-token", "2", "--shorten-method", "truncate"),
        *("--batch-size", str(training["batch_size"]), "--update-freq", "1", "--seed", str(seed)),
        *("--required-batch-size-multiple", "1"),  # else fairseq cuts batches to multiples of 8 and drops the rest
        *("--optimizer", ENGINES[training["engine"]].optimizer, "--adam-betas", str(tuple(training["adam_betas"]))),
        *("--adam-eps", str(training["adam_epsilon"]), "--weight-decay", str(training["weight_decay"])),
        *("--clip-norm", str(training["clip_norm"])),
        *("--lr-scheduler", "polynomial_decay", "--lr", str(training["learning_rate"])),
        *("--end-learning-rate", str(training["final_learning_rate"])),
        *("--total-num-update", str(total), "--warmup-updates", str(warmup)),
        *("--max-epoch", str(training["epochs"]), "--valid-subset", "valid"),
        *("--best-checkpoint-metric", "accuracy", "--maximize-best-checkpoint-metric"),
        *("--no-last-checkpoints", "--keep-last-epochs", "2"),
        *("--log-interval", str(training["log_every"]), "--distributed-world-size", str(max(1, training["gpus"]))),
    ]


def where_it_started(start, model):
    """Say which tensors of the trained `model` came from the checkpoint `start` (None: scratch) and which were new."""
    taken = checkpoints.load(start)["model"] if start else {}
    new = sorted(set(model) - set(taken))
    return {
        "start": "checkpoint" if start else "scratch",
        "checkpoint_sha256": digest([start]) if start else None,
        "tensors_from_checkpoint": len(set(model) & set(taken)),
        "new_tensors": len(new),
        "new": new if start else "all",
    }


def main(inputs, output, params, seed, threads):
    """Train, then write the model folder and the history."""
    start = inputs.get("model")
    training = params.training
    with zipfile.ZipFile(inputs.data[0]) as packed:
        rows, words = packed.read("train.label").count(b"\n"), packed.read("input0/dict.txt").count(b"\n") + 5
    if start:
        weights = checkpoints.load(start)["model"]
        checkpoints.check_fit(start, weights, words, params.architecture["dimension"], params.positions)
    flags = recipe_flags(training, params.classes, seed, rows)
    flags += fairseq_training.model_flags(training["engine"], params.architecture, params.positions)
    files = [*inputs.data, *inputs.plugin, *inputs.code, *inputs.made_by]
    work = Path(output.history).parent / "work"
    folder = work_folder(work, flags, files + [start] if start else files)
    for packed in inputs.data:
        shutil.unpack_archive(packed, folder / "data")

    fairseq_training.train(folder / "data", folder, flags, "checkpoint[0-9]*.pt", start)

    best = folder / "checkpoints" / "checkpoint_best.pt"
    chosen = best if training["selection"] == "best" else fairseq_training.saved(folder, "checkpoint[0-9]*.pt")
    state = checkpoints.load(chosen)
    Path(output.model).mkdir()
    task = {"task": "sentence_prediction", "criterion": "sentence_prediction", "num_classes": params.classes}
    task |= {"init_token": 0, "separator_token": 2, "shorten_method": "truncate", "regression_target": False}
    checkpoints.save(Path(output.model) / "model.pt", state["model"], params.architecture, params.positions, task)
    measured = fairseq_training.history(folder / "train.log", HISTORY)
    write_history(output.history, measured)
    step, started = state["optimizer_history"][-1]["num_updates"], where_it_started(start, state["model"])
    write_training(output.model, training, threads, step, measured, started)
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params, snakemake.wildcards.seed, snakemake.threads)
