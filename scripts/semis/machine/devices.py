"""Restricts the devices that a job may use."""

import os
from typing import Any


def use_gpus_asked_for(resources: Any) -> None:
    """Hide all GPUs from a job whose rule asks for none; call it before CUDA starts. `resources` are Snakemake's."""
    if not resources.get("gpu"):
        os.environ.update(CUDA_VISIBLE_DEVICES="")
