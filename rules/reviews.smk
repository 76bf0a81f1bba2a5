"""Reviews: check each split separately, so that a new test set repeats no training; then tokenize and binarize."""


rule prepare_split:
    input:
        source=lambda wildcards: STUDY.dataset_files(wildcards.dataset, wildcards.split),
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
        recipe=recipe("prepare_split", "sentencepiece", reviews, format_module),
    script:
        "../scripts/prepare_split.py"


rule describe_dataset:
    input:
        reviews=expand("<results>/data/{{dataset}}/{split}.review", split=STUDY.splits),
        labels=expand("<results>/data/{{dataset}}/{split}.label", split=STUDY.splits),
    output:
        "<results>/data/{dataset}/description.csv",
    log:
        "<logs>/describe_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/describe_dataset/{dataset}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("describe_dataset", "analysis", {"splits": STUDY.splits}),
    script:
        "../scripts/describe_dataset.py"


rule write_jsonl:
    input:
        review="<results>/data/{dataset}/{split}.review",
        label="<results>/data/{dataset}/{split}.label",
    output:
        "<results>/data/{dataset}/{split}.jsonl",
    log:
        "<logs>/write_jsonl/{dataset}/{split}.log",
    benchmark:
        "<benchmarks>/write_jsonl/{dataset}/{split}.tsv"
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        recipe=recipe("write_jsonl", "sentencepiece", labels),
    script:
        "../scripts/write_jsonl.py"


rule tokenize:
    input:
        text="<results>/data/{dataset}/{split}.review",
        model="<results>/models/{model}/sentencepiece.bpe.model",
    output:
        "<results>/data/{dataset}/tokens/{model}/{split}.pieces",
    log:
        "<logs>/tokenize/{dataset}/{model}/{split}.log",
    benchmark:
        "<benchmarks>/tokenize/{dataset}/{model}/{split}.tsv"
    conda:
        "../envs/sentencepiece.yaml"
    resources:
        **asked("short"),
    params:
        recipe=recipe("tokenize_lines", "sentencepiece"),
    script:
        "../scripts/tokenize_lines.py"


rule binarize:
    input:
        text="<results>/data/{dataset}/tokens/{model}/{split}.pieces",
        label="<results>/data/{dataset}/{split}.label",
        dictionary="<results>/models/{model}/dict.txt",
    output:
        bin="<results>/data/{dataset}/tokens/{model}/{split}.input0.bin",
        idx="<results>/data/{dataset}/tokens/{model}/{split}.input0.idx",
        label_bin="<results>/data/{dataset}/tokens/{model}/{split}.label.bin",
        label_idx="<results>/data/{dataset}/tokens/{model}/{split}.label.idx",
    log:
        "<logs>/binarize/{dataset}/{model}/{split}.log",
    benchmark:
        "<benchmarks>/binarize/{dataset}/{model}/{split}.tsv"
    conda:
        "../envs/fairseq.yaml"
    resources:
        **asked("short"),
    params:
        recipe=recipe("binarize", "fairseq", labels),
    script:
        "../scripts/binarize.py"


rule count_tokens:
    input:
        pieces=expand("<results>/data/{{dataset}}/tokens/{{model}}/{split}.pieces", split=STUDY.splits),
        binarized=expand("<results>/data/{{dataset}}/tokens/{{model}}/{split}.input0.bin", split=STUDY.splits),
        dictionary="<results>/models/{model}/dict.txt",
    output:
        lengths="<results>/data/{dataset}/tokens/{model}/lengths.csv",
        counts="<results>/data/{dataset}/tokens/{model}/counts.csv",
    log:
        "<logs>/count_tokens/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/count_tokens/{dataset}/{model}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe(
            "count_tokens",
            "analysis",
            lambda wildcards: {"splits": STUDY.splits, "positions": MODELS[wildcards.model]["positions"]},
        ),
    script:
        "../scripts/count_tokens.py"
