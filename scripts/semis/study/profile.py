"""Sentences for what Snakemake answers with a traceback before it reads the Snakefile; profiles/default calls `check`.

It imports nothing of the project, and the profile runs it by its path: the folder in which somebody calls Snakemake may
hold another version of the project than the one whose Snakefile they name, and one must not mix with the other.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from snakemake.cli import parse_config
from snakemake.common.configfile import load_configfile


def check(arguments: Sequence[str]) -> None:
    """End Snakemake with a sentence where it could not read the config that its command line asks for."""
    if sentence := problem(arguments):
        sys.exit(f"Semis: {sentence}")


def problem(arguments: Sequence[str]) -> str | None:
    """The sentence on what is wrong with --config or with a config file; None where Snakemake can read both."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+")
    parser.add_argument("--config", "-C", nargs="*")
    parser.add_argument("--directory", "-d", default="")
    given = parser.parse_known_args(arguments)[0]
    try:
        parse_config(given.config)
    except ValueError:
        return f"--config {' '.join(given.config)}: write key=value, with a key of the config's top level."
    # Files on the command line are relative to this folder, the Snakefile's own one to --directory.
    default = os.path.join(given.directory, "config.yaml")
    for file in given.configfile or filter(os.path.exists, [default]):
        try:
            load_configfile(file)
        except Exception as error:
            reason = " ".join(str(error.__context__ or error).partition("\nNote that")[0].split())
            return f"{file} cannot be read as a config ({reason}); correct it; targets go before --configfile."
    return None
