"""Pretrain: train a tokenizer and a model on plain text, and export the model to Hugging Face format."""


rule train_tokenizer:
    input:
        text=text_sources("tokenizer"),
    output:
        model="<results>/models/{model}/sentencepiece.bpe.model",
        dictionary="<results>/models/{model}/dict.txt",
    log:
        "<logs>/train_tokenizer/{model}.log",
    benchmark:
        "<benchmarks>/train_tokenizer/{model}.tsv"
    wildcard_constraints:
        model=any_of(STUDY.models_with("fairseq", "tokenizer")),
    conda:
        "../envs/sentencepiece.yaml"
    resources:
        **asked("train_tokenizer"),
    params:
        recipe=recipe("train_tokenizer", "sentencepiece", text_settings("tokenizer", "vocabulary")),
    script:
        "../scripts/train_tokenizer.py"


rule split_text:
    input:
        text=text_sources("pretraining"),
    output:
        train="<results>/pretraining/{model}/train.txt",
        valid="<results>/pretraining/{model}/valid.txt",
    log:
        "<logs>/split_text/{model}.log",
    benchmark:
        "<benchmarks>/split_text/{model}.tsv"
    conda:
        "../envs/sentencepiece.yaml"
    resources:
        **asked("short"),
    params:
        recipe=recipe("split_text", "sentencepiece", text_settings("pretraining", "valid_lines")),
    script:
        "../scripts/split_text.py"


rule tokenize_text:
    input:
        text="<results>/pretraining/{model}/{split}.txt",
        model="<results>/models/{model}/sentencepiece.bpe.model",
    output:
        temp("<results>/pretraining/{model}/{split}.pieces"),
    log:
        "<logs>/tokenize_text/{model}/{split}.log",
    benchmark:
        "<benchmarks>/tokenize_text/{model}/{split}.tsv"
    conda:
        "../envs/sentencepiece.yaml"
    resources:
        **asked("short"),
    params:
        recipe=recipe("tokenize_lines", "sentencepiece"),
    script:
        "../scripts/tokenize_lines.py"


rule binarize_text:
    input:
        text="<results>/pretraining/{model}/{split}.pieces",
        dictionary="<results>/models/{model}/dict.txt",
    output:
        bin="<results>/pretraining/{model}/{split}.bin",
        idx="<results>/pretraining/{model}/{split}.idx",
    log:
        "<logs>/binarize_text/{model}/{split}.log",
    benchmark:
        "<benchmarks>/binarize_text/{model}/{split}.tsv"
    conda:
        "../envs/fairseq.yaml"
    resources:
        **asked("short"),
    params:
        recipe=recipe("binarize", "fairseq"),
    script:
        "../scripts/binarize.py"


rule pretrain:
    input:
        text=expand("<results>/pretraining/{{model}}/{split}.{kind}", split=["train", "valid"], kind=["bin", "idx"]),
        dictionary="<results>/models/{model}/dict.txt",
    output:
        model="<results>/models/{model}/model.pt",
        history="<results>/pretraining/{model}/history.csv",
        recipe="<results>/pretraining/{model}/training.recipe.json",
        tensorboard=directory("<results>/pretraining/{model}/tensorboard"),
    log:
        "<logs>/pretrain/{model}.log",
    benchmark:
        "<benchmarks>/pretrain/{model}.tsv"
    wildcard_constraints:
        model=any_of(STUDY.models_with("fairseq", "pretraining")),
    conda:
        "../envs/fairseq.yaml"
    threads: lambda wildcards: MODELS[wildcards.model]["pretraining"]["threads"]
    resources:
        **asked("pretrain", gpu=lambda wildcards: MODELS[wildcards.model]["pretraining"]["gpus"]),
    params:
        recipe=recipe(
            "pretrain",
            "fairseq",
            lambda wildcards: {"pretraining": pretraining(wildcards), **sizes(wildcards)},
            engine_of("fairseq", pretraining),
        ),
    script:
        "../scripts/pretrain.py"


rule export:
    input:
        model=fairseq_file("model.pt"),
        dictionary=fairseq_file("dict.txt"),
        sentencepiece=fairseq_file("sentencepiece.bpe.model"),
    output:
        folder=directory("<results>/models/{model}"),
    log:
        "<logs>/export/{model}.log",
    benchmark:
        "<benchmarks>/export/{model}.tsv"
    wildcard_constraints:
        model=any_of(STUDY.models_with("huggingface", "export")),
    conda:
        "../envs/transformers.yaml"
    resources:
        **asked("export"),
    params:
        recipe=recipe("export", "transformers", sizes_of_origin),
    script:
        "../scripts/export.py"
