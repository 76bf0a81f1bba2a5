"""Language model: count its parameters, collect answers and metrics of all methods, write cards and merged models."""


rule qlora_parameters:
    input:
        model=QLORA.model,
    output:
        "<results>/qlora/parameters.json",
    log:
        "<logs>/qlora_parameters.log",
    benchmark:
        "<benchmarks>/qlora_parameters.tsv"
    conda:
        "../envs/qlora.yaml"
    resources:
        **asked("qlora_count"),
    params:
        recipe=recipe("qlora_parameters", "qlora", QLORA.settings("lora")),
    script:
        "../scripts/qlora_parameters.py"


rule qlora_merge:
    input:
        model=QLORA.model,
        adapter=QLORA.adapter,
        training="<results>/qlora/{method}/training.json",
    output:
        folder=directory("<results>/qlora/{method}/merged"),
    log:
        "<logs>/qlora_merge/{method}.log",
    benchmark:
        "<benchmarks>/qlora_merge/{method}.tsv"
    wildcard_constraints:
        method=any_of(QLORA.methods),
    conda:
        "../envs/qlora.yaml"
    threads: QLORA.threads
    resources:
        **asked("qlora_merge"),
    params:
        recipe=recipe("qlora_merge", "qlora", QLORA.merge_settings),
    script:
        "../scripts/qlora_merge.py"


rule qlora_samples:
    input:
        answers=expand("<results>/qlora/{method}/answers.jsonl", method=QLORA.samples),
    output:
        "<results>/qlora/samples.jsonl",
    log:
        "<logs>/qlora_samples.log",
    benchmark:
        "<benchmarks>/qlora_samples.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("qlora_samples", "analysis", QLORA.samples_settings),
    script:
        "../scripts/qlora_samples.py"


rule page_qlora_samples:
    input:
        samples="<results>/qlora/samples.jsonl",
    output:
        report(
            "<results>/qlora/samples.html",
            caption="../report/qlora_samples.rst",
            category="Language model",
            labels={"figure": "answers, side by side"},
        ),
    log:
        "<logs>/page_qlora_samples.log",
    benchmark:
        "<benchmarks>/page_qlora_samples.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("page_qlora_samples", "analysis"),
    script:
        "../scripts/page_qlora_samples.py"


rule qlora_metrics:
    input:
        samples="<results>/qlora/samples.jsonl",
        before="<results>/qlora/base/likelihood.json",
        after=expand("<results>/qlora/{method}/likelihood.json", method=QLORA.methods),
        training=expand("<results>/qlora/{method}/training.json", method=QLORA.methods),
        train="<results>/qlora/data.train.json",
        holdout="<results>/qlora/data.holdout.json",
    output:
        "<results>/qlora/metrics.json",
    log:
        "<logs>/qlora_metrics.log",
    benchmark:
        "<benchmarks>/qlora_metrics.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("qlora_metrics", "analysis", QLORA.metrics_settings),
    script:
        "../scripts/qlora_metrics.py"


rule qlora_card:
    input:
        metrics="<results>/qlora/metrics.json",
    output:
        "<results>/qlora/{method}/adapter/README.md",
    log:
        "<logs>/qlora_card/{method}.log",
    benchmark:
        "<benchmarks>/qlora_card/{method}.tsv"
    wildcard_constraints:
        method=any_of(QLORA.methods),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("qlora_card", "analysis", QLORA.card_settings),
    script:
        "../scripts/qlora_card.py"
