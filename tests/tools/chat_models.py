"""Tokenizers of the kinds that chat models have, trained on a few sentences, and their chat templates."""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import CTRLTokenizer, PreTrainedTokenizerFast

TEXT = [
    "Livrez-vous le samedi ? Oui, bien sûr. Non, jamais.",
    "Comment créer un compte ?\nOuvrez la page. Où est-il ?",
    "user assistant model system question réponse [INST] [/INST] Human: Assistant:\n\n",
] * 3
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}<think>\n\n</think>\n\n"
    "{{ m.content.split('</think>')[-1].lstrip('\n') }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content.strip() }} [/INST]"
    "{% else %} {{ m.content.strip() }} {{ eos_token }}{% endif %}{% endfor %}"
)
LLAMA_3 = (
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nToday: {{ strftime_now('%d %b %Y') }}\n\n<|eot_id|>"
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
PLAIN = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


LINES = "{% for m in messages %}{{ m.role }}:\n\n{{ m.content }}\n\n{% endfor %}"
LINE = "{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}"
NOTHING_BEHIND = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{{ '\n' if not loop.last }}{% endfor %}"
)
BETWEEN = NOTHING_BEHIND.replace("'\n'", "'<|im_end|>\n'")
NO_HEADER_ASKED = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
NO_LONE_QUESTION = "{% if messages | length == 1 %}{{ raise_exception('where is the answer?') }}{% endif %}" + CHATML
NO_ANSWER = "{% for m in messages if m.role != 'user' %}{{ raise_exception('only questions') }}{% endfor %}" + CHATML
LISTED = CHATML.replace("{{ m.content }}", "{% for p in m.content if p.type == 'text' %}{{ p.text }}{% endfor %}")
UPPER = CHATML.replace("m.content", "m.content | upper")
COUNTED = "{{ messages[0].content | length }} " + CHATML
OPENED_THOUGHT = (
    "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>{{ m.content }}{% else %}"
    "<|im_start|>{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|><think>\n{% endif %}"
)


def trained(tokenizer, special, **settings):
    """Train a tokenizer on `TEXT` with these special tokens first, and return it."""
    kind = {models.BPE: trainers.BpeTrainer, models.Unigram: trainers.UnigramTrainer}[type(tokenizer.model)]
    tokenizer.train_from_iterator(TEXT, kind(special_tokens=special, show_progress=False, **settings))
    return tokenizer


def byte_level(expression=None):
    """Return an untrained byte-level BPE, as GPT-2's or with the words of another expression."""
    made = Tokenizer(models.BPE())
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=expression is None)
    split = [pre_tokenizers.Split(Regex(expression), behavior="isolated")] if expression else []
    made.pre_tokenizer = pre_tokenizers.Sequence([*split, byte])
    made.decoder = decoders.ByteLevel()
    return made


def of_bytes(expression, special, vocabulary=400, **named):
    """Return a byte-level tokenizer; `named` gives eos_token and its like."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = trained(byte_level(expression), special, vocab_size=vocabulary, initial_alphabet=alphabet)
    return PreTrainedTokenizerFast(tokenizer_object=made, **named)


def sentencepiece(kind, special, **named):
    """Return a tokenizer as transformers makes them of sentencepiece models.

    kind: `first` (Llama's: a blank before the text), `legacy` (the older Llama's: a blank before every piece between
    special tokens), `gemma` (no blank), `unigram`.
    """
    model = models.Unigram() if kind == "unigram" else models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    made = Tokenizer(model)
    if kind == "legacy":
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    elif kind == "gemma":
        made.normalizer = normalizers.Replace(" ", "▁")
    scheme = {"first": "first", "unigram": "always"}.get(kind)
    whole = made.normalizer
    cut = pre_tokenizers.Metaspace(prepend_scheme=scheme or "never", split=kind != "first")
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")  # words, for the training
    made.normalizer = None
    extra = {"unk_token": "<unk>"} if kind == "unigram" else {}
    trained(made, special, vocab_size=300, initial_alphabet=["\n", "▁"], **extra)
    made.normalizer, made.pre_tokenizer = whole, cut
    if kind in ("legacy", "gemma"):
        made.pre_tokenizer = pre_tokenizers.Split("\n", behavior="isolated")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", **named)


def added(tokenizer, *tokens, special=True, pad=False, **rules):
    """Add tokens to a tokenizer and return it; with `pad`, the first one is its padding."""
    tokenizer.add_tokens([AddedToken(token, special=special, **{"normalized": False, **rules}) for token in tokens])
    if pad:
        tokenizer.pad_token = tokens[0]
    return tokenizer


def qwen(template=CHATML, special=True):
    """Return a tokenizer like Qwen's: pad is eos, and there is neither bos nor unk."""
    made = of_bytes(QWEN, ["<|endoftext|>"], eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    added(added(made, "<|im_start|>", "<|im_end|>", special=special), "<think>", "</think>", special=False)
    made.chat_template = template
    return made


def gemma(special=True):
    """Return a tokenizer like Gemma's, which closes a turn with another token than eos."""
    names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>"}
    made = sentencepiece("gemma", ["<pad>", "<eos>", "<bos>", "<unk>"], **names)
    added(made, "<start_of_turn>", "<end_of_turn>", special=special)
    made.chat_template = GEMMA
    return made


def llama(kind="first", template=LLAMA):
    """Return a tokenizer like Llama's."""
    made = sentencepiece(kind, ["<unk>", "<s>", "</s>"], bos_token="<s>", eos_token="</s>")
    made.chat_template = template
    return made


def llama_3():
    """Return a tokenizer like Llama 3's, whose template asks for the date."""
    made = of_bytes(QWEN, ["<s>", "<|end_of_text|>"], bos_token="<s>", eos_token="<|end_of_text|>")
    added(made, "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    made.chat_template = LLAMA_3
    return made


def gpt2(template=PLAIN):
    """Return a tokenizer like GPT-2's, with one special token."""
    made = of_bytes(None, ["<|endoftext|>"], eos_token="<|endoftext|>", bos_token="<|endoftext|>")
    made.chat_template = template
    return made


def ctrl(folder, template=None):
    """Return CTRL's tokenizer, which is written in Python and gives no offsets."""
    letters = sorted(set("".join(TEXT)) - set(" \n"))
    words = ["<unk>", "<eos>", *letters, *(f"{letter}@@" for letter in letters), "Ou@@"]
    Path(folder, "merges.txt").write_text("#version: 0.2\nO u\n\n", encoding="utf-8")
    Path(folder, "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}), encoding="utf-8")
    made = CTRLTokenizer(f"{folder}/vocab.json", f"{folder}/merges.txt", eos_token="<eos>")
    made.chat_template = template
    return made
