"""The settings of a classifier: its model folder decides the architecture, and Semis decides everything else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.huggingface.pretrained import ONLY_DATA

from transformers import AutoConfig

# A folder decides what its model type declares, and these settings, which transformers reads but does not declare.
UNDECLARED = {
    *("attention_chunk_size", "attention_head_size", "classifier_dropout", "cls_dropout", "conv_act", "conv_groups"),
    *("conv_kernel_size", "embedding_size", "head_dim", "hidden_dropout", "is_causal", "norm_rel_ebd"),
    *(
        "partial_rotary_factor",
        "per_layer_config",
        "pooler_hidden_size",
        "position_buckets",
        "share_att_key",
        "summary_last_dropout",
    ),
    *("talking_head", "tokenizer_class"),
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
    ignored |= _restrict(config, found)
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
    kind = found.get("position_embedding_type", "absolute")
    if kind not in ("absolute", None) and "position_embedding_type" not in _defaults(config):
        raise UserError(
            f"{folder}/config.json: position_embedding_type {kind} is not implemented for {config.model_type} in this "
            "version of transformers, which would read the weights as another model; give one with absolute positions."
        )


def _defaults(config: Any) -> dict[str, Any]:
    """Return {setting that the config's class declares: its default}."""
    found = {}
    for field in fields(config):
        found[field.name] = field.default_factory() if field.default_factory is not MISSING else field.default
    return found


def _restrict(config: Any, found: Mapping[str, Any]) -> dict[str, Any]:
    """Take from a config what a folder may not decide; return it as {key: value in the folder's config.json, `found`}.

    The configs within a config, such as that of the text model, are restricted too; their keys have a prefix.
    """
    defaults, computed, ignored = _defaults(config), _computed(config), {}
    own = {*defaults, *computed, *type(config).attribute_map, *UNDECLARED, *DECIDED, *KNOWN, *LABELS}
    for key, value in found.items():
        if key in config.sub_configs and isinstance(value, dict):
            below = _restrict(getattr(config, key), value)
            ignored |= {f"{key}.{name}": setting for name, setting in below.items()}
        elif key in DECIDED and value != _default_of(key, defaults):
            ignored[key] = value
        elif key not in own and key in vars(config):  # else transformers has turned it into a declared setting
            delattr(config, key)
            ignored[key] = value
    for key in DECIDED & set(defaults):
        setattr(config, key, defaults[key])
    config._output_attentions = False
    return ignored


def _computed(config: Any) -> set[str]:
    """Return the names that the config's class sets by itself; a saved config.json holds them like settings."""
    try:
        return set(vars(type(config)()))
    except Exception:  # a class that needs arguments
        return set(vars(config))


def _default_of(key: str, defaults: Mapping[str, Any]) -> Any:
    """Return the default of a decided setting."""
    return False if key == "output_attentions" else defaults.get(key)


def _same_labels(key: str, value: Any, labels: Sequence[str]) -> bool:
    """Say whether a setting of a folder names exactly these labels in this order."""
    if key == "num_labels":
        return value == len(labels)
    names = {str(number): label for number, label in enumerate(labels)}
    return value == (names if key == "id2label" else {label: int(number) for number, label in names.items()})
