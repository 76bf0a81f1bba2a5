"""The causal language model in 4 bits: loading, layers, parameter counts."""

import math
from functools import partial
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError, reason
from semis.huggingface.pretrained import ONLY_DATA, check_whole
from semis.machine.memory import free_memory
from semis.qlora.device import dtype_name
from semis.qlora.folder import TOKENS, check_types, read_config
from semis.qlora.nf4 import linear_layers, unpacked

import torch
from bitsandbytes.nn import Linear4bit, Params4bit
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GenerationConfig
from transformers.models.falcon.modeling_falcon import FalconLinear
from transformers.pytorch_utils import Conv1D

LINEAR = (torch.nn.Linear, Conv1D, FalconLinear)  # what `Quantizer` quantizes
SHOWN = 0.01  # a smaller share of the weights is not worth a word
PROBE = 8  # tokens of the text that shows whether a model reads from left to right


def without_weights(folder: str | Path) -> Any:
    """Return the causal language model of a folder with shapes but without values, so that it takes no memory."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(read_config(folder), dtype=torch.float32, trust_remote_code=False)


def check_memory(folder: str | Path, device: str) -> None:
    """Raise UserError unless the weights fit into the free memory of the device during training.

    A weight of a linear layer then takes half a byte, and one that is not quantized, as in an embedding, four bytes.
    """
    model = without_weights(folder)
    kept = sum(outside(model, LINEAR).values())
    needed = (model.num_parameters() - kept) / 2 + kept * 4
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()
    if needed > free:
        raise UserError(
            f"{folder} takes at least {needed / 1e9:.1f} GB of memory while it is trained, and {free / 1e9:.1f} GB are "
            "free here; give qlora.model a smaller model, or run where there is more (on a cluster: the rules' mem_mb)."
        )


def load_quantized(folder: str | Path, device: str, dtype: torch.dtype) -> Any:
    """Return the causal language model of a folder in NF4 with double quantization; other weights are in `dtype`.

    A folder whose weights are in 4 bits already keeps those. Raises UserError if the folder does not hold such a model,
    if the model is too large for the memory, or if it does not read from left to right.
    """
    try:
        check_memory(folder, device)
        check_types(folder)
        model, loading = _quantized(folder, device, dtype)
    except (UserError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # any exception is possible, since the folder may hold anything
        raise UserError(
            f"{folder} holds no causal language model that transformers can read ({reason(error)}); give "
            "qlora.model a complete model."
        ) from error
    check_whole(folder, sorted(loading["missing_keys"]))
    if model.hf_quantizer.pre_quantized:  # then transformers keeps the types of the folder
        retyped(model, dtype)
    tokens = {key: getattr(model.generation_config, key) for key in TOKENS}
    model.generation_config = GenerationConfig(**tokens)  # `generate` takes from it what its caller leaves open
    for layer in linear_layers(model).values():
        # On a CPU with AVX512-BF16 the first evaluation would repack the weights in place. Then training would crash,
        # and merging would give wrong weights.
        layer.support_avx512bf16_for_cpu = False
        layer.compute_dtype, layer.compute_type_is_set = dtype, True
        layer.requires_grad_(False)  # transformers leaves the biases trainable
    check_causal(model, folder)
    return model


def _quantized(folder: str | Path, device: str, dtype: torch.dtype) -> tuple[Any, dict[str, Any]]:
    """Load the model of a folder in NF4; return (model, transformers' report on missing tensors)."""
    return AutoModelForCausalLM.from_pretrained(
        folder,
        config=read_config(folder),
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


def check_causal(model: Any, folder: str | Path) -> None:
    """Raise UserError if a token's prediction depends on later tokens: then the model would see what it predicts.

    The derivative of a prediction by a later token is exactly 0 if the model reads from left to right.
    """
    kind = model.config.model_type
    try:
        slope = _slope(model)
    except Exception as error:  # any exception is possible: a model may use its weights in any way
        raise UserError(
            f"{folder}/config.json describes a {kind} model, which does not work with weights in 4 bits and "
            f"{model.dtype} ({reason(error)}); give qlora.model a model of another architecture."
        ) from error
    if slope.isfinite().all() and slope[PROBE // 2 :].count_nonzero():  # others are refused when they answer
        raise UserError(
            f"{folder}/config.json describes a {kind} model that reads the tokens on both sides, so it would see the "
            "answers that it is to give; give qlora.model a causal language model."
        )


def _slope(model: Any) -> torch.Tensor:
    """Return the derivatives (PROBE, dimension) of a prediction in the middle of a text by the text's embeddings."""
    found: list[torch.Tensor] = []

    def watch(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        found.append(output.detach().requires_grad_())
        return found[-1]

    watching = model.get_input_embeddings().register_forward_hook(watch)
    with torch.enable_grad():
        logits = model(input_ids=torch.arange(PROBE, device=model.device)[None], use_cache=False).logits
        (slope,) = torch.autograd.grad(logits[0, PROBE // 2 - 1].float().max(), found[0])
    watching.remove()
    return slope.reshape(PROBE, -1)  # some models have the batch first, others the text


def outside(model: Any, classes: tuple[type, ...]) -> dict[str, int]:
    """Return {name: number of parameters} of the matrices outside layers of these classes, each matrix once.

    The output layer, which never is in 4 bits, counts as outside.
    """
    kept: dict[str, int] = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        if type(module) not in classes or module is model.get_output_embeddings():
            for key, weight in module.named_parameters(recurse=False):
                if weight.ndim > 1 and id(weight) not in seen:
                    seen.add(id(weight))
                    kept[f"{name}.{key}"] = weight.numel()
    return kept


def in_its_own_bits(model: Any) -> list[str]:
    """Return a clause for each part of a loaded model that is not in NF4 with double quantization.

    The report's model has its embeddings, the output layer and vectors in another type too, so these do not count.
    """
    states = [layer.weight.quant_state for layer in linear_layers(model).values()]
    kinds = {(state.quant_type.upper(), "with" if state.nested else "without") for state in states}
    found = [
        f"NF4 with double quantization -> {kind} {double} it: the folder's own 4 bits"
        for kind, double in sorted(kinds - {("NF4", "with")})
    ]
    whole = {name: size for name, size in outside(model, (Linear4bit,)).items() if not _is_table(model, name)}
    share = sum(whole.values()) / (sum(whole.values()) + sum(math.prod(state.shape) for state in states) or 1)
    if share >= SHOWN:
        names = ", ".join(sorted({".".join(name.split(".")[-2:]) for name in whole})[:4])
        found.append(
            f"NF4 -> {dtype_name(model.dtype)}: {share:.0%} of the layers' weights, which are not quantized ({names})"
        )
    return found


def _is_table(model: Any, name: str) -> bool:
    """Say whether a parameter belongs to an embedding or to the output layer."""
    owner = model.get_submodule(name.rpartition(".")[0])
    return isinstance(owner, torch.nn.Embedding) or owner is model.get_output_embeddings()


def unpack_once(model: Any) -> None:
    """Make the 4-bit layers of a model on a CPU unpack their weights once and keep them, instead of for each token.

    Use it only for a model that answers and does not train; the answers stay the same to the bit. The unpacked weights
    take two or four more bytes each. If less than twice that is free, or on a GPU, the model stays unchanged.
    """
    layers = linear_layers(model).values()
    needed = sum(layer.compute_dtype.itemsize * layer.in_features * layer.out_features for layer in layers)
    if model.device.type == "cpu" and 2 * needed <= free_memory():
        for layer in layers:
            layer.forward = partial(_multiplied, *unpacked(layer, layer.compute_dtype))


def in_float32(model: Any) -> Any:
    """Make a 4-bit model compute in float32 with the values of its weights; return it."""
    for layer in linear_layers(model).values():
        layer.forward = partial(_multiplied, *unpacked(layer, torch.float32))
    return retyped(model, torch.float32)


def retyped(model: Any, dtype: torch.dtype) -> Any:
    """Give all parameters of a model a number type, except its 4-bit weights; return the model."""
    for parameter in model.parameters():
        if not isinstance(parameter, Params4bit):
            parameter.data = parameter.data.to(dtype)
    return model


def _multiplied(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    """Return the output of a linear layer for x: computed in the type of the weight, returned in that of x."""
    return torch.nn.functional.linear(x.to(weight.dtype), weight, bias).to(x.dtype)


def stored(parameter: torch.Tensor) -> int:
    """Return the number of a parameter's values, or of its bytes if it holds 4-bit weights."""
    return parameter.numel() * (parameter.element_size() if isinstance(parameter, Params4bit) else 1)


def count(model: Any) -> dict[str, float]:
    """Return {trainable, all, percent} of a model's parameters; a stored pair of 4-bit weights counts as one.

    The report counts like this. peft's own count takes each 4-bit weight as one.
    """
    total = sum(map(stored, model.parameters()))
    trainable = sum(stored(parameter) for parameter in model.parameters() if parameter.requires_grad)
    return {"trainable": trainable, "all": total, "percent": round(100 * trainable / total, 6)}
