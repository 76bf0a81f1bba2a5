"""Let the 4-bit model, with or without an adapter, answer the questions, and score the held-out answers."""

import json
from pathlib import Path

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.qlora import model as bloom

import torch
from peft import PeftModel
from transformers import GenerationConfig


def answer(model, tokenizer, question, sampling, style):
    """Return one sampled answer as {question, answer, seed, tokens, stopped}.

    `tokens` counts what was generated before the end of sequence, `stopped` says whether that came.
    """
    seed = bloom.question_seed(sampling["seed"], question)
    settings = GenerationConfig(
        do_sample=True,
        temperature=sampling["temperature"],
        top_p=sampling["top_p"],
        top_k=0,
        max_new_tokens=sampling["new_tokens"],
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,  # no padding happens: one question at a time
    )
    before, _ = bloom.encode(tokenizer, question, "", style)
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


def answers_in_numbers(model, tokenizer, question, style):
    """Whether the model gives a number for each token that could come first in an answer."""
    ids = torch.tensor([bloom.encode(tokenizer, question, "", style)[0]], device=model.device)
    with torch.inference_mode():
        return not model(input_ids=ids).logits[0, -1].isnan().any()


def negative_log_likelihood(model, tokenizer, pairs, style):
    """Return (mean negative log-likelihood in nats of an answer's token given all before it, number of tokens).

    The end of sequence is not scored, so that arms which learn it and arms which do not can be compared. The mean is
    None where there is no pair.
    """
    total, tokens = 0.0, 0
    for pair in pairs:
        before, after = bloom.encode(tokenizer, pair["question"], pair["answer"], style)
        ids = torch.tensor([before + after], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, len(before) - 1 : -1].float()
        total += torch.nn.functional.cross_entropy(logits, ids[0, len(before) :], reduction="sum").item()
        tokens += len(after)
    return (total / tokens if tokens else None), tokens


def main(inputs, output, params, threads):
    """Write the answers, a JSON line each, and the likelihood of the held-out answers."""
    torch.set_num_threads(threads)
    device, dtype = bloom.choose_device(params.device)
    tokenizer = bloom.load_tokenizer(inputs.model, params.prompt)
    model = bloom.load_quantized(inputs.model, device, dtype)
    if inputs.get("adapter"):
        model = PeftModel.from_pretrained(model, Path(inputs.adapter).parent)
    model.eval()
    bloom.unpack_once(model)
    if not answers_in_numbers(model, tokenizer, params.questions[0], params.prompt):
        folder = inputs.get("adapter") or inputs.model
        raise UserError(f"{folder} answers with what is no number; give a whole model, or lower bloom's learning_rate.")
    with open(output.answers, "w", encoding="utf-8") as stream:
        for question in params.questions:
            found = answer(model, tokenizer, question, params.sampling, params.prompt)
            row = {"arm": params.arm, "stage": params.stage, **found}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            print(f"{row['tokens']} tokens for: {question}", flush=True)
    pairs = bloom.read_pairs([inputs.holdout])
    mean, tokens = negative_log_likelihood(model, tokenizer, pairs, params.prompt)
    found = {"device": device, "dtype": bloom.name(dtype), "threads": threads}
    found |= {"nll_per_token": mean, "tokens": tokens, "pairs": len(pairs)}
    Path(output.likelihood).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params, snakemake.threads)
