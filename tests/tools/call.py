"""Call one function of a Python file without importing the file: `call.py FILE FUNCTION ARGUMENTS`.

A function of a test runs in an environment of the rules, which lacks pytest. It keeps its file and line numbers, so
that tracebacks and breakpoints work. Arguments are a JSON list; the result is printed as JSON.
"""

import ast
import json
import sys
from pathlib import Path


def function(file: str, name: str):
    """Return the function `name` of the file, with no other names than json and sys."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    for node in tree.body:
        node.decorator_list = []
    found = {"json": json, "sys": sys}
    exec(compile(tree, file, "exec"), found)
    return found[name]


if __name__ == "__main__":
    print(json.dumps(function(*sys.argv[1:3])(*json.loads(sys.argv[3]))))
