"""Train one method: LoRA adapters on the 4-bit model, from the questions and answers."""

import csv
import json
import math
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.harness.workfolder import work_folder
from semis.huggingface import checkpoints
from semis.huggingface.finite_trainer import FiniteTrainer
from semis.huggingface.training_arguments import one_gpu
from semis.machine.devices import use_gpus_asked_for
from semis.qlora.device import changes, choose_device, dtype_name, versions
from semis.qlora.examples import choose_padding, examples
from semis.qlora.folder import ignored, stored_types
from semis.qlora.limits import check_tokens, check_training, trained_positions
from semis.qlora.lora import adapted, add_lora, save_adapter
from semis.qlora.model import in_its_own_bits, load_quantized
from semis.qlora.prompt import Turns, load_tokenizer
from semis.text.files import read_json

import torch
from transformers import DataCollatorForSeq2Seq, TrainingArguments, set_seed


def arguments(training: dict[str, Any], folder: Path, device: str, dtype: torch.dtype) -> TrainingArguments:
    """Return TrainingArguments for the config's `training`, with checkpoints in `folder`/checkpoints."""
    return one_gpu(
        TrainingArguments(
            output_dir=str(folder / "checkpoints"),
            seed=training["seed"],
            max_steps=training["updates"],
            per_device_train_batch_size=training["batch_size"],
            gradient_accumulation_steps=training["gradient_accumulation"],
            learning_rate=training["learning_rate"],
            lr_scheduler_type="cosine",
            warmup_steps=math.ceil(training["updates"] * training["warmup_ratio"]),
            optim="paged_adamw_8bit",
            bf16=dtype == torch.bfloat16,
            fp16=dtype == torch.float16,
            use_cpu=device == "cpu",
            logging_steps=1,
            save_steps=training["save_every"],
            save_total_limit=2,
            report_to=[],
        )
    )


def history(log: Iterable[dict[str, Any]]) -> Iterator[tuple[int, str, float]]:
    """Yield rows (step, metric, value) of a Trainer's log_history: loss and learning rate of each update."""
    for entry in log:
        if "loss" in entry:
            yield from ((entry["step"], name, entry[name]) for name in ("loss", "learning_rate"))


def write_history(path: str, rows: Iterable[tuple[int, str, float]]) -> None:
    """Write history.csv."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["step", "metric", "value"])
        writer.writerows(rows)


def of_adapter(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the rule's recipe without gradient checkpointing, since the adapter does not depend on it."""
    settings = recipe["settings"]
    training = {key: value for key, value in settings["training"].items() if key != "gradient_checkpointing"}
    return recipe | {"settings": settings | {"training": training}}


def trained(trainer: FiniteTrainer, folder: Path) -> FiniteTrainer:
    """Train to the end, from the newest complete checkpoint below `folder` if there is one; return the trainer."""
    start = checkpoints.newest(folder / "checkpoints")
    print(f"resuming from {start}" if start else "starting with update 1", flush=True)
    trainer.train(resume_from_checkpoint=start)
    return trainer


def fitted(
    folder: str, model: Any, turns: Turns, learned: list[dict[str, list[int]]], settings: dict[str, Any]
) -> dict[str, int | None]:
    """Check that the model fits the examples and set the tokenizer's padding; return what training.json says of it.

    The model may read more positions than its config.json names, but was not trained for that. Raises UserError if the
    model has no row for a token or for a position.
    """
    texts = [example["input_ids"] for example in learned]
    check_tokens(folder, model, turns.tokenizer, texts)
    check_training(folder, model, map(len, texts), settings["training"]["max_length"])
    choose_padding(turns.tokenizer, settings["recipe"]["learns_end"], model)
    check_tokens(folder, model, turns.tokenizer, [[turns.tokenizer.pad_token_id]])
    known = trained_positions(model)
    return {"positions": known, "pairs_beyond_positions": sum(len(ids) > (known or len(ids)) for ids in texts)}


def main(inputs: Any, output: Any, recipe: dict[str, Any], threads: int) -> None:
    """Train; then write the adapter, the history and training.json. Raises UserError if the training diverges."""
    torch.set_num_threads(threads)
    settings = recipe["settings"]
    training = settings["training"]
    device, dtype = choose_device(settings["device"])
    found: dict[str, Any] = {"device": device, "dtype": dtype_name(dtype), "threads": threads}
    work = Path(output.history).parent / "work"
    folder = work_folder(work, [of_adapter(recipe), threads, device, found["dtype"], versions()], inputs)

    pairs = [pair for path in inputs.pairs for pair in read_json(path)]
    turns = Turns(load_tokenizer(inputs.model, settings["prompt"]), settings["prompt"], inputs.model)
    learned, counts = examples(pairs, turns, settings["recipe"], training["max_length"])
    set_seed(training["seed"])
    model = load_quantized(inputs.model, device, dtype)
    found["changes"] = [*changes(device, dtype), *in_its_own_bits(model)]
    fits = fitted(inputs.model, model, turns, learned, settings)
    model = add_lora(model, settings["lora"], training["gradient_checkpointing"])
    model.config.use_cache = False
    trainer = trained(
        FiniteTrainer(
            model=model,
            args=arguments(training, folder, device, dtype),
            train_dataset=learned,
            data_collator=DataCollatorForSeq2Seq(turns.tokenizer),
            callbacks=[checkpoints.Seal()],
        ),
        folder,
    )
    found |= {"stored": stored_types(inputs.model), "ignored": ignored(inputs.model), **adapted(model)}
    found |= {"updates": trainer.state.global_step, **counts, **fits, **turns.described(), "versions": versions()}
    save_adapter(model, Path(output.adapter).parent, settings["base"])
    write_history(output.history, history(trainer.state.log_history))
    Path(output.training).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources, needed=False)
        main(snakemake.input, snakemake.output, snakemake.params.recipe, snakemake.threads)
