"""Pretrain a RoBERTa as a masked language model with fairseq, and write it in the form of the lab's model.pt."""

import shutil
from pathlib import Path
from typing import Any

from semis import engines
from semis.fairseq import checkpoints, data
from semis.fairseq import training as fairseq_training
from semis.fairseq.engine import Engine
from semis.harness.job import job
from semis.harness.workfolder import work_folder
from semis.machine.devices import use_gpus_asked_for
from semis.results.runs import write_history

HISTORY = {
    "loss": ("train", "loss"),
    "lr": ("train", "learning_rate"),
    "valid_loss": ("valid", "loss"),
    "valid_ppl": ("valid", "perplexity"),
}


def recipe_flags(pretraining: dict, engine: Engine, positions: int) -> list[str]:
    """Return the flags of fairseq-train for the config's `pretraining`.

    The model reads blocks of `positions` tokens, and fairseq masks 15 % of the tokens.
    """
    updates = pretraining["updates"]
    dropout = str(pretraining["dropout"])
    return [
        *("--task", "masked_lm", "--criterion", engine.masked_lm, "--sample-break-mode", "none"),
        *("--tokens-per-sample", str(positions), "--batch-size", str(pretraining["batch_size"])),
        *("--required-batch-size-multiple", "1"),  # else fairseq cuts batches to multiples of 8 and drops the rest
        # A separate process for reading would outlive an epoch without knowing of the next one: it would mask the same
        # tokens in every epoch, until a resumed training starts a new process.
        *("--num-workers", "0"),
        *("--seed", str(pretraining["seed"]), "--dropout", dropout, "--attention-dropout", dropout),
        *("--optimizer", engine.optimizer, "--adam-betas", "(0.9, 0.98)", "--adam-eps", "1e-06"),
        *("--weight-decay", str(pretraining["weight_decay"]), "--clip-norm", "1.0"),
        *("--lr-scheduler", "polynomial_decay", "--lr", str(pretraining["learning_rate"])),
        *("--warmup-updates", str(round(updates * pretraining["warmup_ratio"]))),
        *("--total-num-update", str(updates), "--max-update", str(updates)),
        *("--save-interval-updates", str(pretraining["save_every"]), "--keep-interval-updates", "2"),
        *("--no-epoch-checkpoints", "--log-interval", "25"),
        *("--distributed-world-size", str(max(1, pretraining["gpus"]))),
    ]


def main(inputs: Any, output: Any, recipe: dict, threads: int) -> None:
    """Train; then write model.pt and the history. Raises UserError if the training diverges."""
    settings = recipe["settings"]
    pretraining, sizes = settings["pretraining"], (settings["architecture"], settings["positions"])
    engine = engines.load(pretraining["engine"], "fairseq").ENGINE
    flags = recipe_flags(pretraining, engine, settings["positions"])
    flags += fairseq_training.model_flags(engine, *sizes)
    work = Path(output.history).parent / "work"
    folder = work_folder(work, [recipe, threads], inputs)
    data.link(folder / "data", {"dict.txt": inputs.dictionary, **{Path(path).name: path for path in inputs.text}})

    any_of_them = "checkpoint_*.pt"
    fairseq_training.train(folder / "data", folder, flags, any_of_them, updates=pretraining["updates"])

    weights = checkpoints.load(fairseq_training.last(folder, any_of_them))["model"]
    task = {"task": "masked_lm", "criterion": "masked_lm", "tokens_per_sample": settings["positions"]}
    task |= {"sample_break_mode": "none"}
    checkpoints.save(output.model, weights, *sizes, task)
    write_history(output.history, output.tensorboard, fairseq_training.history(folder / "train.log", HISTORY))
    shutil.rmtree(work)


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources)
        main(snakemake.input, snakemake.output, snakemake.params.recipe, snakemake.threads)
