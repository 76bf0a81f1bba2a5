"""Gives one sentence for configs on which Snakemake ends with a traceback before it reads the Snakefile.

profiles/default runs this file by its path and calls `check`. The file imports nothing of the project: the folder in
which a user calls Snakemake may hold another version of Semis than the Snakefile, and the two must not mix.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from snakemake.cli import parse_config
from snakemake.common.configfile import load_configfile


def check(arguments: Sequence[str]) -> None:
    """Exit with a sentence if Snakemake could not read the config that the `arguments` of its command line name."""
    if sentence := problem(arguments):
        sys.exit(f"Semis: {sentence}")


def problem(arguments: Sequence[str]) -> str | None:
    """Return a sentence on the problem with --config or with a config file; None if Snakemake can read both."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+")
    parser.add_argument("--config", "-C", nargs="*")
    parser.add_argument("--directory", "-d", default="")
    given = parser.parse_known_args(arguments)[0]
    try:
        parse_config(given.config)
    except ValueError:
        return f"--config {' '.join(given.config)}: write key=value, with a key of the config's top level."
    # A config file on the command line is relative to the current folder, the default one to --directory.
    default = os.path.join(given.directory, "config.yaml")
    for file in given.configfile or filter(os.path.exists, [default]):
        try:
            load_configfile(file)
        except Exception as error:
            reason = " ".join(str(error.__context__ or error).partition("\nNote that")[0].split())
            return f"{file} cannot be read as a config ({reason}); correct it; targets go before --configfile."
    return None
