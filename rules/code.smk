"""The recipe of a rule: its settings, code and environment, which decide its result together with its input files."""

from semis import engines
from semis.study import code


def recipe(script, environment, settings=None, modules=lambda wildcards: []):
    """Return a params function for {code, environment, settings} of a rule, the only param that Snakemake compares.

    `settings` is a mapping or a function of the wildcards. `modules` is a function of the wildcards; it returns the
    modules that the script loads by name. Neither function may take input, output, threads or resources: Snakemake does
    not compare such params.
    """

    def find(wildcards):
        chosen = settings(wildcards) if callable(settings) else settings or {}
        return code.recipe(ROOT, script, environment, chosen, modules(wildcards))

    return find


def download(settings):
    """Return the params function of a download: only its settings. Checksums decide whether a file is right, not code."""
    return lambda wildcards: {"settings": code.ordered(settings(wildcards))}


def engine_of(library, training):
    """Return a modules function: the engine of `training`, a function of the wildcards."""
    return lambda wildcards: [engines.module_name(training(wildcards)["engine"], library)]
