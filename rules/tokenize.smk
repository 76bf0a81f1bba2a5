"""Tokenize with sentencepiece, binarize with fairseq-preprocess and pack for the runs, each split by itself."""


rule tokenize:
    input:
        review="<results>/data/{dataset}/{split}.review",
        model="<results>/models/{model}/sentencepiece.bpe.model",
        code=helpers("dictionaries", "errors", "job"),
    output:
        "<results>/data/{dataset}/tokens/{model}/{split}.pieces",
    log:
        "<logs>/tokenize/{dataset}/{model}/{split}.log",
    benchmark:
        "<benchmarks>/tokenize/{dataset}/{model}/{split}.tsv"
    conda:
        "../envs/sentencepiece.yaml"
    script:
        "../scripts/tokenize_lines.py"


rule binarize_reviews:
    input:
        text="<results>/data/{dataset}/tokens/{model}/{split}.pieces",
        dictionary="<results>/models/{model}/dict.txt",
        code=helpers("dictionaries", "errors", "job"),
    output:
        bin="<results>/data/{dataset}/tokens/{model}/{split}.bin",
        idx="<results>/data/{dataset}/tokens/{model}/{split}.idx",
    log:
        "<logs>/binarize_reviews/{dataset}/{model}/{split}.log",
    benchmark:
        "<benchmarks>/binarize_reviews/{dataset}/{model}/{split}.tsv"
    conda:
        "../envs/fairseq.yaml"
    script:
        "../scripts/binarize.py"


rule label_dictionary:
    input:
        code=helpers("errors", "job"),
    output:
        "<results>/data/{dataset}/label/dict.txt",
    log:
        "<logs>/label_dictionary/{dataset}.log",
    benchmark:
        "<benchmarks>/label_dictionary/{dataset}.tsv"
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        labels=lambda wildcards: DATASETS[wildcards.dataset]["labels"],
    script:
        "../scripts/label_dictionary.py"


rule binarize_labels:
    input:
        text="<results>/data/{dataset}/{split}.label",
        dictionary="<results>/data/{dataset}/label/dict.txt",
        code=helpers("dictionaries", "errors", "job"),
    output:
        bin="<results>/data/{dataset}/label/{split}.bin",
        idx="<results>/data/{dataset}/label/{split}.idx",
    log:
        "<logs>/binarize_labels/{dataset}/{split}.log",
    benchmark:
        "<benchmarks>/binarize_labels/{dataset}/{split}.tsv"
    conda:
        "../envs/fairseq.yaml"
    script:
        "../scripts/binarize.py"


rule pack_split:
    input:
        reviews=expand("<results>/data/{{dataset}}/tokens/{{model}}/{{split}}.{kind}", kind=["bin", "idx"]),
        labels=expand("<results>/data/{{dataset}}/label/{{split}}.{kind}", kind=["bin", "idx"]),
        label_text="<results>/data/{dataset}/{split}.label",
        dictionary="<results>/models/{model}/dict.txt",
        label_dictionary="<results>/data/{dataset}/label/dict.txt",
        code=helpers("errors", "job"),
    output:
        "<results>/data/{dataset}/tokens/{model}/{split}.zip",
    log:
        "<logs>/pack_split/{dataset}/{model}/{split}.log",
    benchmark:
        "<benchmarks>/pack_split/{dataset}/{model}/{split}.tsv"
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    script:
        "../scripts/pack_split.py"


rule check_tokens:
    input:
        pieces=expand("<results>/data/{{dataset}}/tokens/{{model}}/{split}.pieces", split=SPLITS),
        binarized=expand("<results>/data/{{dataset}}/tokens/{{model}}/{split}.bin", split=SPLITS),
        dictionary="<results>/models/{model}/dict.txt",
        code=helpers("errors", "job", "tables"),
    output:
        lengths="<results>/data/{dataset}/tokens/{model}/lengths.csv",
        checks="<results>/data/{dataset}/tokens/{model}/checks.csv",
    log:
        "<logs>/check_tokens/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/check_tokens/{dataset}/{model}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        splits=SPLITS,
        positions=lambda wildcards: MODELS[wildcards.model]["positions"],
    script:
        "../scripts/check_tokens.py"
