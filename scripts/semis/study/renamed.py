"""Names the successors of keys from older configs."""

from typing import Any

METHODS = "qlora.methods, a mapping such as {faithful: {recipe: report}}"
# {dotted key of an older config: its successor}
RENAMED = {
    "bloom": "qlora",
    "bloom.faq": "qlora.data",
    "bloom.arms": METHODS,
    "qlora.faq": "qlora.data",
    "qlora.arms": METHODS,
}


def renamed(config: dict[str, Any]) -> str | None:
    """Return a sentence, without a full stop, with the successor of each old key in the config; None without any."""
    found = [f"{then} is now {now}" for then, now in RENAMED.items() if _holds(config, then)]
    return f"{', '.join(found)}; rename {'it' if len(found) == 1 else 'them'}" if found else None


def _holds(section: Any, key: str) -> bool:
    """Say whether nested mappings hold a dotted key."""
    for part in key.split("."):
        if not isinstance(section, dict) or part not in section:
            return False
        section = section[part]
    return True
