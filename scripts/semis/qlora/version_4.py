"""What transformers 4 must be told about a model folder of transformers 5; else it fails, or takes its defaults."""

from typing import Any

CLASSES = {"TokenizersBackend": "PreTrainedTokenizerFast"}  # both versions know the second name
ROPE = {"rope_theta": "full_attention", "rope_local_base_freq": "sliding_attention"}


def with_older_names(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config.json in which `rope_parameters` also has the names of transformers 4, nested ones too.

    Where layers differ, transformers 4 scales only those of the full attention.
    """
    rope = config.get("rope_parameters") or {}
    names: dict[str, Any] = {}
    if "rope_theta" in rope:
        names = {"rope_theta": rope["rope_theta"], "rotary_emb_base": rope["rope_theta"]}
    else:  # none, or one for each type of layer
        names = {name: rope[kind]["rope_theta"] for name, kind in ROPE.items() if "rope_theta" in rope.get(kind, {})}
    if "partial_rotary_factor" in rope:
        names["partial_rotary_factor"] = names["rotary_pct"] = rope["partial_rotary_factor"]
    scaled = rope.get("full_attention", rope)
    if scaled.get("rope_type", "default") != "default":
        names["rope_scaling"] = {k: v for k, v in scaled.items() if k not in ("rope_theta", "partial_rotary_factor")}
    nested = {key: value for key, value in config.items() if isinstance(value, dict) and "rope_parameters" in value}
    return names | config | {key: with_older_names(value) for key, value in nested.items()}


def with_older_classes(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Return a tokenizer_config.json whose class and additional special tokens transformers 4 knows too."""
    found = dict(tokenizer)
    if found.get("tokenizer_class") in CLASSES:
        found["tokenizer_class"] = CLASSES[found["tokenizer_class"]]
    if isinstance(found.get("extra_special_tokens"), list):
        found["additional_special_tokens"] = found.pop("extra_special_tokens")
    return found
