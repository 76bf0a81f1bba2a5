"""Digests of the code and the environment of a rule, which decide its result together with its inputs and settings."""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HARNESS = "semis/harness/"  # runs jobs and cannot change a number, so no digest includes it
# Fields of a syntax tree that do not change the meaning of the code, or that only some versions of Python have.
SILENT_FIELDS = {"ctx", "kind", "type_comment", "type_ignores"}
FILE_NAME = re.compile(r"[\w./-]+\.\w+")


def recipe(root: Path, script: str, environment: str, settings: Any, modules: Iterable[str] = ()) -> dict:
    """Return {code, environment, settings} of a rule: together with the input files, they decide its result.

    `script` and `environment` are names in scripts/ and envs/ below `root`. `modules` are modules that the script loads
    by a name from its settings, such as an engine. Keys are sorted at every depth, since Snakemake compares the text.
    """
    return {
        "code": code_digest(root / "scripts", f"{script}.py", tuple(modules)),
        "environment": environment_digest(root / "envs", environment),
        "settings": ordered(settings),
    }


def ordered(value: Any) -> Any:
    """Return a copy of `value` (anything that JSON can hold) in which all mappings have sorted keys."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value, key=str)}
    return [ordered(part) for part in value] if isinstance(value, list | tuple) else value


@cache
def code_digest(scripts: Path, script: str, modules: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 (hex) of the meaning of a script's code.

    The digest covers the script, the `modules` (dotted names), all modules of the folder `scripts` that these import,
    and the files that they open by name. It ignores comments, docstrings, formatting and the path of the folder.
    """
    total = [(name, _meaning(scripts / name)) for name in code_files(scripts, script, modules)]
    return hashlib.sha256(json.dumps(total).encode()).hexdigest()


@cache
def code_files(scripts: Path, script: str, modules: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the files, relative to the folder `scripts` and sorted, that `code_digest` reads."""
    found: set[str] = set()
    waiting = [script, *(name for module in modules for name in _module_files(scripts, module))]
    while waiting:
        name = waiting.pop()
        if name in found or name.startswith(HARNESS):
            continue
        found.add(name)
        if name.endswith(".py"):
            waiting += _needed(scripts, name)
    return tuple(sorted(found))


@cache
def _tree(file: Path) -> ast.Module:
    """Return the syntax tree of a file without its docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body: Any = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            del body[0]
    return tree


@cache
def _needed(scripts: Path, name: str) -> tuple[str, ...]:
    """Return the files of `scripts` that a Python file imports or names, relative to `scripts`."""
    found: list[str] = []
    for node in ast.walk(_tree(scripts / name)):
        if isinstance(node, ast.Import):
            found += [file for alias in node.names for file in _module_files(scripts, alias.name)]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += _module_files(scripts, node.module)
            found += [file for alias in node.names for file in _module_files(scripts, f"{node.module}.{alias.name}")]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and FILE_NAME.fullmatch(node.value):
            for folder in (scripts, (scripts / name).parent):
                if (folder / node.value).is_file():
                    found.append((folder / node.value).resolve().relative_to(scripts.resolve()).as_posix())
    return tuple(found)


@cache
def _module_files(scripts: Path, module: str) -> tuple[str, ...]:
    """Return the files of a dotted module name, packages included; none if the module is not in `scripts`."""
    parts = module.split(".")
    path = "/".join(parts)
    own = next((file for file in (f"{path}.py", f"{path}/__init__.py") if (scripts / file).is_file()), None)
    if own is None:
        return ()
    packages = ("/".join([*parts[:depth], "__init__.py"]) for depth in range(1, len(parts)))
    return (own, *(file for file in packages if (scripts / file).is_file()))


@cache
def _meaning(file: Path) -> str:
    """Return the SHA-256 (hex) of a Python file's syntax tree, or of another file's bytes."""
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    return hashlib.sha256("\n".join(_tokens(_tree(file))).encode()).hexdigest()


def _tokens(node: Any) -> Iterator[str]:
    """Yield the tokens of a tree, field by field. The text of `ast.dump` differs between versions of Python."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for field, value in ast.iter_fields(node):
            if isinstance(node, ast.JoinedStr):  # Python 3.12 adds empty texts to a nested format
                value = [part for part in value if not (isinstance(part, ast.Constant) and part.value == "")]
            if field not in SILENT_FIELDS and value is not None and value != []:
                yield f"{field}="
                yield from _tokens(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for part in node:
            yield from _tokens(part)
        yield "]"
    else:
        yield f"{type(node).__name__} {node!r}"


@cache
def environment_digest(envs: Path, name: str) -> str:
    """Return the SHA-256 (hex) of an environment: the contents of its YAML, and its pin and post-deploy files."""
    spec = yaml.safe_load((envs / f"{name}.yaml").read_text(encoding="utf-8"))
    beside = sorted([*envs.glob(f"{name}.*pin.txt"), *envs.glob(f"{name}.post-deploy.*")])
    files = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in beside]
    return hashlib.sha256(json.dumps([spec, files], sort_keys=True).encode()).hexdigest()
