"""What tiny classifiers of many kinds do, as plain values; runs in the environment transformers."""

import json
from functools import partial
from pathlib import Path

import finetune_huggingface
import torch
from damaged_models import sentence
from safetensors.torch import load_file, save_file
from tiny_classifiers import (
    BERT_LIKE,
    IDS,
    LABELS,
    POSITIONS,
    WIDE,
    WORDS,
    altered,
    change,
    distance,
    folder_of,
    run,
    tokenizer,
)
from tokenizers import processors
from transformers import (
    BartConfig,
    BertConfig,
    BertForTokenClassification,
    FlaubertConfig,
    GPT2Config,
    LlamaConfig,
    MBartConfig,
    RobertaConfig,
    RobertaForSequenceClassification,
    RoFormerConfig,
    T5Config,
    XLNetConfig,
)

WEIGHTS = "model.safetensors"
SEQ2SEQ = IDS | {"d_model": 16, "max_position_embeddings": POSITIONS, "decoder_start_token_id": 2}
for part in ("encoder", "decoder"):
    SEQ2SEQ |= {f"{part}_layers": 1, f"{part}_attention_heads": 2, f"{part}_ffn_dim": 16}


def roberta(root, **settings):
    return folder_of(root, RobertaConfig(**BERT_LIKE | settings))


def write(weights, form):
    """Return a function that replaces the weights of a folder by these, as one file, as two, or as a .bin."""

    def do(folder):
        (folder / WEIGHTS).unlink()
        if form == "bin":
            torch.save(weights, folder / "pytorch_model.bin")
        elif form == "two files":
            names = sorted(weights)
            files = {name: f"part{i % 2}.safetensors" for i, name in enumerate(names)}
            for file in set(files.values()):
                save_file({n: weights[n] for n in names if files[n] == file}, folder / file, {"format": "pt"})
            index = {"metadata": {}, "weight_map": files}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        else:
            save_file(weights, folder / WEIGHTS, {"format": "pt"})
        kind = str(next(iter(weights.values())).dtype).removeprefix("torch.")
        change(folder, "config.json", dtype=None if form == "no dtype" else kind)

    return do


def stored(root, cases):
    """Return for each [engine, type, form] what differs from the same numbers in float32, and what metrics.json says.

    The weights are multiples of 1/64, so that each type holds them exactly.
    """
    folder, found = roberta(root), []
    weights = {name: (tensor * 64).round() / 64 for name, tensor in load_file(folder / WEIGHTS).items()}
    want = {
        engine: run(altered(folder, write(weights, "one file")), engine=engine)
        for engine in dict.fromkeys(engine for engine, *_ in cases)
    }
    for engine, kind, form in cases:
        same = {name: tensor.to(getattr(torch, kind)).contiguous() for name, tensor in weights.items()}
        got, start = run(altered(folder, write(same, form)), engine=engine), {}
        start = got["metrics"]["start"]
        differs = [name for name in ("history.csv", "predictions.csv", WEIGHTS) if got[name] != want[engine][name]]
        trained = json.loads(Path(got["out"], "model/config.json").read_text())["dtype"]
        found.append([differs, start["stored_types"], start["trained_in"], trained])
    return found


def settings(root, config, cutter):
    """Return what a folder's settings change in a training, what metrics.json says of them, and the saved labels."""
    folder = roberta(root)

    def do(copy):
        change(copy, "config.json", **config)
        change(copy, "tokenizer_config.json", **cutter)
        direction = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Left"}
        change(copy, "tokenizer.json", truncation=direction)

    want, got = run(folder), run(altered(folder, do))
    differs = [name for name in ("history.csv", "predictions.csv", WEIGHTS) if got[name] != want[name]]
    saved = json.loads(Path(got["out"], "model/config.json").read_text())
    names = {key: saved[key] for key in ("id2label", "label2id")}
    return [differs, got["metrics"]["start"]["ignored_settings"], names, got["metrics"]["texts"]]


def heads(root):
    """Return {folder: (new tensors, weights that differ from the folder's, weights that the seed decides)}."""
    sizes, found = BERT_LIKE, {}

    def classifier(names, kind=RobertaForSequenceClassification, config=RobertaConfig):
        torch.manual_seed(3)
        folder = Path(root, f"head{len(list(Path(root).iterdir()))}")
        kind(config(**sizes, id2label=dict(enumerate(names)))).save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        return folder

    folders = {
        "three labels": classifier(["a", "b", "c"]),
        "two labels": classifier(["NEGATIVE", "POSITIVE"]),
        "turned labels": classifier(LABELS[::-1]),
        "turned labels in capitals": classifier([label.upper() for label in LABELS[::-1]]),
        "labels of tokens": classifier(["a", "b"], BertForTokenClassification, BertConfig),
    }
    other = classifier(LABELS)  # the file may name the classes in any order
    settings = json.loads((other / "config.json").read_text())
    settings["id2label"] = {"1": LABELS[0], "0": LABELS[1]}
    (other / "config.json").write_text(json.dumps(settings))
    folders["turned labels listed backwards"] = other
    for name, folder in folders.items():
        models = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            _, model, given = finetune_huggingface.load(str(folder), LABELS, POSITIONS)
            models.append(model.state_dict())
        file = load_file(folder / WEIGHTS)
        # a bias is zero in any head
        heavy = [key for key in models[0] if "LayerNorm" not in key and key.endswith("weight")]
        kept = [k for k in heavy if k in file and file[k].shape == models[0][k].shape and file[k].equal(models[0][k])]
        drawn = [key for key in heavy if not models[0][key].equal(models[1][key])]
        found[name] = [given["new"], sorted(set(heavy) - set(kept)), sorted(drawn)]
    return found


def language_tokenizer():
    """Return a tokenizer that puts </s> and a language behind a text, as mBART's does; z stands for the language."""
    cutter = tokenizer()
    tokens = [("</s>", 2), ("z", WORDS.index("z"))]
    cutter.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A </s> z", special_tokens=tokens)
    return cutter


def kinds():
    """Return {name: (config, tokenizer, ids that Semis must add to a text)} of models that read in different ways."""
    short = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": POSITIONS, "vocab_size": len(WORDS)}
    t5 = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 1}
    xlnet = {"vocab_size": len(WORDS), "d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16, "pad_token_id": 1}
    xlm = {"n_layers": 1, "n_heads": 2, "emb_dim": 16, "vocab_size": len(WORDS), "max_position_embeddings": POSITIONS}
    xlm |= {"bos_index": 0, "pad_index": 1, "eos_index": 2, "unk_index": 3, "pad_token_id": 1}
    llama = IDS | WIDE | {"max_position_embeddings": POSITIONS, "pad_token_id": None}
    bare, left = tokenizer(around=False), tokenizer(around=False, padding_side="left")
    return {
        "mbart": (MBartConfig(**SEQ2SEQ), language_tokenizer(), []),
        "mbart without eos": (MBartConfig(**SEQ2SEQ), bare, [2]),
        "bart with another eos": (BartConfig(**SEQ2SEQ | {"eos_token_id": 7}), tokenizer(), []),
        "t5": (T5Config(**IDS | t5), tokenizer(), []),
        "gpt2 without padding": (GPT2Config(**short), tokenizer(around=False, pad_token=None), []),
        "gpt2 with another padding": (GPT2Config(**short, pad_token_id=5), bare, []),
        "llama padded on the left": (LlamaConfig(**llama), left, []),
        "llama padded by a word": (LlamaConfig(**llama | {"pad_token_id": 9}), tokenizer(False, pad_token=None), []),
        "bert padded on the left": (BertConfig(**BERT_LIKE), tokenizer(padding_side="left"), []),
        "xlnet": (XLNetConfig(**xlnet, summary_proj_to_labels=False), tokenizer(), []),
        "flaubert": (FlaubertConfig(**xlm, summary_type="cls_index"), tokenizer(), []),
    }


def distances(root, names):
    """Return [distance from transformers by itself, reviews of test that were truncated] of models of these kinds."""
    found = []
    for name in names:
        config, cutter, after = kinds()[name]
        engine = "fast" if name in ("mbart", "bert padded on the left") else "reference"  # it leaves these as they are
        made = run(folder_of(root, config, cutter), engine=engine)
        saved = json.loads(Path(made["out"], "model/config.json").read_text())
        assert saved.get("pad_token_id", 1) in (1, 2), name  # <pad> or </s>
        found.append([distance(made["out"], after=after), made["metrics"]["texts"]["test"]["cut"]])
    return found


def refusals(root):
    """Return {folder: the sentence about it without its path, or None}, for positions that it may lack and others."""
    small = roberta(root)
    integers = {n: t.to(torch.int8) if "query.weight" in n else t for n, t in load_file(small / WEIGHTS).items()}
    llama = LlamaConfig(**IDS | WIDE | {"max_position_embeddings": POSITIONS})
    ja = {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "jumanpp"}

    def japanese(folder):
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.txt").write_text("\n".join(WORDS))
        change(folder, "tokenizer_config.json", **ja)

    def set_config(**keys):
        return altered(small, lambda folder: change(folder, "config.json", **keys))

    folders = {
        "all positions": (small, POSITIONS),
        "one position more": (small, POSITIONS + 1),
        "rotary positions": (folder_of(root, llama), POSITIONS + 1),
        "fewer layers": (
            altered(roberta(root, num_hidden_layers=2), lambda f: change(f, "config.json", num_hidden_layers=1)),
            8,
        ),
        "quantized": (set_config(quantization_config={"quant_method": "gptq"}), 8),
        "integers": (altered(small, write(integers, "one file")), 8),
        "relative positions": (set_config(position_embedding_type="relative_key"), 8),
        "no package": (altered(small, japanese), 8),
    }
    found = {}
    for name, (folder, positions) in folders.items():
        said = sentence(partial(finetune_huggingface.load, str(folder), LABELS, positions))
        found[name] = (said or "").removeprefix(str(folder))
    return found


def packaged(root):
    """Return {tokenizer: tokens of a text} of models whose tokenizers need a package, as a training loads them."""
    letters = [*"abcdefghijklmnopqrstuvwxyz", "'", "-", "_", ":"]
    xlm = [
        "<s>",
        "</s>",
        "<pad>",
        "<unk>",
        *(f"<special{i}>" for i in range(10)),
        *letters,
        *(f"{letter}</w>" for letter in letters),
    ]
    bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, "本", "を", "読む", "书"]
    tweets = [*letters, *(f"{letter}@@" for letter in letters)]
    ja = {"tokenizer_class": "BertJapaneseTokenizer", "subword_tokenizer_type": "wordpiece"}
    ja |= {"word_tokenizer_type": "mecab"}
    small = {"emb_dim": 16, "n_layers": 1, "n_heads": 2, "max_position_embeddings": POSITIONS, "pad_token_id": 2}
    wanted = {
        "flaubert": (
            FlaubertConfig(**small, vocab_size=len(xlm), bos_index=0, eos_index=1, pad_index=2, unk_index=3),
            {"vocab.json": json.dumps({token: i for i, token in enumerate(xlm)}), "merges.txt": "#version: 0.2\na b\n"},
            {"tokenizer_class": "FlaubertTokenizer"},
            "ab: c",
        ),
        "bertweet": (
            RobertaConfig(**BERT_LIKE | {"vocab_size": len(tweets) + 5}),
            {"vocab.txt": "".join(f"{token} 1\n" for token in tweets), "bpe.codes": "x y</w> 1\n"},
            {"tokenizer_class": "BertweetTokenizer", "normalization": True},
            "✔",
        ),
        "roformer": (
            RoFormerConfig(**IDS | WIDE | {"vocab_size": len(bert), "pad_token_id": 0, "embedding_size": 16}),
            {"vocab.txt": "\n".join(bert)},
            {"tokenizer_class": "RoFormerTokenizer"},
            "书",
        ),
    }
    for name, settings in (
        ("ipadic", {"mecab_kwargs": {"mecab_dic": "ipadic"}}),
        ("unidic_lite", {"mecab_kwargs": {"mecab_dic": "unidic_lite"}}),
        ("sudachi", {"word_tokenizer_type": "sudachi"}),
    ):
        config = BertConfig(**BERT_LIKE | {"vocab_size": len(bert), "pad_token_id": 0})
        wanted[name] = (config, {"vocab.txt": "\n".join(bert)}, ja | settings, "本を読む")
    found = {}
    for name, (config, files, settings, text) in wanted.items():
        folder = folder_of(root, config)
        for file in folder.glob("tokenizer*"):
            file.unlink()
        for file, content in files.items():
            (folder / file).write_text(content)
        change(folder, "tokenizer_config.json", **settings)
        cutter, _, _ = finetune_huggingface.load(str(folder), LABELS, 8)
        found[name] = cutter.tokenize(text)
    return found
