"""Checks a config before anything reads it, and fills in the defaults of its schema."""

from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from semis.errors import UserError

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import best_match
from snakemake.utils import validate

# 1.0 is an integer to JSON Schema, but not to a seed or a file's name.
Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def resolve(config, schema_file, config_file):
    """Check `config` against the schema and for what a schema cannot say.

    In place, its defaults are filled in and its keys sorted. `config_file` is the name that a sentence gives to the
    config. Raises UserError.
    """
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    error = best_match(Validator(schema).iter_errors(config))
    if error is not None:
        raise UserError(_ended(f"{config_file}: {_sentence(error)}"))
    models = config.get("models", {})
    for model in models.values():
        origin = models.get(model.get("export"), {})
        if "positions" in origin:
            model.setdefault("positions", origin["positions"])  # before the schema's default
    validate(config, str(schema_file))
    for method in config["methods"].values():
        method["training"] = {**config["training"], **method.get("training", {})}
        method["training"]["engine"] = _engine(config, method, method["training"]["gpus"])
    for model in config["models"].values():
        if "pretraining" in model:
            model["pretraining"]["engine"] = _engine(config, model["pretraining"], model["pretraining"]["gpus"])
    problem = next(_problems(config), None)
    if problem:
        raise UserError(_ended(f"{config_file}: {problem}"))
    _sort(config)


def _engine(config, section, gpus):
    """The engine that a section asks for; the fast one is made for processors, so a GPU takes the reference."""
    return "reference" if gpus else section.get("engine", config["engine"])


def _sort(value):
    """Bring the keys of all mappings into one order, in place: another order in the file must recompute nothing."""
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            value[key] = value.pop(key)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _sort(part)


def _ended(sentence):
    return sentence if sentence.endswith("?") else f"{sentence}."


def _sentence(error):
    """The sentence for one jsonschema error: the key, what is wrong, the mend."""
    where = ".".join(str(part) for part in error.absolute_path) or "the config"
    hint = error.schema.get("description")
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        near = get_close_matches(str(unknown), known, n=1)
        mend = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(known)}"
        return f"unknown key '{unknown}' in {where}; {mend}"
    if "propertyNames" in error.absolute_schema_path:
        return f"the name '{error.instance}' in {where} may hold only letters, digits, '-' and '_'; rename it"
    if error.instance is None:
        return f"{where} is empty; give it a value, or remove the key"
    if error.validator == "type" and _is_number(error.instance):
        # PyYAML's own spelling: it reads 1e-5 as text and 1.0e-05 as a number.
        number = int(error.instance) if error.instance.isdigit() else float(error.instance)
        written = yaml.safe_dump(number).split()[0]
        return f"{where} is the text '{error.instance}', not a number; write {written} without quotes"
    if error.validator == "type" and error.validator_value == "string" and isinstance(error.instance, int | float):
        return f"{where} has {error.instance}, which is not text; write it in quotes"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where} lacks the key '{missing}'; add it"
    if hint and error.validator in ("pattern", "anyOf", "not"):
        return f"{where} cannot be '{error.instance}'; it is {hint}"
    return f"{where}: {error.message}; " + (f"it is {hint}" if hint else "correct it")


def _is_number(value):
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _problems(config):
    """Yield a sentence for each thing that does not fit together."""
    yield from _model_problems(config["models"])
    for name, method in config["methods"].items():
        where, model = f"methods.{name}.model", config["models"].get(method["model"])
        if model is None:
            yield f"{where} '{method['model']}' is not under models{_near(method['model'], config['models'])}"
        elif model["library"] == "huggingface" and method["start"] == "scratch":
            yield f"methods.{name}.start: scratch is for fairseq models; use pretrained, or a fairseq model"
        elif model["library"] == "fairseq" and method["training"]["validate_every"] != "epoch":
            yield f"methods.{name}: validate_every is for Hugging Face models; a fairseq training takes epoch"
        elif method["training"]["final_learning_rate"] >= method["training"]["learning_rate"]:
            rates = [method["training"][key] for key in ("final_learning_rate", "learning_rate")]
            yield f"methods.{name}: final_learning_rate {rates[0]} is not below learning_rate {rates[1]}; lower it"
        elif method["start"] == "pretrained" and "tokenizer" in model and "pretraining" not in model:
            yield (
                f"methods.{name}.start is pretrained, but models.{method['model']} has no weights; add pretraining to "
                "it, or start from scratch"
            )
    if config["methods"] and not config["datasets"]:
        yield "methods are given but no datasets; add one under datasets"
    if "bloom" in config:
        model = config["bloom"]["model"]
        if ("source" in model) == ("build" in model):
            yield "bloom.model needs exactly one of source and build"
        lora, built = config["bloom"]["lora"], model.get("build")
        if built and built["dimension"] % built["heads"]:
            yield _uneven("bloom.model.build", built)
        if lora["rank"] > 1024:
            yield f"bloom.lora.rank {lora['rank']} is larger than any layer needs; use at most 1024"
    if not config["methods"] and "bloom" not in config:
        yield "there is nothing to do; add methods (with datasets and models) or a bloom section"
    published = config.get("published")
    if published and not Path(published).is_file():
        yield f"published '{published}' is not there; correct the path, or remove the key"
    for where, source in sources(config):
        yield from _source_problems(where, source)
    yield from _by_hand_problems(config)
    for name, dataset in config["datasets"].items():
        yield from _folder_problems(f"datasets.{name}.source", dataset["source"])


def _model_problems(models):
    for name, model in models.items():
        where = f"models.{name}"
        origins = [key for key in ("source", "export", "tokenizer") if key in model]
        if len(origins) != 1:
            yield f"{where} needs exactly one of source, export and tokenizer, not {' and '.join(origins) or 'none'}"
        if "pretraining" in model and "tokenizer" not in model:
            yield f"{where}.pretraining needs a tokenizer beside it; add one, or remove pretraining"
        if model["library"] == "huggingface" and "tokenizer" in model:
            yield f"{where}.tokenizer is for fairseq models; give it a source, or export a fairseq model"
        if "export" in model:
            origin = models.get(model["export"])
            if model["library"] != "huggingface":
                yield f"{where}.export makes a Hugging Face model; set library: huggingface"
            elif origin is None or origin["library"] != "fairseq":
                near = _near(model["export"], models)
                yield f"{where}.export '{model['export']}' is not a fairseq model under models{near}"
            elif model["positions"] > origin["positions"]:
                yield (
                    f"{where}.positions {model['positions']} is more than the {origin['positions']} of "
                    f"models.{model['export']}; lower it"
                )
            elif "source" not in origin and "pretraining" not in origin:
                yield f"{where}.export: models.{model['export']} has no weights to export; add pretraining to it"
        sizes = model["architecture"]
        if sizes["dimension"] % sizes["heads"]:
            yield _uneven(f"{where}.architecture", sizes)


def _uneven(where, sizes):
    return f"{where}.dimension {sizes['dimension']} is not a multiple of heads {sizes['heads']}; change one"


def _source_problems(where, source):
    given = [key for key in ("url", "path", "hub") if key in source]
    if len(given) != 1:
        yield f"{where} needs exactly one of url, path and hub, not {' and '.join(given) or 'none'}"
    elif "path" in source and not Path(source["path"]).exists():
        yield f"{where}.path '{source['path']}' is not there; put the file in its place, or correct the path"
    elif "url" in source and file_name(source["url"]) in ("", ".", ".."):
        yield f"{where}.url '{source['url']}' ends in no file name; give the address of one file"


def _by_hand_problems(config):
    """One file in downloads/ cannot stand for two urls."""
    urls = {}
    for where, source in sources(config):
        if "url" in source:
            name = file_name(source["url"])
            first = urls.setdefault(name, source["url"])
            if first != source["url"] and Path("downloads", name).exists():
                yield f"{where}.url and {first} both end in {name}, so downloads/{name} is not clear; give it as path"


def _folder_problems(where, source):
    """A dataset's folder is read where it is, so that a file it lacks would only be met as Snakemake's own error."""
    folder = Path(source["path"]) if "path" in source else None
    if folder and folder.is_dir():
        wanted = [f"{split}.{kind}" for split in ("train", "valid", "test") for kind in ("review", "label")]
        missing = [name for name in wanted if not (folder / name).is_file()]
        if missing:
            yield f"{where}.path '{folder}' lacks {', '.join(missing)}; put the files there, or correct the path"


def file_name(url):
    """The name under which the file of a url is kept: its last part, without a query such as ?download=1."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _near(name, known):
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known) or 'none'}"


def sources(config):
    """Yield (dotted key, source mapping) for every place in the config where data or a model comes from."""
    for name, dataset in config["datasets"].items():
        yield f"datasets.{name}.source", dataset["source"]
    for name, model in config["models"].items():
        if "source" in model:
            yield f"models.{name}.source", model["source"]
        for part in ("tokenizer", "pretraining"):
            for i, text in enumerate(model.get(part, {}).get("text", [])):
                yield f"models.{name}.{part}.text.{i}", text
    if "bloom" in config:
        bloom = config["bloom"]
        yield "bloom.faq.source", bloom["faq"]["source"]
        if "source" in bloom["model"]:
            yield "bloom.model.source", bloom["model"]["source"]
        for i, text in enumerate(bloom["model"].get("build", {}).get("text", [])):
            yield f"bloom.model.build.text.{i}", text
