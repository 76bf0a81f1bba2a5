"""What the folder of a language model decides: its architecture and sizes, its weights, its tokenizer.

Everything else comes from the study's config: `ignored` lists what the folder says about it in vain.
"""

import json
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError, reason
from semis.huggingface import weights
from semis.huggingface.pretrained import ONLY_DATA

from transformers import AutoConfig, GenerationConfig

# Keys of config.json that belong to the task, with their values here. The last two take slices of a layer's weights,
# which 4 bits do not allow; the sum is the same without them.
FIXED = {
    "is_decoder": True,
    "output_attentions": False,
    "output_hidden_states": False,
    "return_dict": True,
    "use_cache": True,
    "slow_but_exact": False,
    "pretraining_tp": 1,
}
# The special tokens belong to the tokenizer; everything else about the generation of answers is a setting.
TOKENS = {"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"}
NOTES = {"_from_model_config", "transformers_version"}


def read_config(folder: str | Path) -> Any:
    """Return the configuration of a model folder with the values of `FIXED`.

    Raises UserError if its weights are quantized in a way that cannot be trained. Raises what transformers raises.
    """
    config = AutoConfig.from_pretrained(folder, **ONLY_DATA)
    for key, value in FIXED.items():
        if hasattr(config, key):
            setattr(config, key, value)
    quantized = getattr(config, "quantization_config", None)
    if quantized and not quantized.get("load_in_4bit"):
        how = quantized.get("quant_method", "an unknown way")
        raise UserError(
            f"{folder}/config.json: quantization_config says that the weights are quantized already ({how}), and LoRA "
            "can be trained here on full and half precision and on 4 bits of bitsandbytes; give qlora.model the same "
            "model without that quantization."
        )
    return config


def read(folder: str | Path, name: str) -> dict[str, Any]:
    """Return a JSON object of the folder; an empty one without the file. Raises UserError if it is something else."""
    file = Path(folder) / name
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(f"{file} is not JSON in UTF-8 ({reason(error)}); correct it.") from error
    if not isinstance(found, dict):
        raise UserError(f"{file} must hold a JSON object; correct it.")
    return found


def ignored(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Return {file: {key: value}} of the settings in the folder that the study's config decides instead."""
    config = AutoConfig.from_pretrained(folder, **ONLY_DATA)  # with the values of keys that the file leaves out
    of_task = {key: getattr(config, key) for key, value in FIXED.items() if getattr(config, key, value) != value}
    known, silent = vars(GenerationConfig()).keys(), TOKENS | NOTES | FIXED.keys()
    legacy = {key: value for key, value in read(folder, "config.json").items() if key in known}
    found = {"config.json": legacy, "generation_config.json": read(folder, "generation_config.json")}
    kept = {
        file: {key: value for key, value in keys.items() if key not in silent and value is not None}
        for file, keys in found.items()
    }
    kept["config.json"] |= of_task
    return {file: dict(sorted(keys.items())) for file, keys in kept.items() if keys}


def stored_types(folder: str | Path) -> list[str]:
    """Return the number types of the weights in the folder's files, such as bfloat16, in alphabetical order."""
    return sorted(set(weights.stored_types(folder).values()))


def check_types(folder: str | Path) -> None:
    """Raise UserError if weights are stored in 8 bits and config.json does not say how: they would lose their scale."""
    short = [each for each in stored_types(folder) if each.startswith(("f8", "i8", "float8", "int8"))]
    if short and "quantization_config" not in read(folder, "config.json"):
        raise UserError(
            f"{folder} stores weights in 8 bits ({', '.join(short)}), and its config.json has no quantization_config "
            "that gives their scale; give qlora.model the same model in full or half precision."
        )
