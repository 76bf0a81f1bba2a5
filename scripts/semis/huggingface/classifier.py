"""Loads a classifier from a model folder, in float32, and checks before a training that it fits and can read."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from semis.harness.errors import UserError, reason
from semis.huggingface import texts, weights
from semis.huggingface.packages import check_packages
from semis.huggingface.pretrained import ONLY_DATA, check_whole
from semis.huggingface.settings import classifier_config
from semis.huggingface.tokenizer import load_tokenizer

import torch
from transformers import AutoModelForSequenceClassification


def load(folder: str, labels: Sequence[str], positions: int) -> tuple[Any, Any, dict[str, Any]]:
    """Return (tokenizer, model, what the folder gave) of a model folder; the model is a classifier for the labels.

    The last one is {new, unused, stored_types, trained_in, ignored_settings, special_tokens, cut_by}: the names of the
    model's new tensors, and of the folder's tensors that it does not use, the number types, the settings that Semis
    does not take from the folder, the tokens around each text, and what defines the tokenizer. Raises
    UserError if transformers cannot read the folder, if tokenizer and weights do not fit each other, or if the model
    has fewer positions than `positions`.
    """
    try:
        tokenizer = load_tokenizer(folder)
        config, ignored = classifier_config(folder, labels)
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=weights.TRAINED_IN,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **ONLY_DATA,
        )
        stored = weights.stored_types(folder)
    except UserError:
        raise
    except Exception as error:  # any exception is possible, since the folder may hold anything
        check_packages(folder, error, "transformers")
        raise UserError(
            f"{folder}: transformers cannot make a classifier with {len(labels)} labels from this model "
            f"({reason(error)}); give a complete model with its tokenizer."
        ) from error
    _check_tensors(folder, model, loading, stored, len(labels))
    new = _head(model, config, loading, ignored, labels)
    check_fit(folder, tokenizer, model)
    replaced = texts.fit_tokenizer(folder, tokenizer, model)
    check_reading(folder, tokenizer, model, positions)
    given = {"new": new, "unused": sorted(loading["unexpected_keys"]), "stored_types": weights.counted(stored)}
    given |= {"trained_in": str(weights.TRAINED_IN).removeprefix("torch."), "special_tokens": texts.specials(tokenizer)}
    given["cut_by"] = tokenizer.cut_by
    return tokenizer, model, given | {"ignored_settings": {"config.json": ignored, "tokenizer": replaced}}


def _is_body(name: str, model: Any) -> bool:
    """Say whether a tensor belongs to the model's body, and not to a head or to its pooler."""
    return name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name


def _check_tensors(folder: str, model: Any, loading: Mapping, stored: Mapping[str, str], labels: int) -> None:
    """Raise UserError unless the weights of a folder are those of the model's body, all of it and nothing more."""
    check_whole(folder, sorted(name for name in loading["missing_keys"] if _is_body(name, model)))
    prefix = f"{model.base_model_prefix}."  # a folder of the body alone leaves it out
    for name, given, wanted in sorted(loading["mismatched_keys"]):
        if name.startswith(prefix):
            raise UserError(
                f"{folder}: transformers cannot make a classifier with {labels} labels from this model ({name} is "
                f"{tuple(given)} in its weights, and its config.json makes it {tuple(wanted)}); give weights and a "
                "config.json that belong together."
            )
    layers = {_pattern(name, prefix) for name in model.state_dict()}
    extra = sorted(name for name in loading["unexpected_keys"] if _pattern(name, prefix) in layers)
    if extra:
        raise UserError(
            f"{folder}: its weights have more layers than its config.json asks for ({len(extra)} tensors, such as "
            f"{extra[0]}); give weights and a config.json that belong together."
        )
    whole = {name.removeprefix(prefix) for name, _ in model.named_parameters()}
    packed = sorted(n for n, kind in stored.items() if n.removeprefix(prefix) in whole and kind not in weights.PLAIN)
    if packed:
        raise UserError(
            f"{folder}: {packed[0]} is stored as {stored[packed[0]]}, so it is quantized; give the model as it was "
            "before quantization."
        )


def _pattern(name: str, prefix: str) -> str:
    """Return a tensor's name without `prefix`, and with # for the number of its layer."""
    return re.sub(r"\.\d+\.", ".#.", name.removeprefix(prefix))


def _head(model: Any, config: Any, loading: Mapping, ignored: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """Return the names of the model's new tensors, after it has got a new head if the folder's is one for another task.

    That is so if a tensor of the head has another size, if the folder's model is not a classifier of texts, or if its
    labels are the same as the config's but in another order. Otherwise the head is the folder's.
    """
    head = [name for name in model.state_dict() if not name.startswith(f"{model.base_model_prefix}.")]
    new = set(loading["missing_keys"])
    kinds = config.architectures or []
    numbered = sorted((ignored.get("id2label") or {}).items(), key=lambda item: int(item[0]))
    names, wanted = ([_folded(label) for label in given] for given in ([name for _, name in numbered], labels))
    turned = names != wanted and sorted(names) == sorted(wanted)
    other = bool(kinds) and not any(kind.endswith("ForSequenceClassification") for kind in kinds)
    mismatched = {name for name, *_ in loading["mismatched_keys"]}
    if mismatched or ((turned or other) and not set(head) <= new):
        fresh = type(model)(config).state_dict()
        with torch.no_grad():
            for name in head:
                model.state_dict()[name].copy_(fresh[name])
        new |= set(head)
    return sorted(new)


def _folded(label: object) -> str:
    """Return a label without the difference of capitals and of Unicode forms."""
    return unicodedata.normalize("NFC", str(label)).casefold()


def check_fit(folder: str, tokenizer: Any, model: Any) -> None:
    """Raise UserError unless the tokenizer of a folder has as many tokens as its weights have rows."""
    try:
        rows = model.get_input_embeddings().num_embeddings
    except (AttributeError, NotImplementedError):
        return  # a model that reads characters has no table of tokens
    # A special token that stands for something else than text, such as an image, never comes from a text.
    used = {token for token in tokenizer.special_tokens_map.values() if isinstance(token, str)}
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special} - used
    beyond = [token for token, number in tokenizer.get_vocab().items() if number >= rows and token not in special]
    if len(tokenizer) < 0.9 * rows or beyond:  # some models have a few spare rows
        raise UserError(
            f"{folder}: its tokenizer has {len(tokenizer)} tokens, but its weights have {rows}; give a tokenizer and "
            f"weights that belong together{f' (no row belongs to {beyond[0]})' if beyond else ''}."
        )


def check_reading(folder: str, tokenizer: Any, model: Any, positions: int) -> None:
    """Raise UserError unless the model reads a text of `positions` tokens, beside a short one, and gives numbers."""
    most = tokenizer.model_max_length
    text = model.config.get_text_config()
    if getattr(text, "rope_parameters", None):  # such a model would read on, beyond what it was trained for
        most = min(most, text.max_position_embeddings)
    if most < positions:
        raise UserError(f"{folder} reads at most {most} tokens; lower the model's positions ({positions}).")
    error = _reading_error(tokenizer, model, positions)
    if isinstance(error, Exception):
        check_packages(folder, error, "transformers")
        few, many = 0, positions  # it reads `few` tokens, and not `many`
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (middle, many) if _reading_error(tokenizer, model, middle) is None else (few, middle)
        advice = f"it reads at most {few}; lower the model's positions" if few else "give another model"
        raise UserError(f"{folder} cannot read {positions} tokens ({reason(error)}); {advice}.") from error
    if error:
        raise UserError(f"{folder} holds weights that are not finite numbers; give another model.")


def _reading_error(tokenizer: Any, model: Any, length: int) -> Exception | str | None:
    """Return what goes wrong when the model reads a text of `length` tokens beside a short one, or None.

    It reads them, and the short one alone, as in a training too, since some models then refuse what they read
    otherwise. The random numbers of that are not those of the training.
    """
    try:
        rows, _ = texts.encode(tokenizer, model, ["a 1 . " * length, "a 1 . " * 3], length)
        batch, short = texts.padded(tokenizer, rows), texts.padded(tokenizer, rows[1:])
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.train()(**batch, labels=torch.tensor([0, 1]))
            model(**short, labels=torch.tensor([0]))
            found = model.eval()(**batch).logits
    except Exception as error:  # transformers raises many kinds
        return error
    finally:
        model.eval()
    return None if found.isfinite().all() else "not finite"
