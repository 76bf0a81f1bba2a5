"""Pretrain: a tokenizer and a model of one's own from plain text, laid out like the lab's archive."""


rule train_tokenizer:
    input:
        text=texts("tokenizer"),
        code=helpers("archives", "errors", "job", "text"),
    output:
        model="<results>/models/{model}/sentencepiece.bpe.model",
        dictionary="<results>/models/{model}/dict.txt",
    log:
        "<logs>/train_tokenizer/{model}.log",
    benchmark:
        "<benchmarks>/train_tokenizer/{model}.tsv"
    wildcard_constraints:
        model=any_of(models_with("fairseq", "tokenizer")),
    conda:
        "../envs/sentencepiece.yaml"
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        vocabulary=lambda wildcards: MODELS[wildcards.model]["tokenizer"]["vocabulary"],
    script:
        "../scripts/train_tokenizer.py"


rule split_text:
    input:
        text=texts("pretraining"),
        code=helpers("archives", "errors", "job", "text"),
    output:
        train="<results>/pretraining/{model}/train.txt",
        valid="<results>/pretraining/{model}/valid.txt",
    log:
        "<logs>/split_text/{model}.log",
    benchmark:
        "<benchmarks>/split_text/{model}.tsv"
    conda:
        "../envs/sentencepiece.yaml"
    params:
        valid_lines=lambda wildcards: MODELS[wildcards.model]["pretraining"]["valid_lines"],
    script:
        "../scripts/split_text.py"


rule tokenize_text:
    input:
        text="<results>/pretraining/{model}/{split}.txt",
        model="<results>/models/{model}/sentencepiece.bpe.model",
        code=helpers("dictionaries", "errors", "job"),
    output:
        temp("<results>/pretraining/{model}/{split}.pieces"),
    log:
        "<logs>/tokenize_text/{model}/{split}.log",
    benchmark:
        "<benchmarks>/tokenize_text/{model}/{split}.tsv"
    conda:
        "../envs/sentencepiece.yaml"
    script:
        "../scripts/tokenize_lines.py"


rule binarize_text:
    input:
        text="<results>/pretraining/{model}/{split}.pieces",
        dictionary="<results>/models/{model}/dict.txt",
        code=helpers("dictionaries", "errors", "job"),
    output:
        bin="<results>/pretraining/{model}/{split}.bin",
        idx="<results>/pretraining/{model}/{split}.idx",
    log:
        "<logs>/binarize_text/{model}/{split}.log",
    benchmark:
        "<benchmarks>/binarize_text/{model}/{split}.tsv"
    conda:
        "../envs/fairseq.yaml"
    script:
        "../scripts/binarize.py"


rule pretrain:
    input:
        text=expand("<results>/pretraining/{{model}}/{split}.{kind}", split=["train", "valid"], kind=["bin", "idx"]),
        dictionary="<results>/models/{model}/dict.txt",
        plugin=lambda wildcards: plugin(MODELS[wildcards.model]["pretraining"]["engine"]),
        code=helpers(
            "checkpoints", "divergence", "engines", "errors", "fairseq_training", "histories", "job", "workfolder"
        ),
        made_by=made_by("pretrain", "fairseq"),
    output:
        model="<results>/models/{model}/model.pt",
        history="<results>/pretraining/{model}/history.csv",
        tensorboard=directory("<results>/pretraining/{model}/tensorboard"),
    log:
        "<logs>/pretrain/{model}.log",
    benchmark:
        "<benchmarks>/pretrain/{model}.tsv"
    wildcard_constraints:
        model=any_of(models_with("fairseq", "pretraining")),
    conda:
        "../envs/fairseq.yaml"
    threads: lambda wildcards: MODELS[wildcards.model]["pretraining"]["threads"]
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=lambda wildcards: MODELS[wildcards.model]["pretraining"]["gpus"],
    params:
        pretraining=lambda wildcards: {
            key: value
            for key, value in MODELS[wildcards.model]["pretraining"].items()
            if key not in ("text", "valid_lines", "threads")
        },
        architecture=lambda wildcards: MODELS[wildcards.model]["architecture"],
        positions=lambda wildcards: MODELS[wildcards.model]["positions"],
    script:
        "../scripts/pretrain.py"
