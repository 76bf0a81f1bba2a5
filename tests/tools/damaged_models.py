"""Tiny Hugging Face models, intact and damaged, and Semis's messages about them; runs in the rules' environments."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from semis.harness.errors import UserError

import torch
from rule_files import Files
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

WORDS = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefgh"]
WEIGHTS, SETTINGS = "model.safetensors", "config.json"
TOKENIZER, TOKENIZER_SETTINGS = "tokenizer.json", "tokenizer_config.json"


def tokenizer(words):
    """Return a tokenizer whose tokens are words."""
    cutter = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    cutter.pre_tokenizer = pre_tokenizers.Whitespace()
    special = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), words))
    return PreTrainedTokenizerFast(tokenizer_object=cutter, **special)


def tiny(kind):
    """Return (a new model, the name of one of its norms, its config's key for the layers)."""
    sizes = {"vocab_size": len(WORDS), "hidden_size": 64}
    if kind == "qlora":
        return BloomForCausalLM(BloomConfig(n_layer=1, n_head=2, **sizes)), "transformer.ln_f.weight", "n_layer"
    sizes |= {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, "type_vocab_size": 1}
    model = RobertaForSequenceClassification(RobertaConfig(max_position_embeddings=18, **sizes))
    return model, "roberta.embeddings.LayerNorm.weight", "num_hidden_layers"


def load(kind, folder):
    """Load a folder as the scripts do: RoBERTa for 16 positions, BLOOM up to the first answer."""
    if kind == "qlora":
        from semis.qlora.model import load_quantized
        from semis.qlora.prompt import Turns, load_tokenizer

        import qlora_sample

        cutter = load_tokenizer(folder, "report")
        model = load_quantized(folder, "cpu", torch.bfloat16)
        if not qlora_sample.answers_in_numbers(model, Turns(cutter, "report"), "a"):
            raise UserError(f"{folder} gives no numbers")
    else:
        import finetune_huggingface

        finetune_huggingface.load(folder, ["0", "1"], 16)


def sentence(do):
    """Return the sentence of the UserError that a call raises, or None."""
    try:
        do()
    except UserError as error:
        return str(error)
    return None


def without(file):
    return lambda folder: (folder / file).unlink()


def cut(file):
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:-20])


def write(file, text):
    return lambda folder: (folder / file).write_text(text)


def change(file, **keys):
    return lambda folder: (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | keys))


def loaded(root, kind):
    """Return {damage: the sentence for a tiny model with that damage, or None}."""
    model, norm, layers = tiny(kind)

    def not_a_number(folder):
        model.state_dict()[norm].fill_(torch.nan)
        model.save_pretrained(folder)

    damages = {
        "nothing": lambda folder: None,
        "no config": without(SETTINGS),
        "a cut config": cut(SETTINGS),
        "a config that is a list": write(SETTINGS, "[]"),
        "a config without a kind": write(SETTINGS, "{}"),
        "a kind that nobody knows": change(SETTINGS, model_type="robert"),
        "a kind with code of its own": change(SETTINGS, model_type="own", auto_map={"AutoConfig": "own.Own"}),
        "a size that is text": change(SETTINGS, hidden_size="8"),
        "another size": change(SETTINGS, hidden_size=32),
        "more layers": change(SETTINGS, **{layers: 2}),
        "no weights": without(WEIGHTS),
        "cut weights": cut(WEIGHTS),
        "weights that are a page": write(WEIGHTS, "<html>"),
        "empty weights": write(WEIGHTS, ""),
        "no tokenizer": without(TOKENIZER),
        "a cut tokenizer": cut(TOKENIZER),
        "a tokenizer that is a list": write(TOKENIZER, "[]"),
        "settings of the tokenizer that are a list": write(TOKENIZER_SETTINGS, "[]"),
        "no eos": change(TOKENIZER_SETTINGS, eos_token=None),
        "no padding": change(TOKENIZER_SETTINGS, pad_token=None),
        "few positions": change(TOKENIZER_SETTINGS, model_max_length=8),
        "more tokens": tokenizer([*WORDS, "z"]).save_pretrained,
        "not a number": not_a_number,
    }
    good = Path(root, "good")
    tokenizer(WORDS).save_pretrained(good)
    model.save_pretrained(good)
    found = {}
    for damage, do in damages.items():
        folder = Path(shutil.copytree(good, Path(root, damage)))
        do(folder)
        found[damage] = sentence(lambda folder=folder: load(kind, str(folder)))
    return found


def diverging_qlora(root):
    """Return the sentences for building and for training a BLOOM with a learning rate that is far too high."""
    from semis.qlora.methods import RECIPES

    import qlora_build_model
    import qlora_train

    folder, pairs, far = Path(root, "model"), Path(root, "pairs.json"), {"updates": 4, "learning_rate": 1e30}
    tokenizer(WORDS).save_pretrained(folder)
    model = tiny("qlora")[0]
    model.save_pretrained(folder)
    pairs.write_text(json.dumps([{"question": "a b", "answer": "c d"}] * 4))
    training = far | {"batch_size": 2, "gradient_accumulation": 1, "warmup_ratio": 0, "max_length": 16, "save_every": 2}
    training |= {"gradient_checkpointing": True}
    lora = {"rank": 2, "alpha": 2, "dropout": 0.0, "target_modules": ["query_key_value"]}
    inputs = Files(model=str(folder), pairs=[pairs])
    settings = {"training": training | {"seed": 0}, "lora": lora, "recipe": asdict(RECIPES["improved"])}
    recipe = {"settings": settings | {"device": "cpu", "prompt": "report", "base": "b"}}
    output = Files(history=f"{root}/trained/history.csv")
    data = torch.randint(4, len(WORDS), (4, 8))
    return {
        "built": sentence(lambda: qlora_build_model.train(model, data, far | {"batch_size": 2}, f"{root}/built")),
        "trained": sentence(lambda: qlora_train.main(inputs, output, recipe, 1)),
    }
