"""Fine-tune a Hugging Face model on labelled reviews with one seed, using the Trainer of transformers."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semis import engines
from semis.harness.job import job
from semis.harness.workfolder import contents_digest, work_folder
from semis.huggingface import checkpoints
from semis.huggingface.classifier import load
from semis.huggingface.texts import encode
from semis.huggingface.tokenizer import check_texts, keep_definition
from semis.huggingface.training_arguments import one_gpu
from semis.machine.devices import use_gpus_asked_for
from semis.results.runs import write_history, write_training
from semis.schedule import schedule

import numpy as np
import torch
from tensorboardX import SummaryWriter
from transformers import (
    DataCollatorWithPadding,
    EvalPrediction,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.integrations import TensorBoardCallback


class LogEpochs(TrainerCallback):
    """Logs at the end of each epoch, so that no logged loss averages over two epochs.

    A Trainer that resumes does not continue an average that was begun before its checkpoint.
    """

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_log = True


def read_examples(path: str, tokenizer: Any, model: Any, positions: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return (what the model reads of each review of a JSON-lines file, with its label; how many were truncated)."""
    with open(path, encoding="utf-8", newline="\n") as stream:
        rows = [json.loads(line) for line in stream]
    texts = [row["sentence1"] for row in rows]
    check_texts(tokenizer, texts, positions)
    encoded, cut = encode(tokenizer, model, texts, positions)
    examples = [{**read, "label": row["label"]} for read, row in zip(encoded, rows, strict=True)]
    return examples, {"reviews": len(rows), "cut": cut}


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    """Return {accuracy: percent} for a Trainer's prediction (logits of shape reviews x classes)."""
    return {"accuracy": 100 * float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


def only_logits(outputs: Any, labels: Any) -> Any:
    """Return the logits of a model's outputs: an encoder-decoder, among others, gives its hidden states too."""
    return outputs[0] if isinstance(outputs, (tuple, list)) else outputs


def arguments(training: dict[str, Any], folder: Path, seed: int, updates: int, warmup: int) -> TrainingArguments:
    """Return TrainingArguments for the config's `training`, with a checkpoint in `folder`/checkpoints per validation.

    `updates` is the length of the training and `warmup` that of the warm-up. A validation draws random numbers, so
    another `validate_every` gives another training.
    """
    every = training["validate_every"]
    when, steps = ("epoch", {}) if every == "epoch" else ("steps", {"eval_steps": every, "save_steps": every})
    found = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        seed=seed,
        per_device_train_batch_size=training["batch_size"],
        max_steps=updates,
        learning_rate=training["learning_rate"],
        lr_scheduler_type="polynomial",
        lr_scheduler_kwargs={"lr_end": training["final_learning_rate"], "power": 1.0},
        warmup_steps=warmup,
        adam_beta1=training["adam_betas"][0],
        adam_beta2=training["adam_betas"][1],
        adam_epsilon=training["adam_epsilon"],
        weight_decay=training["weight_decay"],
        max_grad_norm=training["clip_norm"],
        logging_steps=training["log_every"],
        eval_strategy=when,
        save_strategy=when,
        **steps,
        save_total_limit=3,  # the best, the last, and the new one until it is sealed
        load_best_model_at_end=training["selection"] == "best",
        metric_for_best_model="accuracy",
        greater_is_better=True,
        use_cpu=training["gpus"] == 0,
        label_names=["labels"],
        report_to=[],
    )
    return one_gpu(found)


def history(log: Iterable[dict[str, Any]]) -> list[tuple[int, float, str, str, float]]:
    """Return rows (step, epoch, split, metric, value) from a Trainer's log_history."""
    names = {
        "loss": ("train", "loss"),
        "learning_rate": ("train", "learning_rate"),
        "eval_loss": ("valid", "loss"),
        "eval_accuracy": ("valid", "accuracy"),
    }
    return [
        (entry["step"], round(entry["epoch"], 4), *names[name], entry[name])
        for entry in log
        for name in names  # in this order, since an entry that was read from a checkpoint has another one
        if name in entry
    ]


def trainer_of(model: Any, tokenizer: Any, train: list, valid: list, settings: dict, folder: Path, seed: int) -> Any:
    """Return the engine's Trainer for the examples `train` and `valid`; it works in `folder`."""
    training = settings["training"]
    engine = engines.load(training["engine"], "huggingface")
    engine.prepare(model)
    updates, total, warmup = schedule(training, len(train))
    return engine.Trainer(
        model=model,
        args=arguments(training, folder, seed, updates, warmup),
        train_dataset=train,
        eval_dataset=valid,
        compute_metrics=accuracy,
        preprocess_logits_for_metrics=only_logits,
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        optimizer_cls_and_kwargs=engine.optimizer(training),
        callbacks=[
            checkpoints.Seal(),
            LogEpochs(),
            TensorBoardCallback(SummaryWriter(str(folder / "tensorboard"))),  # for watching the training
        ],
        schedule_updates=total,
    )


def where_it_started(folder: str, weights: dict, given: dict) -> dict:
    """Return which tensors of the trained model's `weights` came from the model folder, and what else it gave.

    `given` is what `load` says about the folder.
    """
    new = given["new"]
    taken = sorted(set(weights) - set(new))
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".safetensors", ".bin"))
    return {
        "start": "checkpoint",
        "tensors_from_checkpoint": len(taken),
        "new_tensors": len(new),
        "from_checkpoint": taken,
        **given,
        "checkpoint_sha256": contents_digest(path for path in files if path.is_file()),
    }


def main(inputs: Any, output: Any, recipe: dict, seed: int, threads: int) -> None:
    """Train; then write the model folder and the history. Raises UserError as `load` does, and on divergence."""
    torch.set_num_threads(threads)
    set_seed(seed)
    settings = recipe["settings"]
    tokenizer, model, given = load(inputs.model, settings["labels"], settings["positions"])
    work = Path(output.history).parent / "work"
    folder = work_folder(work, [recipe, seed, threads], inputs)
    read = {s: read_examples(inputs.get(s), tokenizer, model, settings["positions"]) for s in ("train", "valid")}
    trainer = trainer_of(model, tokenizer, read["train"][0], read["valid"][0], settings, folder, seed)
    last = checkpoints.newest(folder / "checkpoints")
    if last:
        print(f"resuming from {last}", flush=True)
    trainer.train(resume_from_checkpoint=last)

    best = trainer.state.best_model_checkpoint if settings["training"]["selection"] == "best" else None
    step = checkpoints.step(best) if best else trainer.state.global_step
    trainer.model.save_pretrained(output.model)
    tokenizer.save_pretrained(output.model)
    keep_definition(tokenizer, output.model)
    measured = history(trainer.state.log_history)
    write_history(output.history, output.tensorboard, measured)
    started = where_it_started(inputs.model, trainer.model.state_dict(), given)
    counts = {split: count for split, (_, count) in read.items()}
    write_training(output.model, settings["training"], threads, step, measured, started, counts)
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources)
        seed = int(snakemake.wildcards.seed)
        main(snakemake.input, snakemake.output, snakemake.params.recipe, seed, snakemake.threads)
