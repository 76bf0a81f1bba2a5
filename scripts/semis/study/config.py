"""Checks a config and fills in the defaults of its schema, before anything else reads it."""

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.study.problems import problems
from semis.study.renamed import renamed
from semis.study.sentences import LARGEST, ended, sentence

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError, best_match


def _is_integer(_: Any, value: Any) -> bool:
    """Accept what Python calls an integer. JSON Schema also accepts 1.0, which fits neither a seed nor a file name."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_number(_: Any, value: Any) -> bool:
    """Accept finite numbers. YAML also has infinity and not-a-number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _filled(validator: Any, properties: dict[str, Any], section: Any, schema: Any) -> Iterator[ValidationError]:
    """Put the default of each missing key into `section`; then check the keyword `properties` as JSON Schema does."""
    for key, part in properties.items():
        if "default" in part:
            section.setdefault(key, copy.deepcopy(part["default"]))
    yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, section, schema)


CHECKER = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number})
Validator = validators.extend(Draft202012Validator, type_checker=CHECKER)
Filler = validators.extend(Validator, {"properties": _filled})


def resolve(config: dict[str, Any], schema_file: str | Path, config_file: str, gpus: int = 0) -> None:
    """Check `config` against the schema and the rules of `semis.study.problems`, and fill in its defaults, in place.

    Keys keep the order of the file; defaults follow them. `config_file` is the name of the config in a message, and
    `gpus` is the meaning of gpus: auto. Raises UserError for the first problem.
    """
    _refuse(config_file, renamed(config))
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    error = best_match(Validator(schema).iter_errors(config))
    _refuse(config_file, sentence(error) if error else None)
    for key, value in config.items():
        config[key] = _plain(value)
    _fill(config, schema, gpus)
    _refuse(config_file, next(problems(config), None))


def _refuse(config_file: str, problem: str | None) -> None:
    if problem:
        raise UserError(ended(f"{config_file}: {problem}"))


def _plain(value: Any) -> Any:
    """Return a copy that YAML can write: without the OrderedDicts of a config in JSON, and without shared parts."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _fill(config: dict[str, Any], schema: dict[str, Any], gpus: int) -> None:
    """Fill in the schema's defaults, and the defaults that depend on another part of the config."""
    models, methods = config.get("models", {}), config.get("methods", {})
    for model in models.values():
        origin = models.get(model.get("export"), {})
        if "positions" in origin:
            model.setdefault("positions", origin["positions"])  # before the schema's default
    # A method overrides the section `training` only with its own keys, so it must not get the schema's defaults.
    own = {name: method.pop("training", {}) for name, method in methods.items()}
    for error in Filler(schema).iter_errors(config):
        raise error
    for name, method in config["methods"].items():
        method["training"] = {**config["training"], **own[name]}
    for training in [config["training"], *trainings(config)]:
        training["gpus"] = gpus if training["gpus"] == "auto" else training["gpus"]
    for training in trainings(config):
        training["engine"] = _engine(config, training)


def trainings(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the settings of all trainings of a config, except those of the language-model part."""
    pretrainings = [model["pretraining"] for model in config["models"].values() if "pretraining" in model]
    return [method["training"] for method in config["methods"].values()] + pretrainings


def _engine(config: dict[str, Any], training: dict[str, Any]) -> str:
    """Return the engine of a training. The fast engine is made for CPUs, so a training on a GPU uses the reference."""
    return "reference" if training["gpus"] else training.get("engine", config["engine"])
