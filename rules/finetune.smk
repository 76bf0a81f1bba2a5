"""Fine-tune: one run for each dataset, method and seed. A run reads train and valid, never test."""


rule finetune_fairseq:
    input:
        data=packed(["train", "valid"]),
        model=start_weights,
        plugin=lambda wildcards: plugin(METHODS[wildcards.method]["training"]["engine"]),
        code=helpers(
            "checkpoints",
            "dictionaries",
            "divergence",
            "engines",
            "errors",
            "fairseq_training",
            "histories",
            "job",
            "schedule",
            "workfolder",
        ),
        made_by=made_by("finetune_fairseq", "fairseq"),
    output:
        model=directory("<results>/runs/{dataset}/{method}/seed{seed}/model"),
        history="<results>/runs/{dataset}/{method}/seed{seed}/history.csv",
        tensorboard=directory("<results>/runs/{dataset}/{method}/seed{seed}/tensorboard"),
    log:
        "<logs>/finetune_fairseq/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/finetune/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(methods_of("fairseq")),
    conda:
        "../envs/fairseq.yaml"
    threads: lambda wildcards: METHODS[wildcards.method]["training"]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=lambda wildcards: METHODS[wildcards.method]["training"]["gpus"],
    params:
        training=training,
        architecture=lambda wildcards: MODELS[METHODS[wildcards.method]["model"]]["architecture"],
        positions=lambda wildcards: MODELS[METHODS[wildcards.method]["model"]]["positions"],
        classes=lambda wildcards: len(DATASETS[wildcards.dataset]["labels"]),
    script:
        "../scripts/finetune_fairseq.py"


rule finetune_huggingface:
    input:
        train="<results>/data/{dataset}/train.jsonl",
        valid="<results>/data/{dataset}/valid.jsonl",
        model=lambda wildcards: f"{RESULTS}/models/{METHODS[wildcards.method]['model']}",
        code=helpers(
            "divergence",
            "errors",
            "fast_encoder",
            "fast_huggingface",
            "histories",
            "job",
            "pretrained",
            "processor",
            "row_adam",
            "schedule",
            "trainer",
            "trainer_checkpoints",
            "workfolder",
        ),
        made_by=made_by("finetune_huggingface", "transformers"),
    output:
        model=directory("<results>/runs/{dataset}/{method}/seed{seed}/model"),
        history="<results>/runs/{dataset}/{method}/seed{seed}/history.csv",
        tensorboard=directory("<results>/runs/{dataset}/{method}/seed{seed}/tensorboard"),
    log:
        "<logs>/finetune_huggingface/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/finetune/{dataset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(methods_of("huggingface")),
    conda:
        "../envs/transformers.yaml"
    threads: lambda wildcards: METHODS[wildcards.method]["training"]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=lambda wildcards: METHODS[wildcards.method]["training"]["gpus"],
    params:
        training=training,
        positions=lambda wildcards: MODELS[METHODS[wildcards.method]["model"]]["positions"],
        labels=lambda wildcards: DATASETS[wildcards.dataset]["labels"],
    script:
        "../scripts/finetune_huggingface.py"
