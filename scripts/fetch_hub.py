"""Copy a repository of the Hugging Face Hub, or one file of it, from downloads/, or download it at a revision."""

import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from semis import checksums
from semis.harness.errors import UserError, redacted
from semis.harness.job import job

from huggingface_hub import HfApi
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, XetDownloadError
from huggingface_hub.utils import filter_repo_objects, httpx
from tqdm import tqdm

# transformers does not read these: code, other frameworks' weights, logs.
NEVER = ["*.py", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.gguf", "onnx/*", "openvino/*", "runs/*"]
# HTTPError covers HTTP statuses too. The client raises ValueError for an impossible id and for an answer that is not
# JSON, and OSError for a file whose size differs from what the hub says.
NOT_GIVEN = (httpx.HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, XetDownloadError, ValueError, OSError)


def take(by_hand: Path, source: dict[str, str], target: Path, key: str) -> None:
    """Copy the user's own folder `by_hand` of the repository `source` to `target`; of a model only the needed files.

    Raises UserError if the folder lacks the file that the source names.
    """
    files = [path.relative_to(by_hand).as_posix() for path in sorted(by_hand.rglob("*")) if path.is_file()]
    wanted = filter_repo_objects(files, **_wanted(source, files, f"{key}.file: {by_hand}"))
    for name in wanted:
        place = Path(target) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(by_hand / name, place)


def fetch_hub(source: dict[str, str], target: Path, key: str, terminal: TextIO) -> str:
    """Download the hub repository `source` ({hub, revision, type, file}) into the new folder `target`.

    Of a model it downloads only the files that transformers reads: its safetensors if there are any, else
    pytorch_model.bin. `key` is the config key that a message names. `HF_ENDPOINT` may give the hub's address, and only
    `HF_TOKEN` gives a token. The hub's own client retries after network errors and shows bars on the stream `terminal`.
    Returns the commit that it downloaded. Raises UserError if the hub does not answer, or lacks the repository,
    revision or file.
    """
    api = HfApi(token=os.environ.get("HF_TOKEN") or False)
    repository = {"repo_id": source["hub"], "repo_type": source["type"]}
    named = f"{source['hub']} at {source['revision']}"
    try:
        found = api.repo_info(**repository, revision=source["revision"])
        files = [file.rfilename for file in found.siblings or []]
        wanted = _wanted(source, files, f"{key}.file: {named}")
        api.snapshot_download(**repository, revision=found.sha, local_dir=target, tqdm_class=_bars(terminal), **wanted)
    except NOT_GIVEN as error:
        if getattr(error, "errno", None):  # an error of this machine, such as a full disk
            raise
        raise UserError(
            f"{key}: the hub ({api.endpoint}) did not deliver {source['type']} {named} ({type(error).__name__}); check "
            "id, type, revision and network (a private repository needs a token in the environment variable HF_TOKEN), "
            f"or put the files into the folder downloads/{source['hub']}/."
        ) from error
    shutil.rmtree(Path(target) / ".cache", ignore_errors=True)
    return found.sha


def _bars(terminal: TextIO) -> type[tqdm]:
    """Return a tqdm class that shows its bars on the stream `terminal`."""

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "file": terminal})

    return Bar


def _redact(record: logging.LogRecord) -> bool:
    """Filter log records: the addresses that a hub redirects to hold signatures."""
    record.msg, record.args = redacted(record.getMessage()), ()
    return True


def _wanted(source: dict[str, str], files: Sequence[str], where: str) -> dict[str, list[str]]:
    """Return the patterns of snapshot_download that select the needed ones of `files`."""
    if "file" in source:
        if source["file"] not in files:
            raise UserError(f"{where} holds no {source['file']}; it holds {', '.join(files[:12]) or 'nothing'}.")
        return {"allow_patterns": [source["file"]]}
    if source["type"] == "dataset":
        return {}
    safe = any(name.endswith(".safetensors") for name in files)
    return {"ignore_patterns": NEVER + (["*.bin"] if safe else [])}


def main(source: dict[str, str], folder: Path, lock: str, key: str, terminal: TextIO) -> None:
    """Fetch the repository of `source` into the new folder `folder`, and record its checksums in the file `lock`."""
    by_hand, more = Path("downloads", source["hub"]), {}
    if by_hand.exists():
        take(by_hand, source, folder, key)
    else:
        more["commit"] = fetch_hub(source, folder, key, terminal)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): checksums.sha256(path) for path in files}
    origin = f"the folder {by_hand}" if by_hand.exists() else f"the repository {source['hub']} of the hub"
    checksums.keep(lock, source, found, f"{key}: {origin}", **more)


if __name__ == "__main__":
    with job(snakemake) as terminal:
        for handler in logging.getLogger("huggingface_hub").handlers:
            handler.addFilter(_redact)
        output, settings = snakemake.output, snakemake.params.recipe["settings"]
        main(settings["source"], Path(output.folder), output.checksums, settings["key"], terminal)
