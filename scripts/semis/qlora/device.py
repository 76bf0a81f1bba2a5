"""Device, number type and library versions of the language model, and the resulting differences from the report."""

from importlib.metadata import version

from semis.harness.errors import UserError
from semis.machine.processor import compute_type

import torch

PACKAGES = ["accelerate", "bitsandbytes", "peft", "torch", "transformers"]


def choose_device(wanted: str) -> tuple[str, torch.dtype]:
    """Return (device, dtype) for the config's qlora.device: bfloat16 unless the machine lacks it or is slower in it.

    Then dtype is float16 on a GPU and float32 on a CPU. Training and answers use the same type, because the 4-bit
    weights are unpacked to it. Raises UserError if the config wants cuda and no GPU is visible.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "qlora.device is cuda, but no CUDA GPU is visible here; set it to auto or cpu, or use a GPU node."
        )
    if wanted == "cpu" or not torch.cuda.is_available():
        return "cpu", compute_type()
    return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def dtype_name(dtype: torch.dtype) -> str:
    """Return a torch dtype as text, such as bfloat16."""
    return str(dtype).removeprefix("torch.")


def changes(device: str, dtype: torch.dtype) -> list[str]:
    """Return a clause for each difference from the report's run on a GPU.

    That run trained in fp16, computed the 4-bit layers in bf16 and paged the optimizer's state.
    """
    found = []
    if dtype == torch.bfloat16:
        found.append("fp16 -> bf16: mixed precision of the training")
    elif dtype == torch.float16:
        found.append("bf16 -> fp16: compute type of the 4-bit layers, since this GPU has no bf16")
    else:
        found.append("fp16, bf16 -> fp32: training and 4-bit layers, since this processor is slower in bf16")
    if device == "cpu":
        found.append("paging inactive: paged_adamw_8bit keeps its state in ordinary memory on a CPU")
    return found


def versions() -> dict[str, str]:
    """Return {package: version} of the libraries that decide the result."""
    return {package: version(package) for package in PACKAGES}
