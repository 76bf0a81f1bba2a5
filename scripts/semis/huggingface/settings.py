"""The settings of a classifier: its model folder decides the architecture, and Semis decides everything else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from semis.harness.errors import UserError
from semis.huggingface.pretrained import ONLY_DATA

from transformers import AutoConfig

# A folder decides what its model type declares, and these settings, which transformers reads but does not declare.
UNDECLARED = {
    *("attention_chunk_size", "attention_head_size", "classifier_dropout", "cls_dropout", "conv_act", "conv_groups"),
    *("conv_kernel_size", "embedding_size", "head_dim", "hidden_dropout", "is_causal", "norm_rel_ebd"),
    *("partial_rotary_factor", "per_layer_config", "pooler_hidden_size", "position_buckets", "share_att_key"),
    *("asm_cutoffs", "asm_div_value", "cross_attention_hidden_size", "decoder_start_token_id", "scale_decoder_outputs"),
    *("summary_last_dropout", "talking_head", "tokenizer_class"),
    # older names, from which transformers makes declared settings
    *("attention_layers", "attention_windows", "full_attention_interval", "global_attn_every_n_layers", "n_embed"),
    *("global_rope_theta", "local_rope_theta", "moe_layer_freq", "rope_local_base_freq", "rope_scaling", "rope_theta"),
    *("rotary_emb_base", "rotary_pct", "sliding_window_pattern"),
}
# These are declared too, but they change the task, the loss or the form of the output: they get their defaults.
DECIDED = {
    *("output_hidden_states", "output_attentions", "return_dict", "chunk_size_feed_forward", "use_cache"),
    *("is_decoder", "add_cross_attention", "output_router_logits", "pretraining_tp", "quant_mode", "problem_type"),
    *("summary_type", "summary_use_proj", "summary_proj_to_labels", "use_mems_eval", "use_mems_train"),
    *("is_encoder_decoder", "onnx_export"),
}
LABELS = {"id2label", "label2id", "num_labels"}  # the config's labels replace them
# What these say is bookkeeping, or is recorded elsewhere.
KNOWN = {"architectures", "model_type", "transformers_version", "_name_or_path", "name_or_path", "dtype", "torch_dtype"}


def classifier_config(folder: str | Path, labels: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """Return (the config of a classifier for `labels`, the settings of the folder's config.json that it leaves out).

    Raises UserError if the folder's weights are quantized, or if its model is one that transformers no longer has; and
    whatever transformers raises if it cannot read the file.
    """
    config = AutoConfig.from_pretrained(str(folder), **ONLY_DATA)
    found = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    _check(folder, config, found)
    ignored = {key: value for key, value in found.items() if key in LABELS and not _same_labels(key, value, labels)}
    ignored |= _restrict(config, found, _default(type(config)))
    if getattr(config, "attention_type", None) == "block_sparse":  # BigBird gives it up at the first short text
        config.attention_type, ignored["attention_type"] = "original_full", "block_sparse"
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    config.problem_type = "single_label_classification"
    config._attn_implementation = config._experts_implementation = None  # transformers chooses by the machine
    return config, ignored


def _check(folder: str | Path, config: Any, found: Mapping[str, Any]) -> None:
    """Raise UserError if the model of a folder cannot be trained as it was made."""
    if quantized := found.get("quantization_config"):
        how = quantized.get("quant_method", "an unknown method") if isinstance(quantized, dict) else quantized
        raise UserError(
            f"{folder}/config.json: the weights are quantized (quantization_config: {how}), and a classifier trains in "
            "float32; give the model as it was before quantization."
        )
    if "default_language" in found and found["default_language"] is None:
        raise UserError(
            f"{folder}/config.json: its model has parts for single languages, and default_language is null; name the "
            f"language of the texts there (one of {', '.join(found.get('languages', []))})."
        )
    kind = found.get("position_embedding_type", "absolute")
    if kind not in ("absolute", None) and not hasattr(_default(type(config)), "position_embedding_type"):
        raise UserError(
            f"{folder}/config.json: position_embedding_type {kind} is not implemented for {config.model_type} in this "
            "version of transformers, which would read the weights as another model; give one with absolute positions."
        )


def _default(kind: type) -> Any:
    """Return the config of a class with its defaults; empty if the class cannot be made without settings."""
    try:
        return kind()
    except Exception:  # any is possible
        return SimpleNamespace()


def _restrict(config: Any, found: Mapping[str, Any], default: Any) -> dict[str, Any]:
    """Take from a config what a folder may not decide; return it as {key: value in the folder's config.json, `found`}.

    `default` is the same config with its defaults. What a class sets by itself is there too, and a saved config.json
    holds it like a setting. The configs within a config, such as that of a decoder, are restricted in the same way.
    """
    declared, ignored = {field.name for field in fields(config)}, dict[str, Any]()
    own = {*declared, *vars(default), *type(config).attribute_map, *UNDECLARED, *DECIDED, *KNOWN, *LABELS}
    for key, value in found.items():
        if key in config.sub_configs and isinstance(value, dict):
            below = _restrict(getattr(config, key), value, getattr(default, key, None) or SimpleNamespace())
            ignored |= {f"{key}.{name}": setting for name, setting in below.items()}
        elif key in DECIDED and value != getattr(default, key, value):
            ignored[key] = value
        elif key not in own and key in vars(config):  # else transformers has made a declared setting of it
            delattr(config, key)
            ignored[key] = value
    for key in DECIDED & declared & {name for name in DECIDED if hasattr(default, name)}:
        setattr(config, key, getattr(default, key))
    config._output_attentions = False
    if found.get("pad_token_id", 0) is None and getattr(default, "pad_token_id", None) is not None:
        config.pad_token_id, ignored["pad_token_id"] = default.pad_token_id, None  # some models number positions by it
    return ignored


def _same_labels(key: str, value: Any, labels: Sequence[str]) -> bool:
    """Say whether a setting of a folder names exactly these labels in this order."""
    if key == "num_labels":
        return value == len(labels)
    names = {str(number): label for number, label in enumerate(labels)}
    return value == (names if key == "id2label" else {label: int(number) for number, label in names.items()})
