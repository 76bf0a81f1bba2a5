"""Evaluate a fine-tuned fairseq model: write its prediction for each valid and test review, and the run's metrics."""

import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semis import engines
from semis.fairseq import checkpoints, data
from semis.fairseq.engine import Engine
from semis.harness.job import job
from semis.machine.devices import hide_gpus
from semis.results.evaluations import write_metrics, write_predictions

import torch
from fairseq import tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf


def load_model(path: Path, folder: str, engine: Engine) -> tuple[Any, Any]:
    """Load the fine-tuned checkpoint `path`; return fairseq's task for the data in `folder`, and the model.

    The model is in evaluation mode. Raises UserError if the checkpoint cannot be loaded safely.
    """
    importlib.import_module(Path(engine.plugin).parent.name)  # registers the architecture
    state = checkpoints.load(path)
    state["args"].data, state["args"].arch = folder, engine.architecture
    config = convert_namespace_to_omegaconf(state["args"])
    task = tasks.setup_task(config.task)
    model = task.build_model(config.model)
    model.load_state_dict(state["model"], strict=True)
    return task, model.eval()


def classify(task: Any, model: Any, split: str, batch_size: int) -> Iterator[tuple[int, int, int, float]]:
    """Yield (row, true class, predicted class, its probability) for each review of `split`, in order of the rows."""
    task.load_dataset(split)
    batches = task.get_batch_iterator(task.dataset(split), max_sentences=batch_size).next_epoch_itr(shuffle=False)
    found: list[tuple[int, int, int, float]] = []
    with torch.inference_mode():
        for batch in batches:
            logits, _ = model(
                **batch["net_input"], features_only=True, classification_head_name="sentence_classification_head"
            )
            chosen = logits.float().softmax(-1).max(-1)
            target = batch["target"].view(-1)
            found += zip(
                batch["id"].tolist(), target.tolist(), chosen.indices.tolist(), chosen.values.tolist(), strict=True
            )
    yield from sorted(found)


def main(inputs: Any, output: Any, wildcards: Any, settings: dict, threads: int) -> None:
    """Write predictions.csv and metrics.json."""
    torch.set_num_threads(threads)
    splits = {"valid": inputs.valid, "test": inputs.test}
    engine = engines.load(settings["engine"], "fairseq").ENGINE
    with tempfile.TemporaryDirectory() as folder:
        data.lay_out(Path(folder), splits, inputs.dictionary, settings["labels"])
        task, model = load_model(Path(inputs.model) / "model.pt", folder, engine)
        rows = [(split, *row) for split in splits for row in classify(task, model, split, settings["batch_size"])]
    write_predictions(output.predictions, rows, settings["labels"])
    write_metrics(output.metrics, wildcards, settings["model"], inputs.model, rows)


if __name__ == "__main__":
    with job(snakemake):
        hide_gpus()
        files, settings = (snakemake.input, snakemake.output), snakemake.params.recipe["settings"]
        main(*files, snakemake.wildcards, settings, snakemake.threads)
