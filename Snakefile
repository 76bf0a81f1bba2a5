"""Semis: fine-tunes language models over several seeds and compares the methods with honest statistics."""

from snakemake.utils import min_version

min_version("9.27.1")


report: "report/workflow.rst"


# A config from --configfile replaces config.yaml; merged with it, it would inherit the report's datasets.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/code.smk"
include: "rules/environments.smk"
include: "rules/inputs.smk"
include: "rules/download.smk"
include: "rules/reviews.smk"
include: "rules/pretrain.smk"
include: "rules/classify.smk"
include: "rules/qlora.smk"
include: "rules/qlora_results.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/pages.smk"
include: "rules/targets.smk"
include: "rules/finish.smk"


# This rule is not in targets.smk, since an included file cannot set the default target.
rule all:
    default_target: True
    input:
        TARGETS,
    output:
        touch(finish.output_of_all(STUDY, TARGETS)),
    localrule: True
