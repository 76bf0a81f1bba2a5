"""The sources of a config: the addresses and folders from which a study gets its data and models."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Names of keys in a url's query that usually hold secrets, such as access_token or X-Amz-Signature.
SECRET = re.compile(r"token|secret|passw|credential|signature|^sig$|^auth|(^|[-_])(api)?key$", re.IGNORECASE)


def sources(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (dotted key, source) for each source of data or of a model in a resolved config."""
    for name, dataset in config["datasets"].items():
        yield f"datasets.{name}.source", dataset["source"]
    for name, model in config["models"].items():
        if "source" in model:
            yield f"models.{name}.source", model["source"]
        for part in ("tokenizer", "pretraining"):
            for i, text in enumerate(model.get(part, {}).get("text", [])):
                yield f"models.{name}.{part}.text.{i}", text
    if "qlora" in config:
        qlora = config["qlora"]
        yield "qlora.data.source", qlora["data"]["source"]
        if "source" in qlora["model"]:
            yield "qlora.model.source", qlora["model"]["source"]
        for i, text in enumerate(qlora["model"].get("build", {}).get("text", [])):
            yield f"qlora.model.build.text.{i}", text


def place_of(where: str) -> str:
    """Return the folder, below downloads/, of the source with a dotted key such as `models.a.tokenizer.text.0`.

    No two sources of a config share a folder: names contain neither dots nor slashes, so different keys give different
    folders.
    """
    return where.removesuffix(".source").replace(".", "/")


def file_name(url: str) -> str:
    """Return the name of the file that a url leads to: its last part, without a query such as ?download=1."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def secret_in(url: str) -> str | None:
    """Return the part of a url that looks like a secret, in words; None without any."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "a user name or password"
    named = (key for key, _ in parse_qsl(parts.query, keep_blank_values=True) if SECRET.search(key))
    return next((f"the key '{key}' in its query" for key in named), None)
