"""Which devices a job may use."""

import os
from typing import Any


def use_gpus_asked_for(resources: Any) -> None:
    """Hide all GPUs from a job whose rule asks for none (`resources` are Snakemake's), before CUDA starts."""
    if not resources.get("gpu"):
        os.environ.update(CUDA_VISIBLE_DEVICES="")
