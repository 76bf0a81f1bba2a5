"""Finds an engine by name: each library has one module for the reference engine and one for the fast engine."""

import importlib
from typing import Any


def module_name(engine: str, library: str) -> str:
    """Return the name of the module by which `engine` (reference or fast) trains the models of a library.

    The name is composed at run time, so that no reference run imports the fast engine.
    """
    return f"semis.fast.{library}" if engine == "fast" else f"semis.{library}.engine"


def load(engine: str, library: str) -> Any:
    """Import the module of `module_name` and return it."""
    return importlib.import_module(module_name(engine, library))
