"""The rules for a config that a schema cannot express: names and files must exist, settings must fit each other."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semis.study.sentences import near
from semis.study.sources import file_name, secret_in, sources
from semis.text.formats import SPLITS, format_of, in_form

Section = dict[str, Any]


def problems(config: Section) -> Iterator[str]:
    """Yield a sentence, without a full stop, for each problem of a config; its defaults are filled in already."""
    for name, model in config["models"].items():
        yield from _model_problems(f"models.{name}", model, config["models"])
    for name, method in config["methods"].items():
        yield from _method_problems(f"methods.{name}", method, config["models"])
    if config["methods"] and not config["datasets"]:
        yield "methods are given but no datasets; add one under datasets"
    if "qlora" in config:
        yield from _qlora_problems(config["qlora"])
    if not config["methods"] and "qlora" not in config:
        yield "there is nothing to do; add methods (with datasets and models) or a qlora section"
    if "published" in config:
        yield from _published_problems(config["published"])
    for where, source in sources(config):
        yield from _source_problems(where, source)
    yield from _by_hand_problems(config)
    for name, dataset in config["datasets"].items():
        yield from _folder_problems(f"datasets.{name}.source", dataset["source"])
        yield from _label_problems(f"datasets.{name}.labels", dataset["labels"])


def _model_problems(where: str, model: Section, models: Section) -> Iterator[str]:
    """Check that a model has one origin, and that its other keys fit that origin."""
    origins = [key for key in ("source", "export", "tokenizer") if key in model]
    if len(origins) != 1:
        yield f"{where} needs exactly one of source, export and tokenizer, not {' and '.join(origins) or 'none'}"
    if "pretraining" in model and "tokenizer" not in model:
        yield f"{where}.pretraining needs a tokenizer beside it; add one, or leave pretraining out"
    if model["library"] == "huggingface" and "tokenizer" in model:
        yield f"{where}.tokenizer is for fairseq models; give it a source, or export a fairseq model"
    if "export" in model:
        yield from _export_problems(where, model, models)
    yield from _size_problems(f"{where}.architecture", model["architecture"])


def _export_problems(where: str, model: Section, models: Section) -> Iterator[str]:
    """Check that an exported model is a Hugging Face model and that its origin is a fairseq model with weights."""
    name, origin = model["export"], models.get(model["export"])
    if model["library"] != "huggingface":
        yield f"{where}.export makes a Hugging Face model; set library: huggingface"
    elif origin is None or origin["library"] != "fairseq":
        yield f"{where}.export '{name}' is not a fairseq model under models{near(name, models)}"
    elif model["positions"] > origin["positions"]:
        sizes = f"{model['positions']} is more than the {origin['positions']}"
        yield f"{where}.positions {sizes} of models.{name}; lower it"
    elif "source" not in origin and "pretraining" not in origin:
        yield f"{where}.export: models.{name} has no weights to export; add pretraining to it"


def _size_problems(where: str, sizes: Section) -> Iterator[str]:
    """Check that the heads divide the dimension."""
    if sizes["dimension"] % sizes["heads"]:
        yield f"{where}.dimension {sizes['dimension']} is not a multiple of heads {sizes['heads']}; change one"


def _method_problems(where: str, method: Section, models: Section) -> Iterator[str]:
    """Check that a method's model exists, and that start and training fit the model."""
    name, start, training = method["model"], method["start"], method["training"]
    final, peak = training["final_learning_rate"], training["learning_rate"]
    model = models.get(name)
    if model is None:
        yield f"{where}.model '{name}' is not under models{near(name, models)}"
    elif model["library"] == "huggingface" and start == "scratch":
        yield f"{where}.start: scratch is for fairseq models; use pretrained, or a fairseq model"
    elif model["library"] == "fairseq" and training["validate_every"] != "epoch":
        yield f"{where}: validate_every is for Hugging Face models; a fairseq training takes epoch"
    elif final >= peak:
        yield f"{where}: final_learning_rate {final} is not below learning_rate {peak}; lower it"
    elif start == "pretrained" and "tokenizer" in model and "pretraining" not in model:
        yield (
            f"{where}.start is pretrained, but models.{name} has no weights; add pretraining to it, or start from "
            "scratch"
        )


def _qlora_problems(qlora: Section) -> Iterator[str]:
    """Check the section of the language-model part."""
    model, rank = qlora["model"], qlora["lora"]["rank"]
    if ("source" in model) == ("build" in model):
        yield "qlora.model needs exactly one of source and build"
    if "build" in model:
        yield from _size_problems("qlora.model.build", model["build"])
    if rank > 1024:
        yield f"qlora.lora.rank {rank} is larger than any layer needs; use at most 1024"


def _label_problems(where: str, labels: list[str]) -> Iterator[str]:
    """Check that no two labels differ only in the form in which Unicode writes their accents."""
    first: dict[str, str] = {}
    for label in labels:
        if first.setdefault(in_form(label), label) != label:
            yield f"{where} has '{label}' in two Unicode forms, which are the same label; write it once"


def _source_problems(where: str, source: Section) -> Iterator[str]:
    """Check that a source has one origin, that a path exists, and that a url is usable and holds no secret."""
    given = [key for key in ("url", "path", "hub") if key in source]
    if len(given) != 1:
        yield f"{where} needs exactly one of url, path and hub, not {' and '.join(given) or 'none'}"
    elif "sha256" in source and "url" not in source:
        yield f"{where}.sha256 is for a url; leave it out"
    elif "path" in source and not os.path.exists(source["path"]):
        yield f"{where}.path '{source['path']}' is not there; put the file in its place, or correct the path"
    elif "url" in source:
        name = file_name(source["url"])
        if name in ("", ".", ".."):
            yield f"{where}.url '{source['url']}' ends in no file name; give the address of one file"
        elif secret := secret_in(source["url"]):
            yield (
                f"{where}.url holds {secret}, which would be copied with the config; leave it out, get the file in "
                f"another way and put it into the folder downloads/, as {name}"
            )


def _by_hand_problems(config: Section) -> Iterator[str]:
    """Check that no file in downloads/ would have to serve two urls."""
    urls: dict[str, str] = {}
    for where, source in sources(config):
        if "url" in source:
            name = file_name(source["url"])
            first = urls.setdefault(name, source["url"])
            if first != source["url"] and Path("downloads", name).exists():
                yield f"{where}.url and {first} both end in {name}, so downloads/{name} is not clear; give it as path"


def _published_problems(path: str) -> Iterator[str]:
    """Check the table of published figures now, since only the last page of a study reads it."""
    where, columns = f"published: {path}", ["key", "published", "remark"]
    if not os.path.isfile(path):
        yield f"published '{path}' is not there; correct the path, or leave the key out"
        return
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
    except (OSError, ValueError, csv.Error) as error:  # ValueError: another encoding
        yield f"{where} cannot be read as CSV in UTF-8 ({error}); correct it"
        return
    if rows[:1] != [columns]:
        yield f"{where} must have the columns {', '.join(columns)}, in its first line; correct it"
    for number, row in enumerate(rows, start=1):
        if row and len(row) != len(columns):
            yield f"{where} has {len(row)} cells in row {number}, not {len(columns)}; put a cell with commas in quotes"


def _folder_problems(where: str, source: Section) -> Iterator[str]:
    """Check a dataset's folder now: rules read it in place, and Snakemake would report a missing file its own way."""
    folder = source.get("path", "")
    if os.path.isdir(folder):
        wanted = [name for split in SPLITS for name in format_of(source).files(split)]
        missing = [name for name in wanted if not os.path.isfile(f"{folder}/{name}")]
        if missing:
            yield f"{where}.path '{folder}' lacks {', '.join(missing)}; put the files there, or correct the path"
