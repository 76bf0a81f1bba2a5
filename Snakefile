"""Semis: fine-tune French language models over several seeds, and say with honest statistics which way is better."""

from snakemake.utils import min_version

min_version("9.27.1")


report: "report/workflow.rst"


# A config given with --configfile stands alone; merged into config.yaml it would inherit the report's datasets.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/download.smk"
include: "rules/prepare.smk"
include: "rules/tokenize.smk"
include: "rules/pretrain.smk"
include: "rules/export.smk"
include: "rules/finetune.smk"
include: "rules/evaluate.smk"
include: "rules/model_size.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/bloom.smk"
include: "rules/bloom_results.smk"
include: "rules/summary.smk"


rule all:
    default_target: True
    input:
        STUDY_TARGETS,
        BLOOM_TARGETS,
        "<results>/summary.md",
    localrule: True


rule prepare:
    input:
        PREPARED_TARGETS,
    localrule: True


rule data:
    input:
        DOWNLOAD_TARGETS,
    localrule: True


onsuccess:
    finish()
