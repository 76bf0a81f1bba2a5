"""Build a BLOOM model of the configured sizes and train it on plain text, for machines that cannot download one."""

import math
from collections.abc import Sequence
from typing import Any

from semis.harness import divergence
from semis.harness.errors import UserError
from semis.harness.job import job
from semis.huggingface.pretrained import ONLY_DATA
from semis.machine.devices import hide_gpus
from semis.text.lines import read_texts

import torch
from transformers import AutoTokenizer, BloomConfig, BloomForCausalLM, set_seed

PARAGRAPHS = 20  # of a document: as in BLOOM's own training text, the end of a paragraph rarely ends a document


def new_model(build: dict[str, Any], tokenizer: Any) -> BloomForCausalLM:
    """Return a BloomForCausalLM with random weights and the sizes of the config's `build`.

    Raises UserError if the embedding has fewer rows than the tokenizer has tokens.
    """
    rows = build.get("embeddings", len(tokenizer))
    if rows < len(tokenizer):
        raise UserError(
            f"qlora.model.build.embeddings {rows} is less than the vocabulary of {len(tokenizer)}; raise it, or leave "
            "it out."
        )
    config = BloomConfig(
        vocab_size=rows,
        hidden_size=build["dimension"],
        n_layer=build["layers"],
        n_head=build["heads"],
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return BloomForCausalLM(config)


def blocks(texts: Sequence[str], tokenizer: Any, length: int) -> torch.Tensor:
    """Return a tensor (blocks, length) of token ids from the text files `texts`.

    A document has `PARAGRAPHS` lines and ends with eos; the blocks divide the sequence of all documents. Raises
    UserError if the text is shorter than a block.
    """
    lines = list(read_texts(texts))
    documents = ["\n".join(lines[i : i + PARAGRAPHS]) for i in range(0, len(lines), PARAGRAPHS)]
    ids = [
        i
        for document in tokenizer(documents, split_special_tokens=True)["input_ids"]
        for i in [*document, tokenizer.eos_token_id]
    ]
    if len(ids) < length:
        raise UserError(
            f"{', '.join(texts)} have {len(ids)} tokens, less than qlora.model.build.block; give more text."
        )
    return torch.tensor(ids[: len(ids) // length * length]).view(-1, length)


def train(model: Any, data: torch.Tensor, build: dict[str, Any], folder: str) -> None:
    """Train the model in place on `data` (blocks, length) with AdamW; the learning rate falls to 0 as half a cosine.

    Raises UserError if the loss is not finite; the message names the model `folder`.
    """
    updates = build["updates"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=build["learning_rate"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / updates)) / 2)
    for step in range(1, updates + 1):
        batch = data[torch.randint(len(data), (build["batch_size"],))]
        loss = model(input_ids=batch, labels=batch).loss
        divergence.check(folder, step, "loss", loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == updates:
            print(f"update {step} of {updates}: loss {loss.item():.3f}", flush=True)


def main(inputs: Any, folder: str, build: dict[str, Any], threads: int) -> None:
    """Write the model folder: the tokenizer, and the weights in bfloat16, in which BLOOM's are published."""
    torch.set_num_threads(threads)
    set_seed(build["seed"])
    tokenizer = AutoTokenizer.from_pretrained(inputs.tokenizer, **ONLY_DATA)
    model = new_model(build, tokenizer)
    if build["updates"]:
        train(model, blocks(list(inputs.text), tokenizer, build["block"]), build, folder)
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    with job(snakemake):
        hide_gpus()
        main(snakemake.input, snakemake.output.folder, snakemake.params.recipe["settings"]["build"], snakemake.threads)
