"""Check the questions and answers, and hold some of them out."""

import json
import random
import re
from pathlib import Path

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.text.archives import members

NO_TEXT = re.compile("[\0\ud800-\udfff]")  # JSON can write them as \u0000 and \ud800
SEED = 0  # of the shuffle: the same pairs are held out in every study


def unique(pairs):
    """A JSON object as a dict. Raises ValueError for a key that stands twice, of which JSON would take the last."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)} stands twice in an object")
    return dict(pairs)


def read_faq(source, file=None):
    """Return the list of {question, answer} of a JSON file, or of the JSON file in a folder or archive.

    `file` names the one that is meant where there are several. Raises UserError unless there is just one and it is a
    list of objects whose question and answer are texts with something in them.
    """
    if Path(source).is_file() and str(source).endswith(".json"):
        named, text = source, Path(source).read_bytes()
    else:
        with members(source) as found:
            paths = [path for path in found if path.suffix == ".json" and file in (None, str(path))]
            if len(paths) != 1:
                raise UserError(
                    f"{source} holds {len(paths)} JSON files where bloom.faq.source means one; name it with the key "
                    "file, or give its path."
                )
            named = f"{source}/{paths[0]}"
            with found[paths[0]]() as stream:
                text = stream.read()
    try:
        pairs = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(f"{named} is not JSON in UTF-8 ({error}); correct it.") from error
    if not isinstance(pairs, list) or not pairs:
        raise UserError(f"{named} must be a JSON list of objects with question and answer, one at least; write it so.")
    for number, pair in enumerate(pairs, 1):
        for key in ("question", "answer"):
            value = pair.get(key) if isinstance(pair, dict) else None
            if not isinstance(value, str) or not value.strip():
                raise UserError(f"{named}: object {number} of {len(pairs)} has no {key}; add it, or remove the object.")
            if NO_TEXT.search(value):
                raise UserError(
                    f"{named}: the {key} of object {number} of {len(pairs)} holds NUL or half a character; remove it."
                )
    return [{key: pair[key].strip() for key in ("question", "answer")} for pair in pairs]


def hold_out(pairs, count):
    """Return (train, holdout): the last `count` of the shuffled pairs are held out. Raises UserError if all are."""
    if count >= len(pairs):
        raise UserError(
            f"bloom.faq.holdout is {count}, but there are only {len(pairs)} questions and answers; lower it, or add "
            "some."
        )
    shuffled = random.Random(SEED).sample(pairs, len(pairs))
    return shuffled[: len(pairs) - count], shuffled[len(pairs) - count :]


if __name__ == "__main__":
    with job(snakemake):
        pairs = read_faq(snakemake.input.source[0], snakemake.params.file)
        for path, part in zip(snakemake.output, hold_out(pairs, snakemake.params.holdout), strict=True):
            Path(path).write_text(json.dumps(part, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
