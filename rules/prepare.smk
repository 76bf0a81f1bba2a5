"""Prepare: check and normalise each split by itself, so that a changed test set touches no training."""

PREPARED_TARGETS = expand("<results>/data/{dataset}/{split}.review", dataset=DATASETS, split=SPLITS)


rule prepare_split:
    input:
        review=raw("review"),
        label=raw("label"),
        code=helpers("archives", "errors", "job", "text"),
    output:
        review="<results>/data/{dataset}/{split}.review",
        label="<results>/data/{dataset}/{split}.label",
    log:
        "<logs>/prepare_split/{dataset}/{split}.log",
    benchmark:
        "<benchmarks>/prepare_split/{dataset}/{split}.tsv"
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        labels=lambda wildcards: DATASETS[wildcards.dataset]["labels"],
    script:
        "../scripts/prepare_split.py"


rule check_dataset:
    input:
        reviews=expand("<results>/data/{{dataset}}/{split}.review", split=SPLITS),
        labels=expand("<results>/data/{{dataset}}/{split}.label", split=SPLITS),
        code=helpers("errors", "job", "tables"),
    output:
        "<results>/data/{dataset}/checks.csv",
    log:
        "<logs>/check_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/check_dataset/{dataset}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        splits=SPLITS,
    script:
        "../scripts/check_dataset.py"


rule jsonl:
    input:
        review="<results>/data/{dataset}/{split}.review",
        label="<results>/data/{dataset}/{split}.label",
        code=helpers("errors", "job"),
    output:
        "<results>/data/{dataset}/{split}.jsonl",
    log:
        "<logs>/jsonl/{dataset}/{split}.log",
    benchmark:
        "<benchmarks>/jsonl/{dataset}/{split}.tsv"
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        labels=lambda wildcards: DATASETS[wildcards.dataset]["labels"],
    script:
        "../scripts/jsonl.py"
