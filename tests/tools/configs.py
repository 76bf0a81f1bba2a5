"""Configs for tests, and their resolved form."""

import copy

from semis.harness.errors import UserError
from semis.study import config as study_config

from conftest import ROOT

SCHEMA = ROOT / "schemas" / "config.schema.yaml"
TEXT = [{"path": str(ROOT / "demo" / "text.txt")}]
QLORA = {"model": {"build": {"text": TEXT}}, "data": {"source": {"path": "."}}, "questions": ["Quoi ?"]}


def resolved(config, gpus=0):
    """Return the config with its defaults on a machine with so many GPUs, or the sentence of the UserError."""
    config = copy.deepcopy(config)
    try:
        study_config.resolve(config, SCHEMA, "config.yaml", gpus)
    except UserError as error:
        return str(error)
    return config
