"""How much memory is free for a job: what the machine has left, and what its control groups leave to it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")
# Of the two versions of control groups: limit, use, and the part of the use that is given back when it is needed.
FILES = [
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
]


def group_folders(lines: Iterable[str]) -> Iterator[Path]:
    """The folders of the memory groups that the lines of /proc/self/cgroup name, and of the groups around them."""
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" or "memory" in controllers.split(","):
            root = GROUPS / "memory" if controllers else GROUPS
            inner = root / path.lstrip("/")
            yield from [inner, *(folder for folder in inner.parents if folder.is_relative_to(root))]


def group_memory(folder: Path) -> int | None:
    """Bytes that the control group in `folder` leaves free, or None where it sets no limit."""
    for limit, used, cache in FILES:
        if (folder / limit).is_file() and (folder / limit).read_text().strip() != "max":
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            left = int((folder / limit).read_text()) - int((folder / used).read_text())
            return left + int(statistics.get(cache, 0))
    return None


def free_memory() -> int:
    """Bytes that this process can still take."""
    own = Path("/proc/self/cgroup")  # not on every system
    folders = group_folders(own.read_text().splitlines() if own.is_file() else [])
    limits = [group_memory(folder) for folder in folders]
    return min([psutil.virtual_memory().available, *(limit for limit in limits if limit is not None)])
