"""Fine-tune a fairseq RoBERTa on labelled reviews with one seed, and keep the checkpoint that the config selects."""

import shutil
import zipfile
from pathlib import Path

from semis.fairseq import checkpoints
from semis.fairseq.dictionaries import embedding_rows, words_of
from semis.fairseq.engines import ENGINES
from semis.harness.job import job
from semis.harness.workfolder import digest, work_folder
from semis.results.histories import write_history, write_training
from semis.schedule import schedule

CHECKPOINTS = "checkpoint*[0-9].pt"  # of an epoch, or of the update that ends the schedule; not checkpoint_best.pt
HISTORY = {
    "loss": ("train", "loss"),
    "lr": ("train", "learning_rate"),
    "valid_loss": ("valid", "loss"),
    "valid_accuracy": ("valid", "accuracy"),
}


def recipe_flags(training, classes, seed, reviews):
    """Flags of fairseq-train for the recipe: those of the report's command, with the config's numbers."""
    _, total, warmup = schedule(training, reviews)
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
        *("--total-num-update", str(total), "--max-update", str(total), "--warmup-updates", str(warmup)),
        *("--max-epoch", str(training["epochs"]), "--valid-subset", "valid"),
        *("--best-checkpoint-metric", "accuracy", "--maximize-best-checkpoint-metric"),
        *("--no-last-checkpoints", "--keep-last-epochs", "2"),
        *("--save-interval-updates", str(total)),  # where the schedule ends within an epoch
        *("--log-interval", str(training["log_every"]), "--distributed-world-size", str(max(1, training["gpus"]))),
    ]


def where_it_started(weights, model):
    """Say which tensors of the trained `model` came from the `weights` of a checkpoint and which were new.

    Both are {name: tensor}; a run from scratch has no `weights`. fairseq loads all that it finds, but for a
    classification head of which a tensor has another size: that one it leaves out as a whole.
    """
    heads = {name.rsplit(".", 2)[0] for name in model if name.startswith("classification_heads.")}
    taken = set(weights) & set(model)
    for head in heads:
        tensors = {name for name in model if name.startswith(f"{head}.")}
        if any(name not in taken or weights[name].shape != model[name].shape for name in tensors):
            taken -= tensors
    return {
        "start": "checkpoint" if weights else "scratch",
        "tensors_from_checkpoint": len(taken),
        "new_tensors": len(set(model) - taken),
        "from_checkpoint": sorted(taken),
        "new": sorted(set(model) - taken),
    }


def main(inputs, output, params, seed, threads):
    """Train, then write the model folder and the history."""
    start = inputs.get("model")
    training = params.training
    with zipfile.ZipFile(inputs.data[0]) as packed:
        rows = packed.read("train.label").count(b"\n")
        words = embedding_rows(words_of(packed.read("input0/dict.txt").splitlines(), inputs.data[0]))
    weights = checkpoints.fitting(start, words, params.architecture, params.positions) if start else {}
    flags = recipe_flags(training, params.classes, seed, rows)
    flags += training.model_flags(training["engine"], params.architecture, params.positions)
    work = Path(output.history).parent / "work"
    folder = work_folder(work, [flags, threads], inputs)
    for packed in inputs.data:
        shutil.unpack_archive(packed, folder / "data")

    # The weights alone: what else stands in a checkpoint may name an architecture or a task that is not here.
    clean = folder / "start.pt" if start else None
    if start:
        checkpoints.save(clean, weights, params.architecture, params.positions, {"task": "masked_lm"})
    training.train(folder / "data", folder, flags, CHECKPOINTS, clean)

    best = folder / "checkpoints" / "checkpoint_best.pt"
    chosen = best if training["selection"] == "best" else training.saved(folder, CHECKPOINTS)
    state = checkpoints.load(chosen)
    Path(output.model).mkdir()
    task = {"task": "sentence_prediction", "criterion": "sentence_prediction", "num_classes": params.classes}
    task |= {"init_token": 0, "separator_token": 2, "shorten_method": "truncate", "regression_target": False}
    checkpoints.save(Path(output.model) / "model.pt", state["model"], params.architecture, params.positions, task)
    measured = training.history(folder / "train.log", HISTORY)
    write_history(output.history, output.tensorboard, measured)
    step, started = state["optimizer_history"][-1]["num_updates"], where_it_started(weights, state["model"])
    started["checkpoint_sha256"] = digest([start]) if start else None
    write_training(output.model, training, threads, step, measured, started)
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params, snakemake.wildcards.seed, snakemake.threads)
