"""Fine-tune a fairseq RoBERTa on labelled reviews with one seed; keep the checkpoint that the config selects."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from semis import engines
from semis.fairseq import checkpoints, data
from semis.fairseq import training as fairseq_training
from semis.fairseq.dictionaries import embedding_rows, read_dictionary
from semis.harness.job import job
from semis.harness.workfolder import contents_digest, work_folder
from semis.machine.devices import use_gpus_asked_for
from semis.results.runs import write_history, write_training
from semis.schedule import schedule

CHECKPOINTS = "checkpoint*[0-9].pt"  # those of epochs and of the last update of the schedule, not checkpoint_best.pt
HISTORY = {
    "loss": ("train", "loss"),
    "lr": ("train", "learning_rate"),
    "valid_loss": ("valid", "loss"),
    "valid_accuracy": ("valid", "accuracy"),
}


def recipe_flags(training: dict, optimizer: str, classes: int, seed: int, reviews: int) -> list[str]:
    """Return the flags of fairseq-train for the recipe: those of the report's command, with the config's numbers.

    `optimizer` is the engine's name for Adam, `classes` the number of labels, `reviews` that of training reviews.
    """
    _, total, warmup = schedule(training, reviews)
    return [
        *("--task", "sentence_prediction", "--criterion", "sentence_prediction", "--num-classes", str(classes)),
        *("--init-token", "0", "--separator-token", "2", "--shorten-method", "truncate"),
        *("--batch-size", str(training["batch_size"]), "--update-freq", "1", "--seed", str(seed)),
        *("--required-batch-size-multiple", "1"),  # else fairseq cuts batches to multiples of 8 and drops the rest
        *("--optimizer", optimizer, "--adam-betas", str(tuple(training["adam_betas"]))),
        *("--adam-eps", str(training["adam_epsilon"]), "--weight-decay", str(training["weight_decay"])),
        *("--clip-norm", str(training["clip_norm"])),
        *("--lr-scheduler", "polynomial_decay", "--lr", str(training["learning_rate"])),
        *("--end-learning-rate", str(training["final_learning_rate"])),
        *("--total-num-update", str(total), "--max-update", str(total), "--warmup-updates", str(warmup)),
        *("--max-epoch", str(training["epochs"]), "--valid-subset", "valid"),
        *("--best-checkpoint-metric", "accuracy", "--maximize-best-checkpoint-metric"),
        *("--no-last-checkpoints", "--keep-last-epochs", "2"),
        *("--save-interval-updates", str(total)),  # in case the schedule ends within an epoch
        *("--log-interval", str(training["log_every"]), "--distributed-world-size", str(max(1, training["gpus"]))),
    ]


def where_it_started(weights: dict, model: dict) -> dict:
    """Return which tensors of the trained `model` came from the `weights` of a checkpoint, and which were new.

    Both arguments are {name: tensor}; a run from scratch has no `weights`. fairseq loads every tensor that it finds,
    with one exception: it skips a whole classification head if one of its tensors has another size.
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
        "stored_types": _types(weights),
        "trained_in": next(iter(_types(model))),
    }


def _types(weights: dict) -> dict[str, int]:
    """Return {number type, such as float16: number of tensors}."""
    return dict(Counter(str(tensor.dtype).removeprefix("torch.") for tensor in weights.values()).most_common())


def save(output: Any, settings: dict, state: dict) -> None:
    """Write model.pt from `state`, the contents of the selected checkpoint, with the arguments to rebuild the model."""
    Path(output.model).mkdir()
    task = {"task": "sentence_prediction", "criterion": "sentence_prediction", "num_classes": len(settings["labels"])}
    task |= {"init_token": 0, "separator_token": 2, "shorten_method": "truncate", "regression_target": False}
    sizes = settings["architecture"], settings["positions"]
    checkpoints.save(Path(output.model) / "model.pt", state["model"], *sizes, task)


def main(inputs: Any, output: Any, recipe: dict, seed: int, threads: int) -> None:
    """Train; then write the model folder and the history.

    Raises UserError if the weights do not fit the config, or if the training diverges.
    """
    start, settings = inputs.get("model"), recipe["settings"]
    training, sizes = settings["training"], (settings["architecture"], settings["positions"])
    engine = engines.load(training["engine"], "fairseq").ENGINE
    reviews = Path(inputs.train_labels).read_bytes().count(b"\n")
    words = embedding_rows(read_dictionary(inputs.dictionary))
    weights = checkpoints.fitting(start, words, *sizes) if start else {}
    flags = recipe_flags(training, engine.optimizer, len(settings["labels"]), seed, reviews)
    flags += fairseq_training.model_flags(engine, *sizes)
    work = Path(output.history).parent / "work"
    folder = work_folder(work, [recipe, seed, threads], inputs)
    splits = {"train": inputs.train, "valid": inputs.valid}
    data.lay_out(folder / "data", splits, inputs.dictionary, settings["labels"])

    # Weights only: other entries of a checkpoint may name an architecture or a task that does not exist here.
    clean = folder / "start.pt" if start else None
    if start:
        checkpoints.save(clean, weights, *sizes, {"task": "masked_lm"})
    fairseq_training.train(folder / "data", folder, flags, CHECKPOINTS, clean)

    best = folder / "checkpoints" / "checkpoint_best.pt"
    state = checkpoints.load(best if training["selection"] == "best" else fairseq_training.saved(folder, CHECKPOINTS))
    save(output, settings, state)
    measured = fairseq_training.history(folder / "train.log", HISTORY)
    write_history(output.history, output.tensorboard, measured)
    step, started = state["optimizer_history"][-1]["num_updates"], where_it_started(weights, state["model"])
    started["checkpoint_sha256"] = contents_digest([start]) if start else None
    write_training(output.model, training, threads, step, measured, started)
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources)
        seed = int(snakemake.wildcards.seed)
        main(snakemake.input, snakemake.output, snakemake.params.recipe, seed, snakemake.threads)
