"""The causal language model in 4 bits: loading, layers, parameter counts."""

from functools import partial
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError, reason
from semis.huggingface.pretrained import ONLY_DATA, check_whole
from semis.machine.memory import free_memory

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_4bit
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig


def without_weights(folder: str | Path) -> Any:
    """Return the causal language model of a folder with shapes but without values, so that it takes no memory."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(folder, **ONLY_DATA), dtype=torch.float32, trust_remote_code=False
        )


def check_memory(folder: str | Path, device: str) -> None:
    """Raise UserError unless the weights fit into the free memory of the device during training.

    A weight of a linear layer then takes half a byte, and one of an embedding, which is not quantized, four bytes.
    """
    model = without_weights(folder)
    tables = {layer.weight for layer in (model.get_input_embeddings(), model.get_output_embeddings())}  # one if tied
    embeddings = sum(table.numel() for table in tables)
    needed = (model.num_parameters() - embeddings) / 2 + embeddings * 4
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()
    if needed > free:
        raise UserError(
            f"{folder} takes at least {needed / 1e9:.1f} GB of memory while it is trained, and {free / 1e9:.1f} GB are "
            "free here; give qlora.model a smaller model, or run where there is more (on a cluster: the rules' mem_mb)."
        )


def load_quantized(folder: str | Path, device: str, dtype: torch.dtype) -> Any:
    """Return the causal language model of a folder in NF4 with double quantization; other weights are in `dtype`.

    Raises UserError if the folder does not hold such a model, or if the model is too large for the memory.
    """
    try:
        check_memory(folder, device)
        model, loading = _quantized(folder, device, dtype)
    except (UserError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # any exception is possible, since the folder may hold anything
        raise UserError(
            f"{folder} holds no causal language model that transformers can read ({reason(error)}); give "
            "qlora.model a complete model."
        ) from error
    check_whole(folder, sorted(loading["missing_keys"]))
    for layer in linear_layers(model).values():
        # On a CPU with AVX512-BF16 the first evaluation would repack the weights in place. Then training would crash,
        # and merging would give wrong weights.
        layer.support_avx512bf16_for_cpu = False
        layer.requires_grad_(False)  # transformers leaves the biases trainable
    return model


def _quantized(folder: str | Path, device: str, dtype: torch.dtype) -> tuple[Any, dict[str, Any]]:
    """Load the model of a folder in NF4; return (model, transformers' report on missing tensors)."""
    return AutoModelForCausalLM.from_pretrained(
        folder,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        ),
        dtype=dtype,
        device_map={"": 0} if device == "cuda" else "cpu",
        output_loading_info=True,
        **ONLY_DATA,
    )


def linear_layers(model: Any) -> dict[str, Any]:
    """Return {name: module} of the 4-bit linear layers."""
    return {name: module for name, module in model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)}


def unpack_once(model: Any) -> None:
    """Make the 4-bit layers of a model on a CPU unpack their weights once and keep them, instead of for each token.

    Use it only for a model that answers and does not train; the answers stay the same to the bit. The unpacked weights
    take two or four more bytes each. If less than twice that is free, or on a GPU, the model stays unchanged.
    """
    layers = linear_layers(model).values()
    needed = sum(layer.compute_dtype.itemsize * layer.in_features * layer.out_features for layer in layers)
    if model.device.type != "cpu" or 2 * needed > free_memory():
        return
    for layer in layers:
        weight = dequantize_4bit(layer.weight, layer.weight.quant_state).to(layer.compute_dtype)
        bias = None if layer.bias is None else layer.bias.to(layer.compute_dtype)
        layer.forward = partial(_multiplied, weight, bias)


def _multiplied(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    """Return the output of a linear layer for x: computed in the type of the weight, returned in that of x."""
    return torch.nn.functional.linear(x.to(weight.dtype), weight, bias).to(x.dtype)


def count(model: Any) -> dict[str, float]:
    """Return {trainable, all, percent} of a model's parameters; a stored pair of 4-bit weights counts as one.

    The report counts like this. peft's own count takes each 4-bit weight as one.
    """
    total = sum(parameter.numel() for parameter in model.parameters())
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return {"trainable": trainable, "all": total, "percent": round(100 * trainable / total, 6)}
