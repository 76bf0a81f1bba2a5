"""Turns a jsonschema error into one sentence with the key, the problem and the way out."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import yaml
from jsonschema.exceptions import ValidationError

LARGEST = 2**31 - 1  # the largest whole number: more is a typing error, and too much for some libraries' seeds
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


def ended(sentence: str) -> str:
    """Return the sentence with a full stop, unless it is a question."""
    return sentence if sentence.endswith("?") else f"{sentence}."


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the name that was probably meant, or all known names."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(known) or 'none'}"


def sentence(error: ValidationError) -> str:
    """Return the sentence, without a full stop, for an error that the schema found."""
    where = ".".join(str(part) for part in error.absolute_path) or "the config"
    value: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    if "propertyNames" in error.absolute_schema_path:
        return f"the name '{value}' in {where} {_name_problem(value, str(error.validator))}"
    if error.validator == "additionalProperties":
        return _unknown_key(where, value, list(schema.get("properties", {})))
    if error.validator == "required":
        missing = next(key for key in wanted if key not in value)
        return f"{where} lacks the key '{missing}'; add it"
    if value is None or (error.validator in ("minItems", "minLength", "minProperties") and not value):
        return f"{where} is empty; give it a value, or leave the key out"
    if error.validator == "type":
        return f"{where} {_type_problem(value, wanted)}"
    if error.validator in BOUNDS:
        found = f"has {len(value)}; it must have" if isinstance(value, list) else f"is {value}; it must be"
        return f"{where} {found} {BOUNDS[error.validator]} {wanted}"
    if error.validator == "enum":
        return f"{where} cannot be '{value}'{near(str(value), wanted)}"
    if error.validator == "uniqueItems":
        twice = next(entry for entry in value if value.count(entry) > 1)
        return f"{where} holds {twice} twice; write it once"
    hint = schema.get("description")
    if hint and error.validator in ("pattern", "anyOf", "not"):
        return f"{where} cannot be '{value}'; it is {hint}"
    return f"{where}: {error.message}; " + (f"it is {hint}" if hint else "correct it")


def _unknown_key(where: str, section: dict[Any, Any], known: list[str]) -> str:
    """Return the sentence for a key that the schema does not have."""
    unknown = next(key for key in section if key not in known)
    outer, _, inner = str(unknown).partition(".")
    close = get_close_matches(str(unknown), known, n=1)
    if inner and outer in known:
        way_out = f"write it as {outer}: {{{inner}: ...}}"
    else:
        way_out = f"did you mean '{close[0]}'?" if close else f"known keys are {', '.join(known)}"
    return f"unknown key '{unknown}' in {where}; {way_out}"


def _name_problem(name: Any, validator: str) -> str:
    """Return the problem with the name of a study, dataset, model or method, and the way out."""
    if not isinstance(name, str):
        return "is not text; write it in quotes"
    if validator == "not":
        return "is one that the workflow itself uses; rename it"
    if len(name) > 100:
        return "is longer than 100 letters; shorten it"
    return "may hold only letters, digits, '-' and '_'; rename it"


def _type_problem(value: Any, wanted: str) -> str:
    """Return the problem with a value whose type is not `wanted`, and the way out."""
    if wanted in ("integer", "number") and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            return f"is {value}, not a finite number; give it one"
        if abs(value) > LARGEST:
            return f"is {value}; give it at most {LARGEST}"
        return f"is {value}, not a whole number; " + (f"write {int(value)}" if value == int(value) else "round it")
    if wanted in ("integer", "number") and isinstance(value, str):
        return f"is the text '{value}', not {_number_meant(value, wanted)}"
    if wanted == "string" and isinstance(value, bool):
        return f"is read as {str(value).lower()}, as yes, no, on and off are, not as text; write it in quotes"
    if wanted == "string" and not isinstance(value, dict | list):
        return f"has {value}, which is not text; write it in quotes"
    return f"is {value!r}, which is not {KINDS[wanted]}; correct it"


def _number_meant(text: str, wanted: str) -> str:
    """Return the end of the sentence for a text where the config needs a number."""
    try:
        number = float(text)
    except ValueError:
        return "a number; give it one"
    if not math.isfinite(number):
        return "a finite number; give it one"
    number = int(number) if wanted == "integer" and number == int(number) else number
    # PyYAML's own spelling, since it reads 1e-5 as text and 1.0e-05 as a number.
    return f"a number; write {yaml.safe_dump(number).split()[0]} without quotes"
