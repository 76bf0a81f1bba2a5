"""Fine-tune: one run for each dataset, method and seed. A run reads train and valid, never test."""


def binarized(splits):
    """Input function: the binarized reviews and labels of these splits, and the two dictionaries."""

    def find(wildcards):
        model = METHODS[wildcards.method]["model"]
        folder = f"{RESULTS}/data/{wildcards.dataset}"
        return {
            "reviews": expand(f"{folder}/tokens/{model}/{{split}}.{{kind}}", split=splits, kind=["bin", "idx"]),
            "labels": expand(f"{folder}/label/{{split}}.{{kind}}", split=splits, kind=["bin", "idx"]),
            "dictionary": f"{RESULTS}/models/{model}/dict.txt",
            "label_dictionary": f"{folder}/label/dict.txt",
        }

    return find


def start_weights(wildcards):
    """Input function: the checkpoint that a fairseq run starts from; nothing for one from scratch."""
    method = METHODS[wildcards.method]
    return f"{RESULTS}/models/{method['model']}/model.pt" if method["start"] == "pretrained" else []


def training(*left_out):
    """Params function: the method's training settings, without those that this rule's result does not depend on."""

    def find(wildcards):
        settings = METHODS[wildcards.method]["training"]
        return {key: value for key, value in settings.items() if key not in ("threads", *left_out)}

    return find


rule finetune_fairseq:
    input:
        unpack(binarized(["train", "valid"])),
        model=start_weights,
        label_text="<results>/data/{dataset}/train.label",
        plugin=f"{SCRIPTS}/fairseq_plugin/__init__.py",
        code=helpers("checkpoints", "errors", "fairseq_data", "fairseq_training", "histories", "job", "workfolder"),
    output:
        model=directory("<results>/runs/{dataset}/{method}/seed{seed}/model"),
        history="<results>/runs/{dataset}/{method}/seed{seed}/history.csv",
        start="<results>/runs/{dataset}/{method}/seed{seed}/start.json",
    log:
        "<logs>/finetune_fairseq/{dataset}-{method}-seed{seed}.log",
    benchmark:
        "<benchmarks>/finetune/{dataset}-{method}-seed{seed}.tsv"
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
        training=training(),
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
        code=helpers("errors", "histories", "job", "trainer_checkpoints", "workfolder"),
    output:
        model=directory("<results>/runs/{dataset}/{method}/seed{seed}/model"),
        history="<results>/runs/{dataset}/{method}/seed{seed}/history.csv",
        start="<results>/runs/{dataset}/{method}/seed{seed}/start.json",
    log:
        "<logs>/finetune_huggingface/{dataset}-{method}-seed{seed}.log",
    benchmark:
        "<benchmarks>/finetune/{dataset}-{method}-seed{seed}.tsv"
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
        training=training(),
        positions=lambda wildcards: MODELS[METHODS[wildcards.method]["model"]]["positions"],
        labels=lambda wildcards: DATASETS[wildcards.dataset]["labels"],
    script:
        "../scripts/finetune_huggingface.py"
