"""What the 4-bit language-model rules share: prompt, seeds, device, the model in NF4, LoRA, and counting parameters."""

import hashlib
import json
from functools import partial
from importlib.metadata import version
from pathlib import Path

from semis.harness.errors import UserError, reason
from semis.huggingface.pretrained import ONLY_DATA, check_whole
from semis.machine.memory import free_memory
from semis.machine.processor import compute_type

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_4bit
from jinja2 import TemplateError
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

PACKAGES = ["accelerate", "bitsandbytes", "peft", "torch", "transformers"]


def prompt(tokenizer, question, style):
    """The text before an answer: the report's, or with style chat the tokenizer's own chat template.

    The report's ends without a space, which byte-level BPE makes part of the answer's first token.
    """
    if style == "report":
        return f"<human>: {question}  \n<assistant>:"
    turn = {"role": "user", "content": question}
    return tokenizer.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)


def encode(tokenizer, question, answer, style):
    """Return (token ids of the prompt, token ids of the answer behind it, without an end)."""
    text = prompt(tokenizer, question, style)
    report = style == "report"  # a chat template writes the special tokens by itself; elsewhere </s> is text
    before = tokenizer(text, add_special_tokens=report, split_special_tokens=report)["input_ids"]
    after = f" {answer}" if report else answer
    return before, tokenizer(after, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def question_seed(seed, question):
    """A seed (32 bits) from the config's seed and the question's text alone, so that no question changes another's."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{question}".encode()).digest()[:4], "big")


def read_pairs(paths):
    """The pairs {question, answer} of the JSON lists `paths`, one list after the other."""
    return [pair for path in paths for pair in json.loads(Path(path).read_text(encoding="utf-8"))]


def choose_device(wanted):
    """Return (device, dtype) for the config's bloom.device: bfloat16, or what the machine is quicker in.

    That may be float16 on a GPU and float32 on a processor. Training and answers have the same, since the 4-bit weights
    are made of numbers in it.

    Raises UserError where cuda is wanted and no GPU is visible.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "bloom.device is cuda, but no CUDA GPU is visible here; set it to auto or cpu, or use a GPU node."
        )
    if wanted == "cpu" or not torch.cuda.is_available():
        return "cpu", compute_type()
    return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def changes(device, dtype):
    """What differs from the report's run on a GPU (fp16 training, bf16 compute, paged optimizer), a sentence each."""
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


def name(dtype):
    """A torch dtype as text, such as bfloat16."""
    return str(dtype).removeprefix("torch.")


def versions():
    """{package: version} of what decides the result."""
    return {package: version(package) for package in PACKAGES}


def load_tokenizer(folder, style):
    """The tokenizer of a model folder. Raises UserError where it has none, or one that will not do."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **ONLY_DATA)
    except Exception as error:  # of any kind, since the folder may hold anything
        raise UserError(
            f"{folder} holds no tokenizer that transformers can read ({reason(error)}); give bloom.model a whole model."
        ) from error
    if tokenizer.eos_token is None:
        raise UserError(f"{folder} has a tokenizer without an eos_token; name one in its tokenizer_config.json.")
    if style == "chat" and not tokenizer.chat_template:
        raise UserError(
            f"bloom.prompt is chat, but the tokenizer of {folder} has no chat template; set it to report, or give "
            "bloom.model a model that was made for chats."
        )
    try:
        prompt(tokenizer, "?", style)
    except TemplateError as error:  # of the template's own, or at what a template must not do
        raise UserError(
            f"{folder}: its tokenizer's chat template fails on a question ({reason(error)}); set bloom.prompt to "
            "report, or give bloom.model another model."
        ) from error
    return tokenizer


def without_weights(folder):
    """The causal language model of a folder with sizes alone, which take no memory."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(folder, **ONLY_DATA), dtype=torch.float32, trust_remote_code=False
        )


def check_memory(folder, device):
    """Raise UserError unless the weights alone, as they are trained, fit into the memory that is free on the device.

    Then the linear layers take half a byte a weight, and the embeddings, which are not quantized, four.
    """
    model = without_weights(folder)
    tables = {layer.weight for layer in (model.get_input_embeddings(), model.get_output_embeddings())}  # one if tied
    embeddings = sum(table.numel() for table in tables)
    needed = (model.num_parameters() - embeddings) / 2 + embeddings * 4
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()
    if needed > free:
        raise UserError(
            f"{folder} takes at least {needed / 1e9:.1f} GB of memory while it is trained, and {free / 1e9:.1f} GB are "
            "free here; give bloom.model a smaller model, or run where there is more (on a cluster: the rules' mem_mb)."
        )


def load_quantized(folder, device, dtype):
    """The causal language model of a folder in NF4 with double quantization, its other weights in `dtype`.

    Raises UserError where the folder holds no such model, and where it is too large for the memory.
    """
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    try:
        check_memory(folder, device)
        model, loading = AutoModelForCausalLM.from_pretrained(
            folder,
            quantization_config=quantization,
            dtype=dtype,
            device_map={"": 0} if device == "cuda" else "cpu",
            output_loading_info=True,
            **ONLY_DATA,
        )
    except (UserError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # of any kind, since the folder may hold anything
        raise UserError(
            f"{folder} holds no causal language model that transformers can read ({reason(error)}); give "
            "bloom.model a whole model."
        ) from error
    check_whole(folder, sorted(loading["missing_keys"]))
    for layer in linear_layers(model).values():
        # On a CPU with AVX512-BF16 the first evaluation would repack the weights in place: training after it dies, and
        # merging gives wrong weights.
        layer.support_avx512bf16_for_cpu = False
        layer.requires_grad_(False)  # transformers leaves the biases trainable
    return model


def linear_layers(model):
    """{name: module} of the 4-bit linear layers."""
    return {name: module for name, module in model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)}


def unpack_once(model):
    """Let the 4-bit layers of a model on a CPU unpack their weights once and keep them, instead of for each token.

    That is for a model which only answers; it answers the same to the bit. The weights take two or four bytes each
    besides: where less than twice that is free, and on a GPU, nothing changes.
    """
    layers = linear_layers(model).values()
    needed = sum(layer.compute_dtype.itemsize * layer.in_features * layer.out_features for layer in layers)
    if model.device.type != "cpu" or 2 * needed > free_memory():
        return
    for layer in layers:
        weight = dequantize_4bit(layer.weight, layer.weight.quant_state).to(layer.compute_dtype)
        bias = None if layer.bias is None else layer.bias.to(layer.compute_dtype)
        layer.forward = partial(_multiplied, weight, bias)


def _multiplied(weight, bias, x):
    """What a 4-bit layer gives for x: computed in the type of the weight, returned in that of x."""
    return torch.nn.functional.linear(x.to(weight.dtype), weight, bias).to(x.dtype)


def add_lora(model, lora, gradient_checkpointing):
    """Prepare a 4-bit model for training and return it with the config's `lora` adapters, the only weights trained.

    With `gradient_checkpointing` its backward computes each layer's activations again instead of keeping them.
    Raises UserError for a target module that the model does not have.
    """
    known = {name.rpartition(".")[2] for name in linear_layers(model)}
    missing = [module for module in lora["target_modules"] if module not in known]
    if missing:
        raise UserError(
            f"bloom.lora.target_modules: the model has no linear layer {', '.join(missing)}; it has "
            f"{', '.join(sorted(known))}."
        )
    model = prepare_model_for_kbit_training(model, gradient_checkpointing, {"use_reentrant": False})
    return get_peft_model(
        model,
        LoraConfig(
            r=lora["rank"],
            lora_alpha=lora["alpha"],
            lora_dropout=lora["dropout"],
            target_modules=lora["target_modules"],
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )


def count(model):
    """Return {trainable, all, percent}: parameters of a model, two 4-bit weights counting as one as they are stored.

    That is how the report counts; peft's own count takes each 4-bit weight for one.
    """
    total = sum(parameter.numel() for parameter in model.parameters())
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return {"trainable": trainable, "all": total, "percent": round(100 * trainable / total, 6)}
