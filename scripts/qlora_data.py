"""Check the questions and answers, and hold some of them out."""

import json
import random
import re
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.qlora.pairs import counts, folded
from semis.text.archives import members

NO_TEXT = re.compile("[\0\ud800-\udfff]")  # JSON can write them as \u0000 and \ud800
SEED = 0  # of the shuffle: the same pairs are held out in every study


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict. Raises ValueError if a key is repeated: JSON would silently take the last one."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"an object has the key {next(key for key in keys if keys.count(key) > 1)} twice")
    return dict(pairs)


def read_source(source: str | Path, file: str | None = None) -> tuple[str, bytes]:
    """Return (name for messages, content) of a JSON file, or of the JSON file in a folder or archive.

    `file` selects one of several. Raises UserError unless there is exactly one.
    """
    if Path(source).is_file() and str(source).endswith(".json"):
        return str(source), Path(source).read_bytes()
    with members(source) as found:
        paths = [path for path in found if path.suffix == ".json" and file in (None, str(path))]
        if len(paths) != 1:
            raise UserError(
                f"{source} holds {len(paths)} JSON files, but qlora.data.source must name one; add the key file, or "
                "give the path of the file."
            )
        with found[paths[0]]() as stream:
            return f"{source}/{paths[0]}", stream.read()


def check_pair(pair: Any, named: str, place: str) -> None:
    """Raise UserError unless question and answer are text that is not blank.

    The message says where the pair is: `place` (an object's number) in the file `named`.
    """
    for key in ("question", "answer"):
        value = pair.get(key) if isinstance(pair, dict) else None
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{named}: {place} has no {key}; add it, or give a file without this object.")
        if NO_TEXT.search(value):
            raise UserError(f"{named}: the {key} of {place} holds NUL or half a character; correct it.")


def read_pairs(source: str | Path, file: str | None = None) -> list[dict[str, str]]:
    """Return the list of {question, answer} of a source (see `read_source`), stripped of blanks at both ends.

    Raises UserError unless the file is a JSON list of objects that `check_pair` accepts.
    """
    named, text = read_source(source, file)
    try:
        pairs = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(f"{named} is not JSON in UTF-8 ({error}); correct it.") from error
    if not isinstance(pairs, list) or not pairs:
        raise UserError(
            f"{named} must be a JSON list of at least one object with question and answer; write it in that form."
        )
    for number, pair in enumerate(pairs, 1):
        check_pair(pair, named, f"object {number} of {len(pairs)}")
    return [{key: pair[key].strip() for key in ("question", "answer")} for pair in pairs]


def hold_out(pairs: list[dict[str, str]], count: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return (train, holdout): shuffle the pairs and hold out the last `count` different questions.

    A question counts once, however often it is repeated and however it is spelt (see `folded`); all its pairs are held
    out together. Raises UserError if no question would be left.
    """
    shuffled = random.Random(SEED).sample(pairs, len(pairs))
    questions = list(dict.fromkeys(folded(pair["question"]) for pair in reversed(shuffled)))
    if count >= len(questions):
        raise UserError(
            f"qlora.data.holdout is {count}, but the {len(pairs)} questions and answers have only {len(questions)} "
            "different questions; lower it, or add some."
        )
    held = set(questions[:count])
    parts: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for pair in shuffled:
        parts[folded(pair["question"]) in held].append(pair)
    return parts


def report(found: dict[str, int]) -> str:
    """Return a line for the log about the `counts` of the two parts."""
    return (
        f"{found['pairs']} pairs with {found['questions']} different questions; held out: {found['holdout_pairs']} "
        f"pairs with {found['holdout_questions']} different questions; also in train: {found['shared_questions']} of "
        f"these questions, and the answers of {found['shared_answers']} of these pairs"
    )


if __name__ == "__main__":
    with job(snakemake):
        settings = snakemake.params.recipe["settings"]
        pairs = read_pairs(snakemake.input.source[0], settings["file"])
        parts = hold_out(pairs, settings["holdout"])
        print(report(counts(*parts)))
        for path, part in zip(snakemake.output, parts, strict=True):
            Path(path).write_text(json.dumps(part, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
