"""Take a repository of the Hugging Face Hub, or one file of it, from downloads/, or download it at a revision."""

import shutil
from pathlib import Path

from semis.errors import UserError
from semis.job import job

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, XetDownloadError
from huggingface_hub.utils import filter_repo_objects, httpx

# What transformers does not read: code, other frameworks' weights, logs.
NEVER = ["*.py", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.gguf", "onnx/*", "openvino/*", "runs/*"]
# An HTTP status is an HTTPError too; ValueError is an id that cannot be, or an answer that is no JSON.
NOT_GIVEN = (httpx.HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, XetDownloadError, ValueError)


def take(by_hand, source, target, key):
    """Copy the folder `by_hand`, which stands for the repository `source`, to `target`; of a model what is needed.

    Raises UserError where the file that the source names is not in it.
    """
    files = [path.relative_to(by_hand).as_posix() for path in sorted(by_hand.rglob("*")) if path.is_file()]
    wanted = filter_repo_objects(files, **_wanted(source, files, f"{key}.file: {by_hand}"))
    for name in wanted:
        place = Path(target) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(by_hand / name, place)


def fetch_hub(source, target, key):
    """Download the hub repository `source` ({hub, revision, type, file}) into the new folder `target`.

    Of a model only what transformers reads is taken: its safetensors where there are any, else pytorch_model.bin.
    `key` is the place in the config that a sentence names. The hub's address is `HF_ENDPOINT` where that is set; the
    hub's own client tries again where the network fails. Raises UserError where the hub does not answer or lacks the
    repository, revision or file.
    """
    api = HfApi()
    repository = {"repo_id": source["hub"], "revision": source["revision"], "repo_type": source["type"]}
    named = f"{source['hub']} at {source['revision']}"
    try:
        files = api.list_repo_files(**repository)
        snapshot_download(**repository, local_dir=target, **_wanted(source, files, f"{key}.file: {named}"))
    except NOT_GIVEN as error:
        raise UserError(
            f"{key}: the hub ({api.endpoint}) did not give {source['type']} {named} ({type(error).__name__}); check "
            f"id, type, revision and network, or put the files into the folder downloads/{source['hub']}/."
        ) from error
    shutil.rmtree(Path(target) / ".cache", ignore_errors=True)


def _wanted(source, files, where):
    """The patterns of snapshot_download for what is needed of `files`."""
    if "file" in source:
        if source["file"] not in files:
            raise UserError(f"{where} holds no {source['file']}; it holds {', '.join(files[:12]) or 'nothing'}.")
        return {"allow_patterns": [source["file"]]}
    if source["type"] == "dataset":
        return {}
    safe = any(name.endswith(".safetensors") for name in files)
    return {"ignore_patterns": NEVER + (["*.bin"] if safe else [])}


if __name__ == "__main__":
    with job(snakemake):
        params = snakemake.params
        by_hand = Path("downloads", params.source["hub"])
        if by_hand.exists():
            take(by_hand, params.source, snakemake.output.folder, params.key)
        else:
            fetch_hub(params.source, snakemake.output.folder, params.key)
