"""BLOOM: a language model in 4 bits, taught to answer questions with LoRA, sampled before and after, and measured."""

BLOOM = config.get("bloom")
BLOOM_TARGETS = []
ARMS = BLOOM["arms"] if BLOOM else []
BLOOM_FIGURES = ["bloom_training", "bloom_metrics", "bloom_parameters"]
if BLOOM:
    BLOOM_TARGETS = expand(
        "<results>/bloom/{file}", file=["parameters.json", "history.csv", "samples.jsonl", "metrics.json"]
    )
    BLOOM_TARGETS += expand("<results>/bloom/{arm}/adapter", arm=ARMS)
    BLOOM_TARGETS += expand("<results>/figures/{figure}.{format}", figure=BLOOM_FIGURES, format=["svg", "png"])


def bloom_setting(*keys):
    """Params or threads function: the value under these keys of the config's bloom section."""

    def find(wildcards):
        value = BLOOM
        for key in keys:
            value = value[key]
        return value

    return find


def bloom_texts(wildcards):
    """Input function: the text files that the workflow's own BLOOM is built from."""
    sources = BLOOM["model"]["build"]["text"]
    return [located("bloom", f"model-build-text-{i}", source) for i, source in enumerate(sources)]


def bloom_model(wildcards):
    """Input function: the folder of the model; a folder of the user's or of the hub is read in place."""
    source = BLOOM["model"].get("source", {})
    if "hub" in source or os.path.isdir(source.get("path", "")):
        return located("bloom", "model", source)
    return f"{RESULTS}/bloom/model"


def bloom_base(wildcards):
    """Params function: what an adapter names as its base model: the hub's id, or the folder as the config gives it."""
    return BLOOM["model"].get("source", {}).get("hub") or bloom_model(wildcards)


def bloom_pairs(wildcards):
    """Input function: what an arm is trained on; the report's recipe takes all pairs."""
    parts = ["train", "holdout"] if wildcards.arm == "faithful" else ["train"]
    return [f"{RESULTS}/bloom/faq.{part}.json" for part in parts]


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
            code=helpers("errors", "job", "text"),
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
            code=helpers("errors", "job", "text"),
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
        code=helpers("bloom", "errors", "job"),
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
        code=helpers("bloom", "errors", "job"),
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
        device=bloom_setting("device"),
    script:
        "../scripts/bloom_sample.py"


rule bloom_train:
    input:
        model=bloom_model,
        pairs=bloom_pairs,
        code=helpers("bloom", "errors", "job", "trainer_checkpoints", "workfolder"),
    output:
        adapter=directory("<results>/bloom/{arm}/adapter"),
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
        device=bloom_setting("device"),
        base=bloom_base,
    script:
        "../scripts/bloom_train.py"


rule bloom_sample_after:
    input:
        model=bloom_model,
        adapter="<results>/bloom/{arm}/adapter",
        holdout="<results>/bloom/faq.holdout.json",
        code=helpers("bloom", "errors", "job"),
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
        device=bloom_setting("device"),
    script:
        "../scripts/bloom_sample.py"


rule bloom_samples:
    input:
        answers=expand("<results>/bloom/{arm}/answers.jsonl", arm=["base", *ARMS]),
        code=helpers("errors", "job"),
    output:
        "<results>/bloom/samples.jsonl",
    log:
        "<logs>/bloom_samples.log",
    benchmark:
        "<benchmarks>/bloom_samples.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/bloom_samples.py"


rule bloom_metrics:
    input:
        samples="<results>/bloom/samples.jsonl",
        before="<results>/bloom/base/likelihood.json",
        after=expand("<results>/bloom/{arm}/likelihood.json", arm=ARMS),
        training=expand("<results>/bloom/{arm}/training.json", arm=ARMS),
        code=helpers("errors", "job"),
    output:
        "<results>/bloom/metrics.json",
    log:
        "<logs>/bloom_metrics.log",
    benchmark:
        "<benchmarks>/bloom_metrics.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        arms=ARMS,
    script:
        "../scripts/bloom_metrics.py"


rule bloom_history:
    input:
        tables=expand("<results>/bloom/{arm}/history.csv", arm=ARMS),
        code=helpers("errors", "job"),
    output:
        "<results>/bloom/history.csv",
    log:
        "<logs>/bloom_history.log",
    benchmark:
        "<benchmarks>/bloom_history.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=[{"arm": arm} for arm in ARMS],
    script:
        "../scripts/table_join.py"


rule plot_bloom_training:
    input:
        history="<results>/bloom/history.csv",
        code=helpers("errors", "job", "style"),
    output:
        report(
            "<results>/figures/bloom_training.svg",
            caption="../report/bloom_training.rst",
            category="BLOOM",
            labels={"figure": "training loss and learning rate by step"},
        ),
        "<results>/figures/bloom_training.png",
    log:
        "<logs>/plot_bloom_training.log",
    benchmark:
        "<benchmarks>/plot_bloom_training.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_bloom_history.py"


rule plot_bloom_metrics:
    input:
        metrics="<results>/bloom/metrics.json",
        code=helpers("errors", "job", "style"),
    output:
        report(
            "<results>/figures/bloom_metrics.svg",
            caption="../report/bloom_metrics.rst",
            category="BLOOM",
            labels={"figure": "answers before and after training"},
        ),
        "<results>/figures/bloom_metrics.png",
    log:
        "<logs>/plot_bloom_metrics.log",
    benchmark:
        "<benchmarks>/plot_bloom_metrics.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_bloom_metrics.py"


rule plot_bloom_parameters:
    input:
        parameters="<results>/bloom/parameters.json",
        code=helpers("errors", "job", "style"),
    output:
        report(
            "<results>/figures/bloom_parameters.svg",
            caption="../report/bloom_parameters.rst",
            category="BLOOM",
            labels={"figure": "what LoRA trains"},
        ),
        "<results>/figures/bloom_parameters.png",
    log:
        "<logs>/plot_bloom_parameters.log",
    benchmark:
        "<benchmarks>/plot_bloom_parameters.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_bloom_parameters.py"
