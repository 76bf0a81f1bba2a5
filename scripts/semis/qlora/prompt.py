"""Turns a question and its answer into tokens."""

from pathlib import Path
from typing import Any

from semis.harness.errors import UserError, reason
from semis.huggingface.tokenizer import load_tokenizer as checked_tokenizer

from jinja2 import TemplateError


def prompt(tokenizer: Any, question: str, style: str) -> str:
    """Return the prompt for a question: the report's or, with the style chat, that of the tokenizer's chat template.

    The report's prompt ends without a space, because in byte-level BPE the space belongs to the answer's first token.
    """
    if style == "report":
        return f"<human>: {question}  \n<assistant>:"
    turn = {"role": "user", "content": question}
    return tokenizer.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)


def encode(tokenizer: Any, question: str, answer: str, style: str) -> tuple[list[int], list[int]]:
    """Return (token ids of the prompt, token ids of the answer without an end of sequence)."""
    text = prompt(tokenizer, question, style)
    report = style == "report"  # only a chat template writes special tokens; in the report's style </s> is text
    before = tokenizer(text, add_special_tokens=report, split_special_tokens=report)["input_ids"]
    after = f" {answer}" if report else answer
    return before, tokenizer(after, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def load_tokenizer(folder: str | Path, style: str) -> Any:
    """Return the tokenizer of a model folder. Raises UserError if it is missing or cannot make such prompts."""
    try:
        tokenizer = checked_tokenizer(folder)
    except UserError:
        raise
    except Exception as error:  # any exception is possible, since the folder may hold anything
        raise UserError(
            f"{folder} holds no tokenizer that transformers can read ({reason(error)}); give qlora.model a complete "
            "model."
        ) from error
    if tokenizer.eos_token is None:
        raise UserError(f"{folder} has a tokenizer without an eos_token; name one in its tokenizer_config.json.")
    if style == "chat" and not tokenizer.chat_template:
        raise UserError(
            f"qlora.prompt is chat, but the tokenizer of {folder} has no chat template; set it to report, or give "
            "qlora.model a model that was made for chats."
        )
    try:
        prompt(tokenizer, "?", style)
    except TemplateError as error:  # the template itself fails, or tries something that a template must not do
        raise UserError(
            f"{folder}: its tokenizer's chat template fails on a question ({reason(error)}); set qlora.prompt to "
            "report, or give qlora.model another model."
        ) from error
    return tokenizer
