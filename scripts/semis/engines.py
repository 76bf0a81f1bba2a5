"""The engines by name: each library has a module of the reference engine, and one of the fast engine."""

import importlib
from typing import Any


def module_name(engine: str, library: str) -> str:
    """Return the name of the module with which `engine` (reference or fast) trains the models of a library.

    The name is put together here, so that no reference run imports the fast engine.
    """
    return f"semis.fast.{library}" if engine == "fast" else f"semis.{library}.engine"


def load(engine: str, library: str) -> Any:
    """Import and return that module."""
    return importlib.import_module(module_name(engine, library))
