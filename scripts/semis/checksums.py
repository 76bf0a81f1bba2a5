"""Lock files of downloads: checksums of what came the first time, so that something else is noticed when it comes."""

import hashlib
import json
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError


def sha256(path: str | Path) -> str:
    """SHA-256 (hex) of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep(lock: str | Path, source: dict[str, str], found: dict[str, str], origin: str, **more: Any) -> None:
    """Write the SHA-256 of each file ({name: hex}) of a source of the config into the file `lock`.

    Raises UserError where `lock` holds others of the same source. `origin` says in a sentence where the files come
    from; `more` is written too, to be read by people.
    """
    lock = Path(lock)
    try:
        before = json.loads(lock.read_text(encoding="utf-8")) if lock.exists() else {}
    except ValueError as error:
        raise UserError(f"{lock} is not as it was written ({error}); remove it.") from error
    if before.get("source") == source and before["sha256"] != found:
        names = sorted(name for name in before["sha256"] | found if before["sha256"].get(name) != found.get(name))
        raise UserError(
            f"{origin} is not what came at first: {', '.join(names[:5])} differ{'s' * (len(names) == 1)} from the "
            f"checksum in {lock}; remove that file if the change is meant, or get the first version again."
        )
    text = json.dumps({"source": source, **more, "sha256": found}, indent=1, ensure_ascii=False)
    part = lock.with_name(f"{lock.name}.part")  # a lock that was torn would be none
    part.write_text(f"{text}\n", encoding="utf-8")
    part.replace(lock)
