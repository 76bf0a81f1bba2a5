"""Download a model or dataset repository, or one file of it, from the Hugging Face Hub at a revision."""

import shutil
from pathlib import Path

from semis.errors import UserError
from semis.job import job

NEVER = ["*.py", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.gguf", "onnx/*", "openvino/*", "runs/*"]


def fetch_hub(source, target, key):
    """Download the hub repository `source` ({hub, revision, type, file}) into the new folder `target`.

    Of a model only what transformers reads is taken: its safetensors where there are any, else pytorch_model.bin.
    `key` is the place in the config that a sentence names. The hub's address is `HF_ENDPOINT` where that is set.
    Raises UserError where the hub does not answer or lacks the repository, revision or file.
    """
    import httpx
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository = {"repo_id": source["hub"], "revision": source["revision"], "repo_type": source["type"]}
    named = f"{source['hub']} at {source['revision']}"
    try:
        files = HfApi().list_repo_files(**repository)
        wanted = [source["file"]] if "file" in source else files
        if not set(wanted) <= set(files):
            raise UserError(f"{key}.file: {named} holds no {source['file']}; it holds {', '.join(files[:12])}.")
        safe = any(name.endswith(".safetensors") for name in wanted)
        never = NEVER + (["*.bin"] if safe and source["type"] == "model" else [])
        snapshot_download(**repository, local_dir=target, allow_patterns=wanted, ignore_patterns=never)
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError) as error:
        raise UserError(
            f"{key}: the hub did not give {named} ({type(error).__name__}); check the id, the revision and the "
            "network, or put the files into a folder and give it as path."
        ) from error
    shutil.rmtree(Path(target) / ".cache", ignore_errors=True)


if __name__ == "__main__":
    with job(snakemake, network=True):
        fetch_hub(snakemake.params.source, snakemake.output.folder, snakemake.params.key)
