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
from semis.qlora.limits import check_answers, check_tokens, positions
from semis.qlora.model import load_quantized, unpack_once
from semis.qlora.prompt import Turns, load_tokenizer
from semis.text.files import read_json

import torch
from peft import PeftModel
from transformers import GenerationConfig


def question_seed(seed: int, question: str) -> int:
    """Return a seed (32 bits) from the config's seed and the question, so that no question affects another."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{question}".encode()).digest()[:4], "big")


def answer(model: Any, turns: Turns, question: str, sampling: dict[str, Any]) -> dict[str, Any]:
    """Return one sampled answer as {question, answer, seed, tokens, stopped}.

    `tokens` counts the generated tokens before the end of the answer, and `stopped` says whether the model generated
    an end: that of the chat template, eos, or one that the model's own folder lists.
    """
    ends = turns.stops(model.generation_config.eos_token_id)
    seed = question_seed(sampling["seed"], question)
    settings = GenerationConfig(  # all of them: `load_quantized` takes away what the folder says
        do_sample=True,
        temperature=sampling["temperature"],
        top_p=sampling["top_p"],
        top_k=0,
        max_new_tokens=sampling["new_tokens"],
        eos_token_id=ends,
        pad_token_id=ends[0],  # nothing is padded: one question at a time
    )
    before = turns.prompt(question)
    encoded = torch.tensor([before], device=model.device)
    torch.manual_seed(seed)
    with torch.inference_mode():
        output = model.generate(input_ids=encoded, attention_mask=torch.ones_like(encoded), generation_config=settings)
    ids = output[0, len(before) :].tolist()
    length = turns.length(ids, ends)
    return {
        "question": question,
        "answer": turns.tokenizer.decode(ids[:length], skip_special_tokens=True).strip(),
        "seed": seed,
        "tokens": length,
        "stopped": length < len(ids),
    }


def answers_in_numbers(model: Any, turns: Turns, question: str) -> bool:
    """Return whether the model gives a number for each token that could start an answer."""
    ids = torch.tensor([turns.prompt(question)], device=model.device)
    with torch.inference_mode():
        return not model(input_ids=ids).logits[0, -1].isnan().any()


def negative_log_likelihood(model: Any, turns: Turns, pairs: list[dict[str, str]]) -> dict[str, float | None]:
    """Return {nll_per_token, tokens, pairs, pairs_cut}.

    nll_per_token is the mean negative log-likelihood of an answer's tokens given all before, in nats; without tokens it
    is None. The end of an answer is not scored, so that methods which learn it and methods which do not can be
    compared. A pair that is longer than the model's positions is cut.
    """
    total, tokens, cut, longest = 0.0, 0, 0, positions(model)
    for pair in pairs:
        turn = turns.encode(pair["question"], pair["answer"])
        ids = torch.tensor([(turn.prompt + turn.answer)[:longest]], device=model.device)
        cut += ids.shape[1] < len(turn.prompt) + len(turn.answer)
        if ids.shape[1] <= len(turn.prompt):
            continue
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, len(turn.prompt) - 1 : -1].float()
        scored = ids[0, len(turn.prompt) :]
        total += torch.nn.functional.cross_entropy(logits, scored, reduction="sum").item()
        tokens += len(scored)
    mean = total / tokens if tokens else None
    return {"nll_per_token": mean, "tokens": tokens, "pairs": len(pairs), "pairs_cut": cut}


def load(inputs: Any, device: str, dtype: torch.dtype) -> Any:
    """Return the model ready to answer, with the adapter if the rule has one."""
    model = load_quantized(inputs.model, device, dtype)
    if inputs.get("adapter"):
        model = PeftModel.from_pretrained(model, Path(inputs.adapter[0]).parent)
    model.eval()
    unpack_once(model)
    return model


def check(folder: str | Path, model: Any, turns: Turns, settings: dict[str, Any], pairs: list[dict[str, str]]) -> None:
    """Raise UserError if the model lacks positions or tokens for the questions or for the held-out pairs."""
    prompts = {question: turns.prompt(question) for question in settings["questions"]}
    whole = [turns.encode(pair["question"], pair["answer"]) for pair in pairs]
    check_tokens(folder, model, turns.tokenizer, [*prompts.values(), *(turn.prompt + turn.answer for turn in whole)])
    lengths = {question: len(ids) for question, ids in prompts.items()}
    check_answers(folder, model, lengths, settings["sampling"]["new_tokens"])


def main(inputs: Any, output: Any, settings: dict[str, Any], threads: int) -> None:
    """Write the answers as JSON lines, and the likelihood of the held-out answers.

    Raises UserError if the model cannot be loaded, or if its output is not a number.
    """
    torch.set_num_threads(threads)
    style, questions = settings["prompt"], settings["questions"]
    device, dtype = choose_device(settings["device"])
    turns = Turns(load_tokenizer(inputs.model, style), style, inputs.model)
    model, pairs = load(inputs, device, dtype), read_json(inputs.holdout)
    check(inputs.model, model, turns, settings, pairs)
    if not answers_in_numbers(model, turns, questions[0]):
        source = inputs.adapter[0] if inputs.get("adapter") else inputs.model
        raise UserError(
            f"{source} answers with NaN instead of text; give a complete model, or lower qlora.training.learning_rate."
        )
    with open(output.answers, "w", encoding="utf-8") as stream:
        for question in questions:
            found = answer(model, turns, question, settings["sampling"])
            row = {"method": settings["method"], "stage": settings["stage"], **found}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            print(f"{row['tokens']} tokens for: {question}", flush=True)
    scored = {"device": device, "dtype": dtype_name(dtype), "threads": threads}
    scored |= {"ignored": ignored(inputs.model)}
    scored |= negative_log_likelihood(model, turns, pairs)
    Path(output.likelihood).write_text(json.dumps(scored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources, needed=False)
        main(snakemake.input, snakemake.output, snakemake.params.recipe["settings"], snakemake.threads)
