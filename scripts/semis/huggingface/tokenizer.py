"""Loads the tokenizer of a model folder, and makes sure that it cuts texts as the model's own definition does.

transformers rebuilds many tokenizers from a few of their parts, and loses others: a DeBERTa-v2 its character map, so
that a no-break space becomes unknown. The definition is the folder's sentencepiece model, or else its tokenizer.json.
"""

import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.huggingface import reference, sentencepieces
from semis.huggingface.pretrained import ONLY_DATA
from semis.huggingface.reference import Reference
from semis.text import stress

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import Unigram
from transformers import AutoTokenizer, PreTrainedTokenizerFast

TYPICAL = [*stress.FRENCH, *stress.UNICODE]
SAMPLE = 2000  # texts of a study that are compared, spread over all of it; of an export, all are compared


@dataclass
class Definition:
    """How the sentencepiece model of a folder defines its tokenizer: `cut` returns the pieces of a text."""

    model: sentencepieces.Model
    cut: Reference
    unknown: str
    of_fairseq: bool
    family: str
    settings: dict[str, Any]  # of tokenizer_config.json

    def differing(self, tokenizer: Any, texts: Sequence[str], positions: int | None = None) -> list[str]:
        """Return those of the texts whose first `positions` pieces a tokenizer cuts otherwise."""
        return [
            text
            for text, found in zip(texts, pieces(tokenizer, texts, positions), strict=True)
            if found != (wanted := self.cut(text))[:positions]
            and not reference.same(self.model, pieces(tokenizer, [text])[0], wanted)
        ]

    def rebuilt(self, tokenizer: Any) -> Any:
        """Return a tokenizer that is built from the sentencepiece model, with the numbers of `tokenizer`."""
        old = tokenizer.backend_tokenizer
        names = {number: name for name, number in old.get_vocab(with_added_tokens=False).items()}
        vocabulary = [names.get(number, f" {number}") for number in range(max(names) + 1)]
        before = reference.steps_before(self.family, self.settings)
        new = sentencepieces.tokenizer(self.model, vocabulary, self.unknown, before)
        new.post_processor, new.decoder = old.post_processor, old.decoder
        for _, token in sorted(old.get_added_tokens_decoder().items()):
            if not token.special and token.content in self.model.own:
                continue  # a piece; as an added token it would cut the text before the model does
            blanks = {key: getattr(token, key) for key in ("single_word", "lstrip", "rstrip")}
            # not normalized, since the normalizer would put a space before it
            new.add_tokens([AddedToken(token.content, normalized=False, special=token.special, **blanks)])
        return plain(tokenizer, new, self.settings, self.model.path.name)


def pieces(tokenizer: Any, texts: Sequence[str], positions: int | None = None) -> list[list[str]]:
    """Return the names of the tokens of each text, at most `positions`, without those around a text."""
    found = tokenizer(
        list(texts),
        add_special_tokens=False,
        split_special_tokens=True,
        truncation=positions is not None,
        max_length=positions,
        verbose=False,
    )
    return [tokenizer.convert_ids_to_tokens(ids) for ids in found["input_ids"]]


def is_fast(tokenizer: Any) -> bool:
    """Say whether the library `tokenizers` cuts the texts; the others call sentencepiece, or need none."""
    return isinstance(getattr(tokenizer, "backend_tokenizer", None), Tokenizer)


def load_tokenizer(folder: str | Path) -> Any:
    """Return the tokenizer of a model folder: transformers' own, or one that is mended to agree with its definition.

    Its attribute `cut_by` says which: transformers, tokenizer.json, or the name of the sentencepiece file.
    Raises UserError if French texts still become other pieces, and whatever transformers raises.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **ONLY_DATA)
    except Exception:
        reference.sentencepiece_of(folder, damaged=True)
        raise
    tokenizer.cut_by = "transformers"
    if not is_fast(tokenizer):
        return tokenizer
    found = definition(folder, tokenizer)
    if found is None:
        return as_its_file_says(folder, tokenizer) or tokenizer
    best, fewest = tokenizer, list(TYPICAL)
    for candidate in candidates(folder, tokenizer, found):
        wrong = found.differing(candidate, TYPICAL)
        if candidate is not tokenizer:
            print(f"{found.model.path}: transformers cuts some texts otherwise; trying {candidate.cut_by}", flush=True)
        if len(wrong) < len(fewest):
            best, fewest = candidate, wrong
        if not wrong:
            return best
    if fewest[0] in stress.FRENCH:
        has_file = Path(folder, "tokenizer.json").is_file()
        give = "" if has_file else "give the folder the tokenizer.json of the model, or "
        raise UserError(
            f"{found.model.path}: transformers cuts “{fewest[0]}” into {pieces(best, fewest[:1])[0]}, but "
            f"sentencepiece into {found.cut(fewest[0])}; {give}give another model."
        )
    print(f"{found.model.path}: the tokenizer differs from it on rare texts, such as {fewest[0]!a}", flush=True)
    return best


def definition(folder: str | Path, tokenizer: Any) -> Definition | None:
    """Return how a sentencepiece model in the folder defines its tokenizer; None if none does.

    Raises UserError if transformers did not read that model.
    """
    model = reference.sentencepiece_of(folder, getattr(tokenizer, "vocab_files_names", {}).get("vocab_file", ""))
    if model is None:
        return None
    settings = reference.read_json(Path(folder, "tokenizer_config.json"))
    if cut := reference.exported(folder):
        return Definition(model, cut, "<unk>", True, "", settings)
    named = type(tokenizer).__name__.removesuffix("Fast").removesuffix("Tokenizer").lower()
    family = {"debertav2": "deberta-v2"}.get(named, named)
    if family not in reference.PREPARED:
        family = reference.read_json(Path(folder, "config.json")).get("model_type", "")
    known = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)
    unknown = next((name for name in (tokenizer.unk_token, model.proto.trainer_spec.unk_piece) if name in known), None)
    lacking = sum(piece.piece not in known for piece in model.pieces) > 0.01 * len(model.pieces)
    if lacking or unknown is None or settings.get("split_by_punct"):
        if Path(folder, "tokenizer.json").is_file():
            return None  # that defines it
        what = "split_by_punct in tokenizer_config.json" if settings.get("split_by_punct") else type(tokenizer).__name__
        raise UserError(
            f"{model.path}: transformers cannot cut texts as this sentencepiece model with {what}; give the folder the "
            "tokenizer.json of the model, or give another model."
        )
    cut = reference.of_family(model, family, settings, known, unknown)
    return Definition(model, cut, unknown, False, family, settings)


def candidates(folder: str | Path, tokenizer: Any, found: Definition) -> Iterator[Any]:
    """Yield tokenizers that may agree with a definition: transformers' own, the file's, and one made anew."""
    yield tokenizer
    if other := as_its_file_says(folder, tokenizer):
        yield other
    yield found.rebuilt(tokenizer)


def as_its_file_says(folder: str | Path, tokenizer: Any) -> Any | None:
    """Return the tokenizer of the folder's tokenizer.json, or None if transformers' own is the same.

    Only a file that was made from a sentencepiece model counts: for others, tokenizer_config.json may say otherwise.
    """
    file = Path(folder, "tokenizer.json")
    if not file.is_file() or "__init__" not in type(tokenizer).__dict__:
        return None  # without an own __init__, transformers takes the file as it is
    backend = Tokenizer.from_file(str(file))
    if not isinstance(backend.model, Unigram) and '"Precompiled"' not in file.read_text(encoding="utf-8"):
        return None
    backend.no_truncation()
    backend.no_padding()
    found = plain(tokenizer, backend, reference.read_json(Path(folder, "tokenizer_config.json")), file.name)
    return found if pieces(found, TYPICAL) != pieces(tokenizer, TYPICAL) else None


def plain(tokenizer: Any, backend: Tokenizer, settings: dict[str, Any], cut_by: str) -> Any:
    """Return a tokenizer that takes `backend` as it is, is saved so, and is else like `tokenizer` of transformers."""
    kept = {key: settings[key] for key in ("do_lower_case", "keep_accents", "split_by_punct") if key in settings}
    found = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        name_or_path=tokenizer.name_or_path,
        model_max_length=tokenizer.model_max_length,
        padding_side=tokenizer.padding_side,
        truncation_side=tokenizer.truncation_side,
        model_input_names=tokenizer.model_input_names,
        chat_template=tokenizer.chat_template,
        **kept,
        **tokenizer.special_tokens_map,
    )
    found.cut_by = cut_by
    return found


def check_texts(tokenizer: Any, texts: Sequence[str], positions: int) -> None:
    """Compare the tokens of a study's own texts with the definition of their tokenizer, up to the model's positions.

    Raises UserError if a text differs and the model is an export, whose tokens are those of fairseq, or if more than
    one in a hundred differs.
    """
    found = definition(tokenizer.name_or_path, tokenizer) if is_fast(tokenizer) else None
    if found is None:
        return
    if not found.of_fairseq:
        texts = texts[:: math.ceil(len(texts) / SAMPLE) or 1]
    wrong = found.differing(tokenizer, texts, positions)
    if len(wrong) > (0 if found.of_fairseq else 0.01 * len(texts)):
        [one], other = pieces(tokenizer, wrong[:1], positions), found.cut(wrong[0])
        at = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
        advice = "train this model with library: fairseq" if found.of_fairseq else "give another model"
        raise UserError(
            f"{found.model.path}: sentencepiece and transformers cut {len(wrong)} of {len(texts)} texts differently, "
            f"the first of them after {''.join(other[max(0, at - 5) : at])!a} into {other[at : at + 3]} and "
            f"{one[at : at + 3]}; {advice}, or write its characters in Unicode's composed form (NFC)."
        )
    if wrong:
        print(f"{found.model.path}: sentencepiece cuts {len(wrong)} of {len(texts)} texts differently", flush=True)


def keep_definition(tokenizer: Any, folder: str | Path) -> None:
    """Copy the files that define a loaded tokenizer from its own folder into one where it has been saved."""
    found = definition(tokenizer.name_or_path, tokenizer) if is_fast(tokenizer) else None
    for name in [found.model.path.name, *[reference.DICTIONARY] * found.of_fairseq] if found else []:
        if not Path(folder, name).exists():
            shutil.copyfile(Path(tokenizer.name_or_path, name), Path(folder, name))
