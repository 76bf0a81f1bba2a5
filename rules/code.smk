"""What decides a rule's result besides its input files: its settings, the meaning of its code, its environment."""

from semis import engines
from semis.study import code


def recipe(script, environment, settings=None, modules=lambda wildcards: []):
    """Params function: {code, environment, settings} of a rule, the one param that Snakemake compares.

    `settings` is a mapping or a function of the wildcards, `modules` a function of them that names what the script
    loads by name. Neither takes input, output, threads or resources: Snakemake would then compare nothing.
    """

    def find(wildcards):
        chosen = settings(wildcards) if callable(settings) else settings or {}
        return code.recipe(ROOT, script, environment, chosen, modules(wildcards))

    return find


def download(settings):
    """Params function of a download: its settings alone. Checksums say whether a file is the right one, not code."""
    return lambda wildcards: {"settings": code.ordered(settings(wildcards))}


def engine_of(library, training):
    """Modules function: the engine that `training`, a function of the wildcards, asks for."""
    return lambda wildcards: [engines.module_name(training(wildcards)["engine"], library)]
