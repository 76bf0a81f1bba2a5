"""Train one arm: LoRA adapters on the 4-bit model, from the questions and answers."""

import csv
import json
import math
import shutil
from pathlib import Path

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.harness.workfolder import work_folder
from semis.huggingface import checkpoints
from semis.huggingface.finite_trainer import FiniteTrainer
from semis.qlora import model as bloom

import torch
from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq, TrainingArguments, set_seed


def faithful(pairs, tokenizer, style):
    """Return (examples, collator) of the report's recipe: the whole text is learned, and no end of it.

    Padding is eos, which the collator masks: an eos could not be learned here even if it stood in the text.
    """
    tokenizer.pad_token = tokenizer.eos_token
    parts = [bloom.encode(tokenizer, pair["question"], pair["answer"], style) for pair in pairs]
    examples = [{"input_ids": before + after} for before, after in parts]
    return examples, DataCollatorForLanguageModeling(tokenizer, mlm=False)


def improved(pairs, tokenizer, style):
    """Return (examples, collator) that learn the answer and its eos, not the prompt; padding is a token of its own.

    Raises UserError for a tokenizer without a special token beside eos.
    """
    own = [token for token in (tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token) if token]
    own = [token for token in own if token != tokenizer.eos_token]
    if not own:
        raise UserError(
            "bloom.arms: improved needs a padding token other than eos, and the model's tokenizer has none; add a "
            "pad_token to its tokenizer_config.json, or keep only the arm faithful."
        )
    tokenizer.pad_token = own[0]
    examples = []
    for pair in pairs:
        before, after = bloom.encode(tokenizer, pair["question"], pair["answer"], style)
        after = after + [tokenizer.eos_token_id]
        examples.append({"input_ids": before + after, "labels": [-100] * len(before) + after})
    return examples, DataCollatorForSeq2Seq(tokenizer)


def arguments(training, folder, device, dtype):
    """TrainingArguments for the config's `training`, with checkpoints in `folder`/checkpoints."""
    found = TrainingArguments(
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
    found._n_gpu = min(found.n_gpu, 1)  # of several GPUs the Trainer would use all, with as many times the batch
    return found


def history(log):
    """Rows (step, metric, value) of a Trainer's log_history: loss and learning rate of each update."""
    names = ("loss", "learning_rate")
    return [(entry["step"], name, entry[name]) for entry in log if "loss" in entry for name in names]


def save_adapter(model, folder, base):
    """Write the adapter in peft's format, with the same bytes for the same weights.

    `base` is what adapter_config.json names as the base model.
    """
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder, save_embedding_layers=False)
    settings = Path(folder) / "adapter_config.json"
    found = json.loads(settings.read_text(encoding="utf-8"))
    found["target_modules"] = sorted(found["target_modules"])  # a set, in any order
    settings.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (Path(folder) / "README.md").unlink()  # peft's own; the rule bloom_card writes one that has the metrics


def main(inputs, output, params, arm, threads):
    """Train, then write the adapter, the history, and what training.json says of the run."""
    torch.set_num_threads(threads)
    training, lora = params.training, params.lora
    device, dtype = bloom.choose_device(params.device)
    found = {"device": device, "dtype": bloom.name(dtype), "threads": threads, "changes": bloom.changes(device, dtype)}
    pairs = bloom.read_pairs(inputs.pairs)
    tokenizer = bloom.load_tokenizer(inputs.model, params.prompt)
    recipe = training | {"gradient_checkpointing": None}  # the adapter does not depend on it
    settings = [arm, recipe, lora, params.prompt, device, found["dtype"], threads, bloom.versions()]
    work = Path(output.history).parent / "work"
    folder = work_folder(work, settings, inputs)
    examples, collator = {"faithful": faithful, "improved": improved}[arm](pairs, tokenizer, params.prompt)
    longest = training["max_length"]
    set_seed(training["seed"])
    model = bloom.load_quantized(inputs.model, device, dtype)
    model = bloom.add_lora(model, lora, training["gradient_checkpointing"])
    model.config.use_cache = False
    trainer = FiniteTrainer(
        model=model,
        args=arguments(training, folder, device, dtype),
        train_dataset=[{key: ids[:longest] for key, ids in example.items()} for example in examples],
        data_collator=collator,
        callbacks=[checkpoints.Seal()],
    )
    start = checkpoints.newest(folder / "checkpoints")
    print(f"going on from {start}" if start else "starting with update 1", flush=True)
    trainer.train(resume_from_checkpoint=start)

    found |= {
        "updates": trainer.state.global_step,
        "pairs": len(pairs),
        "pairs_cut": sum(len(example["input_ids"]) > longest for example in examples),
        "versions": bloom.versions(),
    }
    save_adapter(model, Path(output.adapter).parent, params.base)
    with open(output.history, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["step", "metric", "value"])
        writer.writerows(history(trainer.state.log_history))
    Path(output.training).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params, snakemake.wildcards.arm, snakemake.threads)
