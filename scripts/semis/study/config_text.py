"""What YAML reads differently, without a word, from what the user wrote in the config file."""

import re
from pathlib import Path

from semis.harness.errors import UserError

import yaml

# Whole numbers in octal, binary, hexadecimal and base 60, and with underscores after a leading zero.
OTHER_NOTATION = re.compile(r"[-+]?0[0-9_box]|.*:")


def check_text(file: str | Path) -> None:
    """Raise UserError where YAML would silently read something else than what the config file says.

    Of a key that is given twice, YAML takes the last; a number in another notation changes: 010 is 8, and 1:30 is 90.
    A file that only JSON can read, such as one indented with tabs, is not checked.
    """
    try:
        waiting = [yaml.compose(Path(file).read_text(encoding="utf-8"), yaml.SafeLoader)]
    except yaml.YAMLError:
        return
    seen = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias, perhaps of a node around it
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _check_keys(file, node)
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.ScalarNode):
            _check_number(file, node)


def _check_keys(file: str | Path, mapping: yaml.MappingNode) -> None:
    """Raise UserError where a key is given twice."""
    first: dict[str, yaml.ScalarNode] = {}
    for key in (key for key, _ in mapping.value if isinstance(key, yaml.ScalarNode)):
        if first.setdefault(key.value, key) is not key:
            raise UserError(
                f"{file} line {_line(key)}: the key '{key.value}' is given a second time (line "
                f"{_line(first[key.value])} has it too); rename or remove one."
            )


def _check_number(file: str | Path, scalar: yaml.ScalarNode) -> None:
    """Raise UserError where YAML takes the scalar for another number than a reader would."""
    if scalar.tag.endswith((":int", ":float")) and OTHER_NOTATION.match(scalar.value):
        number = yaml.safe_load(scalar.value)
        raise UserError(
            f"{file} line {_line(scalar)}: YAML reads {scalar.value} as {number}; write {number}, or a name in quotes."
        )


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
