"""Finds text in a config that YAML would silently read as something else."""

import re

from semis.harness.errors import UserError

import yaml

# Whole numbers in octal, binary, hexadecimal or base 60, or with underscores after a leading zero.
OTHER_NOTATION = re.compile(r"[-+]?0[0-9_box]|.*:")


def check_text(name: str, text: str) -> None:
    """Raise UserError if YAML would silently read something other than the text of a config says.

    If a key is repeated, YAML takes the last one. YAML also converts numbers in other notations: 010 is 8, and 1:30
    is 90. Text that only JSON can read, such as one indented with tabs, is not checked. `name` is that of the config
    in a message.
    """
    try:
        waiting = [yaml.compose(text, yaml.SafeLoader)]
    except yaml.YAMLError:
        return
    seen = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias, possibly of an enclosing node
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _check_keys(name, node)
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.ScalarNode):
            _check_number(name, node)


def _check_keys(name: str, mapping: yaml.MappingNode) -> None:
    """Raise UserError if a key is repeated."""
    first: dict[str, yaml.ScalarNode] = {}
    for key in (key for key, _ in mapping.value if isinstance(key, yaml.ScalarNode)):
        if first.setdefault(key.value, key) is not key:
            raise UserError(
                f"{name} line {_line(key)}: the key '{key.value}' is given a second time (line "
                f"{_line(first[key.value])} has it too); rename one, or write it once."
            )


def _check_number(name: str, scalar: yaml.ScalarNode) -> None:
    """Raise UserError if YAML reads the scalar as another number than a person would."""
    if scalar.tag.endswith((":int", ":float")) and OTHER_NOTATION.match(scalar.value):
        number = yaml.safe_load(scalar.value)
        raise UserError(
            f"{name} line {_line(scalar)}: YAML reads {scalar.value} as {number}; write {number}, or a name in quotes."
        )


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
