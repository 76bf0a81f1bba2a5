"""Lock files of downloads: they keep the checksums of the first download, so that a later change is noticed."""

import hashlib
import json
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError


def sha256(path: str | Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep(lock: str | Path, source: dict[str, str], found: dict[str, str], origin: str, **more: Any) -> None:
    """Record the SHA-256 of each file of a source of the config in the file `lock`; `found` is {file name: hex}.

    `origin` names in a message where the files come from. `more` is recorded too, for people to read. Raises UserError
    if `lock` already holds other checksums for the same source.
    """
    lock = Path(lock)
    try:
        before = json.loads(lock.read_text(encoding="utf-8")) if lock.exists() else {}
    except ValueError as error:
        raise UserError(f"{lock} was damaged after Semis wrote it ({error}); move it away and run again.") from error
    if before.get("source") == source and before["sha256"] != found:
        names = sorted(name for name in before["sha256"] | found if before["sha256"].get(name) != found.get(name))
        raise UserError(
            f"{origin} has changed since it was first fetched: {', '.join(names[:5])} differ{'s' * (len(names) == 1)} "
            f"from the checksum in {lock}; move that file away if you want the new version, or restore the old one."
        )
    text = json.dumps({"source": source, **more, "sha256": found}, indent=1, ensure_ascii=False)
    part = lock.with_name(f"{lock.name}.part")  # an incomplete lock file would protect nothing
    part.write_text(f"{text}\n", encoding="utf-8")
    part.replace(lock)
