"""What can be asked for by name: all of the study, its prepared reviews, or its downloads."""

TARGETS = [f"{RESULTS}/summary.md"]


rule all:
    default_target: True
    input:
        TARGETS,
    localrule: True


rule prepare:
    input:
        expand("<results>/data/{dataset}/{split}.review", dataset=DATASETS, split=STUDY.splits),
    localrule: True


rule data:
    input:
        [STUDY.located(key) for key, _ in (URLS | HUBS).values()],
    localrule: True
