"""BLOOM: a language model in 4 bits, taught to answer questions with LoRA, sampled before and after, and measured."""

BLOOM = config.get("bloom")
ARMS = BLOOM["arms"] if BLOOM else []


rule bloom_faq:
    input:
        source=lambda wildcards: [located("bloom", "faq", BLOOM["faq"]["source"])],
        code=helpers("archives", "errors", "job"),
    output:
        "<results>/bloom/faq.train.json",
        "<results>/bloom/faq.holdout.json",
    log:
        "<logs>/bloom_faq.log",
    benchmark:
        "<benchmarks>/bloom_faq.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        file=lambda wildcards: BLOOM["faq"]["source"].get("file"),
        holdout=bloom_setting("faq", "holdout"),
    script:
        "../scripts/bloom_faq.py"


if BLOOM and "build" in BLOOM["model"]:

    rule bloom_build_tokenizer:
        input:
            text=bloom_texts,
            code=helpers("archives", "errors", "job", "text"),
        output:
            folder=directory("<results>/bloom/tokenizer"),
        log:
            "<logs>/bloom_build_tokenizer.log",
        benchmark:
            "<benchmarks>/bloom_build_tokenizer.tsv"
        conda:
            "../envs/bloom.yaml"
        resources:
            mem_mb=4000,
            runtime=60,
        params:
            vocabulary=bloom_setting("model", "build", "vocabulary"),
        script:
            "../scripts/bloom_build_tokenizer.py"

    rule bloom_build_model:
        input:
            text=bloom_texts,
            tokenizer="<results>/bloom/tokenizer",
            code=helpers("archives", "divergence", "errors", "job", "pretrained", "text"),
        output:
            folder=directory("<results>/bloom/model"),
        log:
            "<logs>/bloom_build_model.log",
        benchmark:
            "<benchmarks>/bloom_build_model.tsv"
        conda:
            "../envs/bloom.yaml"
        threads: bloom_setting("threads")
        resources:
            mem_mb=8000,
            runtime=240,
        params:
            build=lambda wildcards: {
                k: v for k, v in BLOOM["model"]["build"].items() if k not in ("text", "vocabulary")
            },
        script:
            "../scripts/bloom_build_model.py"

else:

    rule bloom_unpack_model:
        input:
            source=lambda wildcards: [located("bloom", "model", BLOOM["model"]["source"])],
            code=helpers("archives", "errors", "job"),
        output:
            folder=directory("<results>/bloom/model"),
        log:
            "<logs>/bloom_unpack_model.log",
        benchmark:
            "<benchmarks>/bloom_unpack_model.tsv"
        localrule: True
        conda:
            "../envs/sentencepiece.yaml"
        script:
            "../scripts/unpack_folder.py"


rule bloom_parameters:
    input:
        model=bloom_model,
        code=helpers("bloom", "errors", "job", "memory", "pretrained", "processor"),
    output:
        "<results>/bloom/parameters.json",
    log:
        "<logs>/bloom_parameters.log",
    benchmark:
        "<benchmarks>/bloom_parameters.tsv"
    conda:
        "../envs/bloom.yaml"
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        lora=bloom_setting("lora"),
    script:
        "../scripts/bloom_parameters.py"


rule bloom_sample_before:
    input:
        model=bloom_model,
        holdout="<results>/bloom/faq.holdout.json",
        code=helpers("bloom", "errors", "job", "memory", "pretrained", "processor"),
    output:
        answers="<results>/bloom/base/answers.jsonl",
        likelihood="<results>/bloom/base/likelihood.json",
    log:
        "<logs>/bloom_sample_before.log",
    benchmark:
        "<benchmarks>/bloom_sample_before.tsv"
    conda:
        "../envs/bloom.yaml"
    threads: bloom_setting("threads")
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=1,
    params:
        arm="base",
        stage="before",
        questions=bloom_setting("questions"),
        sampling=bloom_setting("sampling"),
        prompt=bloom_setting("prompt"),
        device=bloom_setting("device"),
    script:
        "../scripts/bloom_sample.py"


rule bloom_train:
    input:
        model=bloom_model,
        pairs=bloom_pairs,
        code=helpers(
            "bloom",
            "divergence",
            "errors",
            "job",
            "memory",
            "pretrained",
            "processor",
            "trainer",
            "trainer_checkpoints",
            "workfolder",
        ),
        made_by=made_by("bloom_train", "bloom"),
    output:
        adapter="<results>/bloom/{arm}/adapter/adapter_model.safetensors",
        adapter_settings="<results>/bloom/{arm}/adapter/adapter_config.json",
        history="<results>/bloom/{arm}/history.csv",
        training="<results>/bloom/{arm}/training.json",
    log:
        "<logs>/bloom_train/{arm}.log",
    benchmark:
        "<benchmarks>/bloom_train/{arm}.tsv"
    wildcard_constraints:
        arm=any_of(ARMS),
    conda:
        "../envs/bloom.yaml"
    threads: bloom_setting("threads")
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=1,
    params:
        training=bloom_setting("training"),
        lora=bloom_setting("lora"),
        prompt=bloom_setting("prompt"),
        device=bloom_setting("device"),
        base=bloom_base,
    script:
        "../scripts/bloom_train.py"


rule bloom_sample_after:
    input:
        model=bloom_model,
        adapter="<results>/bloom/{arm}/adapter/adapter_model.safetensors",
        adapter_settings="<results>/bloom/{arm}/adapter/adapter_config.json",
        holdout="<results>/bloom/faq.holdout.json",
        code=helpers("bloom", "errors", "job", "memory", "pretrained", "processor"),
    output:
        answers="<results>/bloom/{arm}/answers.jsonl",
        likelihood="<results>/bloom/{arm}/likelihood.json",
    log:
        "<logs>/bloom_sample_after/{arm}.log",
    benchmark:
        "<benchmarks>/bloom_sample_after/{arm}.tsv"
    wildcard_constraints:
        arm=any_of(ARMS),
    conda:
        "../envs/bloom.yaml"
    threads: bloom_setting("threads")
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=1,
    params:
        arm=lambda wildcards: wildcards.arm,
        stage="after",
        questions=bloom_setting("questions"),
        sampling=bloom_setting("sampling"),
        prompt=bloom_setting("prompt"),
        device=bloom_setting("device"),
    script:
        "../scripts/bloom_sample.py"


rule bloom_merge:
    input:
        model=bloom_model,
        adapter="<results>/bloom/{arm}/adapter/adapter_model.safetensors",
        adapter_settings="<results>/bloom/{arm}/adapter/adapter_config.json",
        training="<results>/bloom/{arm}/training.json",
        code=helpers("bloom", "errors", "job", "memory", "pretrained", "processor"),
    output:
        folder=directory("<results>/bloom/{arm}/merged"),
    log:
        "<logs>/bloom_merge/{arm}.log",
    benchmark:
        "<benchmarks>/bloom_merge/{arm}.tsv"
    wildcard_constraints:
        arm=any_of(ARMS),
    conda:
        "../envs/bloom.yaml"
    threads: bloom_setting("threads")
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        prompt=bloom_setting("prompt"),
        base=bloom_base,
    script:
        "../scripts/bloom_merge.py"
