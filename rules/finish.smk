"""Before the first job and after the last one. Snakemake calls these in the workflow that it was started with."""

from semis.study import finish


onstart:
    finish.start(STUDY, SNAKEMAKE)


onsuccess:
    finish.finish(STUDY, SNAKEMAKE, ROOT, TARGETS)


onerror:
    finish.fail(STUDY, TARGETS)
