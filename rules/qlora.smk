"""Language model: train it in 4 bits with LoRA on questions and answers, and sample answers before and after."""

from semis.study.qlora_plan import QloraPlan

QLORA = QloraPlan(STUDY)


rule qlora_data:
    input:
        source=QLORA.data,
    output:
        "<results>/qlora/data.train.json",
        "<results>/qlora/data.holdout.json",
    log:
        "<logs>/qlora_data.log",
    benchmark:
        "<benchmarks>/qlora_data.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("qlora_data", "analysis", QLORA.data_settings),
    script:
        "../scripts/qlora_data.py"


if QLORA.builds_model:

    rule qlora_build_tokenizer:
        input:
            text=QLORA.texts,
        output:
            folder=directory("<results>/qlora/tokenizer"),
        log:
            "<logs>/qlora_build_tokenizer.log",
        benchmark:
            "<benchmarks>/qlora_build_tokenizer.tsv"
        conda:
            "../envs/qlora.yaml"
        resources:
            **asked("qlora_build_tokenizer"),
        params:
            recipe=recipe("qlora_build_tokenizer", "qlora", QLORA.tokenizer_settings),
        script:
            "../scripts/qlora_build_tokenizer.py"

    rule qlora_build_model:
        input:
            text=QLORA.texts,
            tokenizer="<results>/qlora/tokenizer",
        output:
            folder=directory("<results>/qlora/model"),
        log:
            "<logs>/qlora_build_model.log",
        benchmark:
            "<benchmarks>/qlora_build_model.tsv"
        conda:
            "../envs/qlora.yaml"
        threads: QLORA.threads
        resources:
            **asked("qlora_train"),
        params:
            recipe=recipe("qlora_build_model", "qlora", QLORA.build_settings),
        script:
            "../scripts/qlora_build_model.py"

else:

    rule qlora_unpack_model:
        input:
            source=QLORA.archive,
        output:
            folder=directory("<results>/qlora/model"),
        log:
            "<logs>/qlora_unpack_model.log",
        benchmark:
            "<benchmarks>/qlora_unpack_model.tsv"
        localrule: True
        conda:
            "../envs/sentencepiece.yaml"
        params:
            recipe=recipe("unpack_folder", "sentencepiece"),
        script:
            "../scripts/unpack_folder.py"


rule qlora_sample:
    input:
        model=QLORA.model,
        adapter=QLORA.adapter,
        holdout="<results>/qlora/data.holdout.json",
    output:
        answers="<results>/qlora/{method}/answers.jsonl",
        likelihood="<results>/qlora/{method}/likelihood.json",
        recipe="<results>/qlora/{method}/answers.recipe.json",
    log:
        "<logs>/qlora_sample/{method}.log",
    benchmark:
        "<benchmarks>/qlora_sample/{method}.tsv"
    wildcard_constraints:
        method=any_of(QLORA.samples),
    priority: 1  # the untrained model answers first, so what its answers refuse is said before a training
    conda:
        "../envs/qlora.yaml"
    threads: QLORA.threads
    resources:
        **asked("qlora_sample", gpu=QLORA.gpu),
    params:
        recipe=recipe("qlora_sample", "qlora", QLORA.sample_settings),
    script:
        "../scripts/qlora_sample.py"


rule qlora_train:
    input:
        model=QLORA.model,
        pairs=QLORA.pairs,
    output:
        adapter="<results>/qlora/{method}/adapter/adapter_model.safetensors",
        adapter_settings="<results>/qlora/{method}/adapter/adapter_config.json",
        history="<results>/qlora/{method}/history.csv",
        training="<results>/qlora/{method}/training.json",
        recipe="<results>/qlora/{method}/training.recipe.json",
    log:
        "<logs>/qlora_train/{method}.log",
    benchmark:
        "<benchmarks>/qlora_train/{method}.tsv"
    wildcard_constraints:
        method=any_of(QLORA.methods),
    conda:
        "../envs/qlora.yaml"
    threads: QLORA.threads
    resources:
        **asked("qlora_train", gpu=QLORA.gpu),
    params:
        recipe=recipe("qlora_train", "qlora", QLORA.train_settings),
    script:
        "../scripts/qlora_train.py"
