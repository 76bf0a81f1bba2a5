"""Check the questions and answers, and hold some of them out."""

import json
import random
import re
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.harness.job import job
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
    """Return (train, holdout): shuffle the pairs and hold out the last `count`. Raises UserError if that is all."""
    if count >= len(pairs):
        raise UserError(
            f"qlora.data.holdout is {count}, but there are only {len(pairs)} questions and answers; lower it, or add "
            "some."
        )
    shuffled = random.Random(SEED).sample(pairs, len(pairs))
    return shuffled[: len(pairs) - count], shuffled[len(pairs) - count :]


if __name__ == "__main__":
    with job(snakemake):
        settings = snakemake.params.recipe["settings"]
        pairs = read_pairs(snakemake.input.source[0], settings["file"])
        for path, part in zip(snakemake.output, hold_out(pairs, settings["holdout"]), strict=True):
            Path(path).write_text(json.dumps(part, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
