"""Four bits a weight: bitsandbytes and transformers, where they skip a layer or compute a weight wrongly."""

import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_4bit
from transformers.integrations.bitsandbytes import Bnb4bitDeserialize
from transformers.models.falcon.modeling_falcon import FalconLinear
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING
from transformers.quantizers.quantizer_bnb_4bit import Bnb4BitHfQuantizer

USED_DIRECTLY = ["dt_proj"]  # Mamba multiplies with the weight itself instead of calling the layer


def linear_layers(model: Any) -> dict[str, Any]:
    """Return {name: module} of the 4-bit linear layers."""
    return {name: module for name, module in model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)}


def unpacked(layer: Any, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return (weight, bias) of a 4-bit layer in a number type; the weight has shape (outputs, inputs)."""
    weight = dequantize_4bit(layer.weight, layer.weight.quant_state).to(dtype)
    return weight, None if layer.bias is None else layer.bias.to(dtype)


class Quantizer(Bnb4BitHfQuantizer):
    """transformers' own, with two additions.

    It also quantizes Falcon's linear layers, which have a class of their own; transformers takes nn.Linear and Conv1D
    alone. Its way back gives each layer the class that it had, with the weights of a Conv1D (GPT-2) transposed again.
    """

    def _process_model_before_weight_loading(self, model: Any, *args: Any, **kwargs: Any) -> None:
        own = [name for name, module in model.named_modules() if isinstance(module, FalconLinear)]
        own *= not self.pre_quantized  # a folder in 4 bits was written by transformers, which left them alone
        for name in own:
            model.get_submodule(name).__class__ = torch.nn.Linear
        super()._process_model_before_weight_loading(model, *args, **kwargs)
        for name in own:  # Falcon adds to the output in place, which autograd refuses on bitsandbytes' product
            model.get_submodule(name).register_forward_hook(_copied)

    @staticmethod
    def get_modules_to_not_convert(model: Any, *args: Any, **kwargs: Any) -> list[str]:
        return [*Bnb4BitHfQuantizer.get_modules_to_not_convert(model, *args, **kwargs), *USED_DIRECTLY]

    def _dequantize(self, model: Any, dtype: Any = None) -> Any:
        for name, layer in linear_layers(model).items():
            model.set_submodule(name, _plain(layer, dtype))
        model._weight_conversions = [  # saving turns round what loading did; this cannot be turned round
            conversion
            for conversion in model._weight_conversions or []
            if not any(isinstance(step, Bnb4bitDeserialize) for step in getattr(conversion, "operations", []))
        ]
        return model


AUTO_QUANTIZER_MAPPING["bitsandbytes_4bit"] = Quantizer


def _copied(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    """Return a copy of a layer's output if the layer is being trained."""
    return output.clone() if output.requires_grad else output


def _plain(layer: Any, dtype: torch.dtype) -> Any:
    """Return a 4-bit layer as the Linear or Conv1D that it was before, in a number type."""
    weight, bias = unpacked(layer, dtype)
    with torch.device("meta"):
        if turned := issubclass(layer.source_cls, Conv1D):
            plain: Any = Conv1D(layer.out_features, layer.in_features)
        else:
            plain = torch.nn.Linear(layer.in_features, layer.out_features, bias is not None)
    plain.weight = torch.nn.Parameter(weight.T.contiguous() if turned else weight)
    if bias is not None:
        plain.bias = torch.nn.Parameter(bias)
    return plain


_KERNEL = torch.library.get_kernel("bitsandbytes::dequantize_4bit", "CPU")
_LIBRARY = torch.library.Library("bitsandbytes", "IMPL")


def _dequantized(
    keys: Any,
    packed: torch.Tensor,
    scales: torch.Tensor,
    block: int,
    kind: str,
    shape: Sequence[int],
    dtype: torch.dtype,
) -> torch.Tensor:
    """Return 4-bit weights in a number type, as bitsandbytes on a CPU should.

    Blocks of weights run on from one row to the next. The AVX-512 kernel of bitsandbytes 0.50.2 starts a new block with
    each row instead, so rows that do not consist of whole blocks get the scales of others. This function passes one
    block as a row.
    """
    if shape[-1] % block == 0:
        return _KERNEL.call_boxed(keys, packed, scales, block, kind, shape, dtype)
    size, blocks = prod(shape), scales.numel()
    flat = packed.reshape(-1).view(torch.uint8)
    flat = torch.nn.functional.pad(flat, (0, blocks * block // 2 - flat.numel()))
    rows = _KERNEL.call_boxed(keys, flat[:, None], scales, block, kind, [blocks, block], dtype)
    return rows.flatten()[:size].view(*shape)


with warnings.catch_warnings(action="ignore"):  # torch reports each kernel that is replaced
    _LIBRARY.impl("dequantize_4bit", _dequantized, "CPU", with_keyset=True)
