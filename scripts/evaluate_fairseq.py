"""Let a fine-tuned fairseq model classify the valid and test reviews, a row for each; and sum up the run."""

import importlib
import shutil
import tempfile
from pathlib import Path

from semis.fairseq import checkpoints
from semis.fairseq.engines import ENGINES
from semis.harness.job import job
from semis.results.predictions import write_metrics, write_predictions

import torch
from fairseq import tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf


def load_model(path, data, engine):
    """Return (task, model in evaluation mode) of the fine-tuned checkpoint `path` with the binarized folder `data`."""
    importlib.import_module(ENGINES[engine].plugin)  # registers the architecture
    state = checkpoints.load(path)
    state["args"].data, state["args"].arch = str(data), ENGINES[engine].architecture
    config = convert_namespace_to_omegaconf(state["args"])
    task = tasks.setup_task(config.task)
    model = task.build_model(config.model)
    model.load_state_dict(state["model"], strict=True)
    return task, model.eval()


def classify(task, model, split, batch_size):
    """Yield (row, true class, predicted class, its probability) for each review of `split`, in the file's order."""
    task.load_dataset(split)
    batches = task.get_batch_iterator(task.dataset(split), max_sentences=batch_size).next_epoch_itr(shuffle=False)
    found = []
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


def main(inputs, output, wildcards, params, threads):
    """Write predictions.csv and metrics.json."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        for packed in inputs.data:
            shutil.unpack_archive(packed, folder)
        task, model = load_model(Path(inputs.model) / "model.pt", folder, params.engine)
        rows = [(split, *row) for split in params.splits for row in classify(task, model, split, params.batch_size)]
    write_predictions(output.predictions, rows, params.labels)
    write_metrics(output.metrics, wildcards, params.model, inputs.model, rows)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.wildcards, snakemake.params, snakemake.threads)
