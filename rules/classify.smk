"""Classify: fine-tune one run for each dataset, method and seed, evaluate it, and count the models' parameters."""


# Trainings read train and valid, never test.
rule finetune_fairseq:
    input:
        train=binarized("train"),
        valid=binarized("valid"),
        train_labels="<results>/data/{dataset}/train.label",
        dictionary=model_file("dict.txt"),
        model=start_weights,
    output:
        model=directory(f"{RUN}/model"),
        history=f"{RUN}/history.csv",
        recipe=f"{RUN}/training.recipe.json",
        tensorboard=directory(f"{RUN}/tensorboard"),
    log:
        "<logs>/finetune_fairseq/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/finetune/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(STUDY.methods_of("fairseq")),
    conda:
        "../envs/fairseq.yaml"
    threads: lambda wildcards: METHODS[wildcards.method]["training"]["threads"]
    resources:
        **asked("finetune", gpu=lambda wildcards: training(wildcards)["gpus"]),
    params:
        recipe=recipe(
            "finetune_fairseq",
            "fairseq",
            lambda wildcards: {"training": training(wildcards), **sizes(wildcards), **labels(wildcards)},
            engine_of("fairseq", training),
        ),
    script:
        "../scripts/finetune_fairseq.py"


rule finetune_huggingface:
    input:
        train="<results>/data/{dataset}/train.jsonl",
        valid="<results>/data/{dataset}/valid.jsonl",
        model=model_file(""),
    output:
        model=directory(f"{RUN}/model"),
        history=f"{RUN}/history.csv",
        recipe=f"{RUN}/training.recipe.json",
        tensorboard=directory(f"{RUN}/tensorboard"),
    log:
        "<logs>/finetune_huggingface/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/finetune/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(STUDY.methods_of("huggingface")),
    conda:
        "../envs/transformers.yaml"
    threads: lambda wildcards: METHODS[wildcards.method]["training"]["threads"]
    resources:
        **asked("finetune", gpu=lambda wildcards: training(wildcards)["gpus"]),
    params:
        recipe=recipe(
            "finetune_huggingface",
            "transformers",
            lambda wildcards: {"training": training(wildcards), **positions(wildcards), **labels(wildcards)},
            engine_of("huggingface", training),
        ),
    script:
        "../scripts/finetune_huggingface.py"


# Only evaluations read test.
rule evaluate_fairseq:
    input:
        valid=binarized("valid"),
        test=binarized("test"),
        dictionary=model_file("dict.txt"),
        model=f"{RUN}/model",
    output:
        predictions=f"{RUN}/predictions.csv",
        metrics=f"{RUN}/metrics.json",
        recipe=f"{RUN}/evaluation.recipe.json",
    log:
        "<logs>/evaluate_fairseq/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(STUDY.methods_of("fairseq")),
    conda:
        "../envs/fairseq.yaml"
    resources:
        **asked("evaluate"),
    params:
        recipe=recipe("evaluate_fairseq", "fairseq", evaluation, engine_of("fairseq", training)),
    script:
        "../scripts/evaluate_fairseq.py"


rule evaluate_huggingface:
    input:
        valid="<results>/data/{dataset}/valid.jsonl",
        test="<results>/data/{dataset}/test.jsonl",
        model=f"{RUN}/model",
    output:
        predictions=f"{RUN}/predictions.csv",
        metrics=f"{RUN}/metrics.json",
        recipe=f"{RUN}/evaluation.recipe.json",
    log:
        "<logs>/evaluate_huggingface/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(STUDY.methods_of("huggingface")),
    conda:
        "../envs/transformers.yaml"
    resources:
        **asked("evaluate"),
    params:
        recipe=recipe("evaluate_huggingface", "transformers", evaluation, engine_of("huggingface", training)),
    script:
        "../scripts/evaluate_huggingface.py"


rule model_size:
    input:
        model=lambda wildcards: STUDY.counted_checkpoint(wildcards.model),
    output:
        "<results>/models/{model}.parameters.csv",
    log:
        "<logs>/model_size/{model}.log",
    benchmark:
        "<benchmarks>/model_size/{model}.tsv"
    wildcard_constraints:
        model=any_of(STUDY.models_sized),
    conda:
        "../envs/fairseq.yaml"
    resources:
        **asked("short"),
    params:
        recipe=recipe("model_size", "fairseq", sizes),
    script:
        "../scripts/model_size.py"
