"""Let the 4-bit model, with or without an adapter, answer the questions; and score the held-out answers."""

import hashlib
import json
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.machine.devices import use_gpus_asked_for
from semis.qlora.device import choose_device, dtype_name
from semis.qlora.folder import ignored
from semis.qlora.model import load_quantized, unpack_once
from semis.qlora.prompt import encode, load_tokenizer
from semis.text.files import read_json

import torch
from peft import PeftModel
from transformers import GenerationConfig


def question_seed(seed: int, question: str) -> int:
    """Return a seed (32 bits) from the config's seed and the question, so that no question affects another."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{question}".encode()).digest()[:4], "big")


def answer(model: Any, tokenizer: Any, question: str, sampling: dict[str, Any], style: str) -> dict[str, Any]:
    """Return one sampled answer as {question, answer, seed, tokens, stopped}.

    `tokens` counts the generated tokens before the end of sequence; `stopped` says whether the model generated that.
    """
    seed = question_seed(sampling["seed"], question)
    settings = GenerationConfig(  # all of them: `load_quantized` takes away what the folder says
        do_sample=True,
        temperature=sampling["temperature"],
        top_p=sampling["top_p"],
        top_k=0,
        max_new_tokens=sampling["new_tokens"],
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,  # nothing is padded: one question at a time
    )
    before, _ = encode(tokenizer, question, "", style)
    encoded = torch.tensor([before], device=model.device)
    torch.manual_seed(seed)
    with torch.inference_mode():
        output = model.generate(input_ids=encoded, attention_mask=torch.ones_like(encoded), generation_config=settings)
    ids = output[0, len(before) :].tolist()
    stopped = ids[-1] == tokenizer.eos_token_id
    return {
        "question": question,
        "answer": tokenizer.decode(ids, skip_special_tokens=True).strip(),
        "seed": seed,
        "tokens": len(ids) - stopped,
        "stopped": stopped,
    }


def answers_in_numbers(model: Any, tokenizer: Any, question: str, style: str) -> bool:
    """Return whether the model gives a number for each token that could start an answer."""
    ids = torch.tensor([encode(tokenizer, question, "", style)[0]], device=model.device)
    with torch.inference_mode():
        return not model(input_ids=ids).logits[0, -1].isnan().any()


def negative_log_likelihood(
    model: Any, tokenizer: Any, pairs: list[dict[str, str]], style: str
) -> tuple[float | None, int]:
    """Return (mean negative log-likelihood of an answer's tokens given all before, in nats; number of tokens).

    The end of sequence is not scored, so that methods which learn it and methods which do not can be compared. Without
    pairs the mean is None.
    """
    total, tokens = 0.0, 0
    for pair in pairs:
        before, after = encode(tokenizer, pair["question"], pair["answer"], style)
        ids = torch.tensor([before + after], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, len(before) - 1 : -1].float()
        total += torch.nn.functional.cross_entropy(logits, ids[0, len(before) :], reduction="sum").item()
        tokens += len(after)
    return (total / tokens if tokens else None), tokens


def load(inputs: Any, device: str, dtype: torch.dtype) -> Any:
    """Return the model ready to answer, with the adapter if the rule has one."""
    model = load_quantized(inputs.model, device, dtype)
    if inputs.get("adapter"):
        model = PeftModel.from_pretrained(model, Path(inputs.adapter[0]).parent)
    model.eval()
    unpack_once(model)
    return model


def main(inputs: Any, output: Any, settings: dict[str, Any], threads: int) -> None:
    """Write the answers as JSON lines, and the likelihood of the held-out answers.

    Raises UserError if the model cannot be loaded, or if its output is not a number.
    """
    torch.set_num_threads(threads)
    style, questions = settings["prompt"], settings["questions"]
    device, dtype = choose_device(settings["device"])
    tokenizer = load_tokenizer(inputs.model, style)
    model = load(inputs, device, dtype)
    if not answers_in_numbers(model, tokenizer, questions[0], style):
        source = inputs.adapter[0] if inputs.get("adapter") else inputs.model
        raise UserError(
            f"{source} answers with NaN instead of text; give a complete model, or lower qlora.training.learning_rate."
        )
    with open(output.answers, "w", encoding="utf-8") as stream:
        for question in questions:
            found = answer(model, tokenizer, question, settings["sampling"], style)
            row = {"method": settings["method"], "stage": settings["stage"], **found}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            print(f"{row['tokens']} tokens for: {question}", flush=True)
    pairs = read_json(inputs.holdout)
    mean, tokens = negative_log_likelihood(model, tokenizer, pairs, style)
    scored = {"device": device, "dtype": dtype_name(dtype), "threads": threads}
    scored |= {"ignored": ignored(inputs.model)}
    scored |= {"nll_per_token": mean, "tokens": tokens, "pairs": len(pairs)}
    Path(output.likelihood).write_text(json.dumps(scored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources, needed=False)
        main(snakemake.input, snakemake.output, snakemake.params.recipe["settings"], snakemake.threads)
