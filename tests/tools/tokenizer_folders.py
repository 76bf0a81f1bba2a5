"""Model folders with sentencepiece models of all kinds, and what sentencepiece and fairseq make of texts by them."""

import io
import json
import unicodedata
from pathlib import Path

import sentencepiece

NBSP, THIN = "\u00a0", "\u202f"
# What a tokenizer easily gets wrong, written down apart from the product's own list.
HARD = [
    f"«{NBSP}Ça alors{THIN}!{NBSP}» dit-il{NBSP}: la ﬁn… de l’œuvre, 1ᵉʳ, n°{NBSP}5, 3{NBSP}€",
    unicodedata.normalize("NFD", "Éléonore à Noël, là où ça gêne"),
    unicodedata.normalize("NFD", "Tiếng Việt, ᾅδης, 한국어, கொ"),
    "👩🏽\u200d🚀 🇫🇷 ❤️ 𓀀𓀁 ☂☂ ☂",
    "  deux  espaces\tet\tdes tabulations ",
    "<s> le</s>chat<pad> <unk> <mask>",
    "▁ a▁b x\u00adyz\u200b",
    "x" * 400,
    "",
    " ",
    "Ａ１ ½ ② ㎏",
    "12, 1990, et 3,5",
    "la ﬁ\u0301n ²\u0302",  # marks on characters that the normalization replaces
]


def trained(text: list[str], **settings) -> bytes:
    """Return a sentencepiece model of about 600 pieces, trained on the lines of `text`."""
    model = io.BytesIO()
    settings = {"vocab_size": 600, "hard_vocab_limit": False, "character_coverage": 1.0, **settings}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, minloglevel=2, max_sentence_length=1 << 16, **settings
    )
    return model.getvalue()


def dictionary(content: bytes, extra=(), overwritten=()) -> str:
    """Return a dict.txt of fairseq: first words that it overwrites, then the pieces, backwards, then `extra` words."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=content)
    kept = [n for n in range(len(processor)) if not processor.is_control(n) and not processor.is_unknown(n)]
    words = [processor.id_to_piece(number) for number in reversed(kept)]
    first = "".join(f"{word} 999 #fairseq:overwrite\n" for word in overwritten)
    return first + "".join(f"{word} 1\n" for word in [*words, *extra])


def lines_of_pieces(file: str, texts: list[str]) -> list[str]:
    """Return each text as the rule tokenize gives it to fairseq."""
    import tokenize_lines

    return list(tokenize_lines.tokenize_lines(texts, tokenize_lines.load(file)))


def folder(path: Path, file: str, content: bytes, kind: str, **config) -> str:
    """Make a model folder with a sentencepiece model alone, for a model type of transformers; return its path."""
    path.mkdir(parents=True, exist_ok=True)
    (path / file).write_bytes(content)
    (path / "config.json").write_text(json.dumps({"model_type": kind}))
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return str(path)
