"""Where a study's data and models come from: the sources of a config, their folders and addresses."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Names of keys in a url's query whose values are secrets, such as access_token or X-Amz-Signature.
SECRET = re.compile(r"token|secret|passw|credential|signature|^sig$|^auth|(^|[-_])(api)?key$", re.IGNORECASE)


def sources(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (dotted key, source mapping) for every place of a resolved config that data or a model comes from."""
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
    """The folder, below downloads/, of the source with this dotted key: `models.a.tokenizer.text.0` and its like.

    No two sources of a config share a folder: names hold neither dots nor slashes, so the parts of the key remain
    apart.
    """
    return where.removesuffix(".source").replace(".", "/")


def file_name(url: str) -> str:
    """The name of the file that a url leads to: its last part, without a query such as ?download=1."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def secret_in(url: str) -> str | None:
    """What in a url looks like a secret, in words; None where nothing does."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "a user name or password"
    named = (key for key, _ in parse_qsl(parts.query, keep_blank_values=True) if SECRET.search(key))
    return next((f"the key '{key}' in its query" for key in named), None)
