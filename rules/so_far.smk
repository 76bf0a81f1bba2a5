"""Tables, figures and summary of the runs that are finished, while others still run or have failed."""

from functools import cache

from semis.study.finish import as_json, recorded

from snakemake.iocontainers import Wildcards


@cache
def finished_part():
    """Return the finished part of the study."""
    return so_far.SoFar(STUDY, [run for run in STUDY.runs if is_finished(run)])


def is_finished(run):
    """Say whether training and evaluation of a run are there, as the config and the code of today would make them."""
    library, folder = STUDY.model_of(run["method"])["library"], RUN.replace("<results>", RESULTS).format(**run)
    planned = {
        f"{folder}/training.recipe.json": getattr(rules, f"finetune_{library}"),
        f"{folder}/evaluation.recipe.json": getattr(rules, f"evaluate_{library}"),
    }
    return all(
        recorded(path) == as_json(rule.params.recipe(Wildcards(fromdict=run)))
        for path, rule in planned.items()
    )


rule so_far:
    input:
        lambda wildcards: finished_part().targets(),
    localrule: True
