"""Handlers before the first job and after the last one. Snakemake calls only those of the main workflow."""

from semis.study import finish


onstart:
    finish.start(STUDY, SNAKEMAKE)


onsuccess:
    finish.finish(STUDY, SNAKEMAKE, ROOT, TARGETS)


onerror:
    finish.fail(STUDY, SNAKEMAKE, TARGETS)
