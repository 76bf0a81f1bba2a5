"""Small language models with random weights, in the environment qlora.

`exact` gives a model weights that 4 bits hold without loss, so that the right result follows without bitsandbytes.
"""

import json
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers.pytorch_utils import Conv1D

# The 16 values of NormalFloat 4 (Dettmers et al. 2023, appendix E).
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334]
NF4 += [-0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224]
NF4 += [0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
SIZE = 0.2  # the largest weight of each block
VOCABULARY = 288

GPT = {"vocab_size": VOCABULARY, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64}
BLOOM = {"vocab_size": VOCABULARY, "hidden_size": 64, "n_layer": 2, "n_head": 4}
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA = {**SIZES, "intermediate_size": 96, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2}
KINDS = {
    "gpt2": ("GPT2", "GPT2LMHeadModel", GPT),
    "bloom": ("Bloom", "BloomForCausalLM", BLOOM),
    "falcon": ("Falcon", "FalconForCausalLM", {**SIZES, "bias": True}),
    "falcon-new": ("Falcon", "FalconForCausalLM", {**SIZES, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "llama": ("Llama", "LlamaForCausalLM", {**LLAMA, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}),
    "llama-tied": ("Llama", "LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": True, "attention_bias": True}),
    "neox": ("GPTNeoX", "GPTNeoXForCausalLM", {**SIZES, "intermediate_size": 96}),
    "opt": ("OPT", "OPTForCausalLM", {**SIZES, "ffn_dim": 80, "word_embed_proj_dim": 32}),
    "phi3": ("Phi3", "Phi3ForCausalLM", {**LLAMA, "pad_token_id": 3}),
    "qwen3": ("Qwen3", "Qwen3ForCausalLM", {**LLAMA, "head_dim": 16}),
    "mixtral": ("Mixtral", "MixtralForCausalLM", {**LLAMA, "num_local_experts": 2}),
    "mamba": ("Mamba", "MambaForCausalLM", {"vocab_size": VOCABULARY, "hidden_size": 64, "num_hidden_layers": 2}),
    "bert": ("Bert", "BertLMHeadModel", {**SIZES, "intermediate_size": 96}),
    "gemma": ("Gemma", "GemmaForCausalLM", {**LLAMA, "head_dim": 16}),
    "odd": ("Llama", "LlamaForCausalLM", {**LLAMA, "hidden_size": 36, "intermediate_size": 50, "head_dim": 12}),
}


def build(kind, folder, dtype="float32", uneven=False, **settings):
    """Write a model folder of a kind, with a tokenizer; return the model in float32, as the folder holds it."""
    torch.manual_seed(0)
    config, model, sizes = KINDS[kind]
    made = getattr(transformers, model)(getattr(transformers, f"{config}Config")(**{**sizes, **settings}))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            weight.normal_(1.0 if "norm" in name and "weight" in name else 0.0, 0.1)
    exact(made, uneven)
    made.to(getattr(torch, dtype)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return made.float().eval()


def tokenizer():
    """Return a byte-level BPE tokenizer with four special tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[*special.values()], initial_alphabet=alphabet)
    made.train_from_iterator(["Où est ma commande ?", "Bonjour"], trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **special)


def linear(model):
    """Return {path: module} of the linear layers except the output layer, which never is in 4 bits."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not model.get_output_embeddings()
    }


def exact(model, uneven):
    """Give the linear layers weights of NF4 times `SIZE`, the largest one among each block of 64 (rows run on).

    If they are `uneven`, half of the blocks have a quarter of that size. Double quantization holds the two sizes almost
    exactly, and a single one exactly.
    """
    for module in linear(model).values():
        turned = isinstance(module, Conv1D)
        shape = module.weight.T.shape if turned else module.weight.shape
        values = torch.tensor(NF4)[torch.randint(16, (shape.numel(),))] * SIZE
        values[::64] = SIZE
        if uneven:
            values *= torch.randint(2, (len(values) // 64 + 1,)).repeat_interleave(64)[: len(values)] * 0.75 + 0.25
        weight = values.view(shape)
        module.weight.data = weight.T.contiguous() if turned else weight


def add(model, folder, scale):
    """Add the adapter in a folder to a plain model by hand, W + scale B A, and return the model."""
    from safetensors.torch import load_file

    weights = load_file(f"{folder}/adapter_model.safetensors")
    for name in [key for key in weights if key.endswith("lora_A.weight")]:
        path = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        change = scale * weights[name.replace("lora_A", "lora_B")] @ weights[name]
        module = model.get_submodule(path)
        module.weight.data += change.T if isinstance(module, Conv1D) else change
    return model


def adapter(folder, target_modules, dtype="float32"):
    """Write a random adapter of rank 4 and alpha 8 into the folder `adapter` of a model; return its training.json."""
    from semis.qlora.lora import adapted, add_lora, save_adapter
    from semis.qlora.model import count, in_its_own_bits, load_quantized

    model = load_quantized(folder, "cpu", getattr(torch, dtype))
    bits = in_its_own_bits(model)
    lora = {"rank": 4, "alpha": 8, "dropout": 0.0, "target_modules": target_modules}
    model = add_lora(model, lora, gradient_checkpointing=False)
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0, 0.1)
    save_adapter(model, f"{folder}/adapter", "base")
    found = {"dtype": dtype, "changes": bits, **adapted(model), **count(model)}
    Path(folder, "adapter", "training.json").write_text(json.dumps(found))
    return found


def logits(model, ids):
    """Return the logits of a text."""
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
