"""Evaluate: the chosen checkpoint of each run on valid and test, and what the run comes to; only here is test read."""


rule evaluate_fairseq:
    input:
        data=packed(["valid", "test"]),
        model="<results>/runs/{dataset}/{method}/seed{seed}/model",
        plugin=lambda wildcards: plugin(METHODS[wildcards.method]["training"]["engine"]),
        code=helpers("checkpoints", "engines", "errors", "job", "predictions"),
    output:
        predictions="<results>/runs/{dataset}/{method}/seed{seed}/predictions.csv",
        metrics="<results>/runs/{dataset}/{method}/seed{seed}/metrics.json",
    log:
        "<logs>/evaluate_fairseq/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(methods_of("fairseq")),
    conda:
        "../envs/fairseq.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        model=lambda wildcards: METHODS[wildcards.method]["model"],
        labels=lambda wildcards: DATASETS[wildcards.dataset]["labels"],
        engine=lambda wildcards: METHODS[wildcards.method]["training"]["engine"],
        splits=["valid", "test"],
        batch_size=32,
    script:
        "../scripts/evaluate_fairseq.py"


rule evaluate_huggingface:
    input:
        reviews=expand("<results>/data/{{dataset}}/{split}.jsonl", split=["valid", "test"]),
        model="<results>/runs/{dataset}/{method}/seed{seed}/model",
        code=helpers("errors", "fast_encoder", "fast_huggingface", "job", "predictions", "pretrained", "processor"),
    output:
        predictions="<results>/runs/{dataset}/{method}/seed{seed}/predictions.csv",
        metrics="<results>/runs/{dataset}/{method}/seed{seed}/metrics.json",
    log:
        "<logs>/evaluate_huggingface/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(methods_of("huggingface")),
    conda:
        "../envs/transformers.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        model=lambda wildcards: METHODS[wildcards.method]["model"],
        labels=lambda wildcards: DATASETS[wildcards.dataset]["labels"],
        positions=lambda wildcards: MODELS[METHODS[wildcards.method]["model"]]["positions"],
        engine=lambda wildcards: METHODS[wildcards.method]["training"]["engine"],
        splits=["valid", "test"],
        batch_size=32,
    script:
        "../scripts/evaluate_huggingface.py"
