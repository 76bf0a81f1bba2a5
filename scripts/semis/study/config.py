"""Checks a config before anything reads it, and fills in the defaults of its schema."""

import csv
import math
import os
import re
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from semis.harness.errors import UserError

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import best_match
from snakemake.utils import validate

LARGEST = 2**31 - 1  # of whole numbers: more is a slip, and more than some of the libraries' seeds can hold
KINDS = {
    "array": "a list, such as [0, 1]",
    "object": "keys with values",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
BOUNDS = {
    "minItems": "at least",
    "maxItems": "at most",
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


def is_integer(_, value):
    """1.0 is an integer to JSON Schema, but not to a seed or a file's name."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def is_number(_, value):
    """Not a number and infinity are numbers to YAML."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


CHECKER = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": is_integer, "number": is_number})
Validator = validators.extend(Draft202012Validator, type_checker=CHECKER)


def check_text(file):
    """Raise UserError where YAML reads in silence something else than what stands in the config file.

    That is a key that stands twice, of which only the last counts, and a whole number in another notation: 010 is 8,
    and 1:30 is 90. A file that only JSON can read (one indented with tabs) is not looked at.
    """
    try:
        waiting = [yaml.compose(Path(file).read_text(encoding="utf-8"), yaml.SafeLoader)]
    except yaml.YAMLError:
        return
    seen = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias, perhaps of what it stands in
            continue
        seen.add(id(node))
        line = f"{file} line {node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode):
            first = {}
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if first.setdefault(key.value, key) is not key:
                    raise UserError(
                        f"{file} line {key.start_mark.line + 1}: the key '{key.value}' stands a second time (it stands "
                        f"in line {first[key.value].start_mark.line + 1} too); rename or remove one."
                    )
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif node.tag.endswith((":int", ":float")) and re.match(r"[-+]?0[0-9_box]|.*:", node.value):
            number = yaml.safe_load(node.value)
            raise UserError(f"{line}: YAML reads {node.value} as {number}; write {number}, or a name in quotes.")


# Names of keys in a url's query whose values are secrets, such as access_token or X-Amz-Signature.
SECRET = re.compile(r"token|secret|passw|credential|signature|^sig$|^auth|(^|[-_])(api)?key$", re.IGNORECASE)


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
        method["training"]["engine"] = _engine(config, method["training"])
    for model in config["models"].values():
        if "pretraining" in model:
            model["pretraining"]["engine"] = _engine(config, model["pretraining"])
    problem = next(_problems(config), None)
    if problem:
        raise UserError(_ended(f"{config_file}: {problem}"))
    _sort(config)


def _engine(config, training):
    """The engine that a training asks for; the fast one is made for processors, so a GPU takes the reference."""
    return "reference" if training["gpus"] else training.get("engine", config["engine"])


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
    value, wanted, hint = error.instance, error.validator_value, error.schema.get("description")
    if "propertyNames" in error.absolute_schema_path:
        return f"the name '{value}' in {where} {_name_problem(value)}"
    if error.validator == "additionalProperties":
        return _unknown_key(where, value, list(error.schema.get("properties", {})))
    if error.validator == "required":
        missing = next(key for key in wanted if key not in value)
        return f"{where} lacks the key '{missing}'; add it"
    if value is None or (error.validator in ("minItems", "minLength") and not value):
        return f"{where} is empty; give it a value, or remove the key"
    if error.validator == "type":
        return f"{where} {_type_problem(value, wanted)}"
    if error.validator in BOUNDS:
        found = f"has {len(value)}; it must have" if isinstance(value, list) else f"is {value}; it must be"
        return f"{where} {found} {BOUNDS[error.validator]} {wanted}"
    if error.validator == "enum":
        return f"{where} cannot be '{value}'{_near(str(value), wanted)}"
    if error.validator == "uniqueItems":
        twice = next(entry for entry in value if value.count(entry) > 1)
        return f"{where} holds {twice} twice; remove one"
    if hint and error.validator in ("pattern", "anyOf", "not"):
        return f"{where} cannot be '{value}'; it is {hint}"
    return f"{where}: {error.message}; " + (f"it is {hint}" if hint else "correct it")


def _unknown_key(where, section, known):
    unknown = next(key for key in section if key not in known)
    outer, _, inner = str(unknown).partition(".")
    near = get_close_matches(str(unknown), known, n=1)
    if inner and outer in known:
        mend = f"write it as {outer}: {{{inner}: ...}}"
    else:
        mend = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(known)}"
    return f"unknown key '{unknown}' in {where}; {mend}"


def _name_problem(name):
    if not isinstance(name, str):
        return "is not text; write it in quotes"
    if len(name) > 100:
        return "is longer than 100 letters; shorten it"
    return "may hold only letters, digits, '-' and '_'; rename it"


def _type_problem(value, wanted):
    """What is wrong with a value of another type than `wanted`, and the mend."""
    if wanted in ("integer", "number") and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            return f"is {value}, and no finite number; give it one"
        if abs(value) > LARGEST:
            return f"is {value}; give it at most {LARGEST}"
        return f"is {value}, not a whole number; " + (f"write {int(value)}" if value == int(value) else "round it")
    if wanted in ("integer", "number") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return f"is the text '{value}', not a number; give it one"
        if not math.isfinite(number):
            return f"is the text '{value}', and no finite number; give it one"
        number = int(number) if wanted == "integer" and number == int(number) else number
        # PyYAML's own spelling: it reads 1e-5 as text and 1.0e-05 as a number.
        return f"is the text '{value}', not a number; write {yaml.safe_dump(number).split()[0]} without quotes"
    if wanted == "string" and isinstance(value, bool):
        return f"is read as {str(value).lower()}, as yes, no, on and off are, not as text; write it in quotes"
    if wanted == "string" and not isinstance(value, dict | list):
        return f"has {value}, which is not text; write it in quotes"
    return f"is {value!r}, which is not {KINDS[wanted]}; correct it"


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
    if published:
        yield from _published_problems(published)
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
    elif "sha256" in source and "url" not in source:
        yield f"{where}.sha256 is for a url; remove it"
    elif "path" in source and not os.path.exists(source["path"]):
        yield f"{where}.path '{source['path']}' is not there; put the file in its place, or correct the path"
    elif "url" in source:
        name = file_name(source["url"])
        if name in ("", ".", ".."):
            yield f"{where}.url '{source['url']}' ends in no file name; give the address of one file"
        elif secret := _secret(source["url"]):
            yield (
                f"{where}.url holds {secret}, which would be copied with the config; leave it out, get the file in "
                f"another way and put it into the folder downloads/, as {name}"
            )


def _secret(url):
    """What in a url looks like a secret, in words; None where nothing does."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "a user name or password"
    named = (key for key, _ in parse_qsl(parts.query, keep_blank_values=True) if SECRET.search(key))
    return next((f"the key '{key}' in its query" for key in named), None)


def _by_hand_problems(config):
    """One file in downloads/ cannot stand for two urls."""
    urls = {}
    for where, source in sources(config):
        if "url" in source:
            name = file_name(source["url"])
            first = urls.setdefault(name, source["url"])
            if first != source["url"] and Path("downloads", name).exists():
                yield f"{where}.url and {first} both end in {name}, so downloads/{name} is not clear; give it as path"


def _published_problems(path):
    """The table is read when everything else is done: too late to learn that it will not do."""
    where, columns = f"published: {path}", ["key", "published", "remark"]
    if not os.path.isfile(path):
        yield f"published '{path}' is not there; correct the path, or remove the key"
        return
    try:
        rows = list(csv.reader(Path(path).read_text(encoding="utf-8").splitlines(keepends=True), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        yield f"{where} is no CSV in UTF-8 ({error}); correct it"
        return
    if rows[:1] != [columns]:
        yield f"{where} must have the columns {', '.join(columns)}, in its first line; correct it"
    for number, row in enumerate(rows, start=1):
        if row and len(row) != len(columns):
            yield f"{where} has {len(row)} cells in row {number}, not {len(columns)}; put a cell with commas in quotes"


def _folder_problems(where, source):
    """A dataset's folder is read where it is, so that a file it lacks would only be met as Snakemake's own error."""
    folder = source.get("path", "")
    if os.path.isdir(folder):
        wanted = [f"{split}.{kind}" for split in ("train", "valid", "test") for kind in ("review", "label")]
        missing = [name for name in wanted if not os.path.isfile(f"{folder}/{name}")]
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
