"""Measures the free memory for a job, within the limits of the machine and of the job's control groups."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")
# For both versions of control groups: the files with limit and use, and the name of the reclaimable part of the use.
FILES = [
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
]


def group_folders(lines: Iterable[str]) -> Iterator[Path]:
    """Yield the folders of the memory groups in the lines of /proc/self/cgroup, and those of their parents."""
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" or "memory" in controllers.split(","):
            root = GROUPS / "memory" if controllers else GROUPS
            inner = root / path.lstrip("/")
            yield from [inner, *(folder for folder in inner.parents if folder.is_relative_to(root))]


def group_memory(folder: Path) -> int | None:
    """Return the free bytes of the control group in `folder`, or None if it has no limit."""
    for limit, used, cache in FILES:
        if (folder / limit).is_file() and (folder / limit).read_text().strip() != "max":
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            left = int((folder / limit).read_text()) - int((folder / used).read_text())
            return left + int(statistics.get(cache, 0))
    return None


def free_memory() -> int:
    """Return the bytes that this process can still use."""
    own = Path("/proc/self/cgroup")  # not every system has it
    folders = group_folders(own.read_text().splitlines() if own.is_file() else [])
    limits = [group_memory(folder) for folder in folders]
    return min([psutil.virtual_memory().available, *(limit for limit in limits if limit is not None)])
