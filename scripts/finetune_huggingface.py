"""Fine-tune a Hugging Face model on labelled reviews with one seed, using the Trainer of transformers."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from semis import engines
from semis.harness.errors import UserError, reason
from semis.harness.job import job
from semis.harness.workfolder import contents_digest, work_folder
from semis.huggingface import checkpoints
from semis.huggingface.pretrained import ONLY_DATA, check_whole
from semis.huggingface.training_arguments import one_gpu
from semis.machine.devices import use_gpus_asked_for
from semis.results.runs import write_history, write_training
from semis.schedule import schedule

import numpy as np
import torch
from tensorboardX import SummaryWriter
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
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


def read_examples(path: str, tokenizer: Any, positions: int) -> list[dict[str, Any]]:
    """Return a list of {input_ids, attention_mask, label} for a JSON-lines file, truncated to `positions` tokens.

    The tokenizer treats what a review spells like a special token, such as </s>, as text.
    """
    with open(path, encoding="utf-8", newline="\n") as stream:
        rows = [json.loads(line) for line in stream]
    encoded = tokenizer(
        [row["sentence1"] for row in rows], truncation=True, max_length=positions, split_special_tokens=True
    )
    return [
        {"input_ids": ids, "attention_mask": mask, "label": row["label"]}
        for ids, mask, row in zip(encoded["input_ids"], encoded["attention_mask"], rows, strict=True)
    ]


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    """Return {accuracy: percent} for a Trainer's prediction (logits of shape reviews x classes)."""
    return {"accuracy": 100 * float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


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


def check_fit(folder: str, tokenizer: Any, model: Any, positions: int) -> None:
    """Raise UserError unless tokenizer and model of a folder fit each other and can read `positions` tokens."""
    if tokenizer.pad_token is None:
        raise UserError(f"{folder} has a tokenizer without a pad_token; name one in its tokenizer_config.json.")
    if tokenizer.model_max_length < positions:
        raise UserError(
            f"{folder} reads at most {tokenizer.model_max_length} tokens; lower the model's positions ({positions})."
        )
    rows = model.get_input_embeddings().num_embeddings
    if not 0.9 * rows <= len(tokenizer) <= rows:  # some models have a few spare rows
        raise UserError(
            f"{folder}: its tokenizer has {len(tokenizer)} tokens, but its weights have {rows}; give a tokenizer and "
            "weights that belong together."
        )
    try:
        with torch.inference_mode():
            found = model.eval()(input_ids=torch.full((1, positions), len(tokenizer) - 1)).logits
    except (IndexError, RuntimeError) as error:
        raise UserError(
            f"{folder} cannot read {positions} times the last of the {len(tokenizer)} tokens of its tokenizer "
            f"({reason(error)}); lower the model's positions, or give the tokenizer that belongs to the weights."
        ) from error
    if not found.isfinite().all():
        raise UserError(f"{folder} holds weights that are not finite numbers; give another model.")


def load(folder: str, labels: Sequence[str], positions: int) -> tuple[Any, Any, list[str]]:
    """Return (tokenizer, model, names of its new tensors) of a model folder; the model gets a head for the labels.

    Raises UserError if transformers cannot read the folder, if tokenizer and weights do not fit each other, or if the
    model has fewer positions than `positions`.
    """
    names = dict(enumerate(labels))
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **ONLY_DATA)
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(names), id2label=names, output_loading_info=True, **ONLY_DATA
        )
    except Exception as error:  # any exception is possible, since the folder may hold anything
        raise UserError(
            f"{folder}: transformers cannot make a classifier with {len(names)} labels from this model "
            f"({reason(error)}); give a complete model with its tokenizer."
        ) from error
    new, body = sorted(loading["missing_keys"]), f"{model.base_model_prefix}."
    lacking = [name for name in new if name.startswith(body) and ".pooler." not in name]  # a head's pooler may be new
    check_whole(folder, lacking)
    check_fit(folder, tokenizer, model, positions)
    return tokenizer, model, new


def trainer_of(model: Any, tokenizer: Any, data: list[str], settings: dict, folder: Path, seed: int) -> Any:
    """Return the engine's Trainer for the JSON-lines files `data` (train, valid); it works in `folder`."""
    training = settings["training"]
    engine = engines.load(training["engine"], "huggingface")
    engine.prepare(model)
    train, valid = (read_examples(path, tokenizer, settings["positions"]) for path in data)
    updates, total, warmup = schedule(training, len(train))
    return engine.Trainer(
        model=model,
        args=arguments(training, folder, seed, updates, warmup),
        train_dataset=train,
        eval_dataset=valid,
        compute_metrics=accuracy,
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


def where_it_started(folder: str, weights: dict, new: list[str]) -> dict:
    """Return which tensors of the trained model's `weights` came from the model folder; `new` names the others."""
    taken = sorted(set(weights) - set(new))
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".safetensors", ".bin"))
    return {
        "start": "checkpoint",
        "tensors_from_checkpoint": len(taken),
        "new_tensors": len(new),
        "from_checkpoint": taken,
        "new": new,
        "checkpoint_sha256": contents_digest(path for path in files if path.is_file()),
    }


def main(inputs: Any, output: Any, recipe: dict, seed: int, threads: int) -> None:
    """Train; then write the model folder and the history. Raises UserError as `load` does, and on divergence."""
    torch.set_num_threads(threads)
    set_seed(seed)
    settings = recipe["settings"]
    tokenizer, model, new = load(inputs.model, settings["labels"], settings["positions"])
    work = Path(output.history).parent / "work"
    folder = work_folder(work, [recipe, seed, threads], inputs)
    trainer = trainer_of(model, tokenizer, [inputs.train, inputs.valid], settings, folder, seed)
    last = checkpoints.newest(folder / "checkpoints")
    if last:
        print(f"resuming from {last}", flush=True)
    trainer.train(resume_from_checkpoint=last)

    best = trainer.state.best_model_checkpoint if settings["training"]["selection"] == "best" else None
    step = checkpoints.step(best) if best else trainer.state.global_step
    trainer.model.save_pretrained(output.model)
    tokenizer.save_pretrained(output.model)
    measured = history(trainer.state.log_history)
    write_history(output.history, output.tensorboard, measured)
    started = where_it_started(inputs.model, trainer.model.state_dict(), new)
    write_training(output.model, settings["training"], threads, step, measured, started)
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources)
        seed = int(snakemake.wildcards.seed)
        main(snakemake.input, snakemake.output, snakemake.params.recipe, seed, snakemake.threads)
