"""BLOOM's results: answers and metrics of all arms in one place, and the figures."""

BLOOM_TARGETS = []
BLOOM_FIGURES = ["bloom_training", "bloom_metrics", "bloom_parameters"]
if BLOOM:
    BLOOM_TARGETS = expand(
        "<results>/bloom/{file}", file=["parameters.json", "history.csv", "samples.jsonl", "metrics.json"]
    )
    BLOOM_TARGETS += ["<results>/bloom/samples.html"]
    BLOOM_TARGETS += expand("<results>/bloom/{arm}/adapter/README.md", arm=ARMS)
    BLOOM_TARGETS += expand("<results>/bloom/{arm}/merged", arm=ARMS if BLOOM["merge"] else [])
    BLOOM_TARGETS += expand("<results>/figures/{figure}.{format}", figure=BLOOM_FIGURES, format=["svg", "png"])


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


rule bloom_samples_page:
    input:
        samples="<results>/bloom/samples.jsonl",
        code=helpers("answers", "errors", "job", "tables"),
    output:
        report(
            "<results>/bloom/samples.html",
            caption="../report/bloom_samples.rst",
            category="BLOOM",
            labels={"figure": "answers, side by side"},
        ),
    log:
        "<logs>/bloom_samples_page.log",
    benchmark:
        "<benchmarks>/bloom_samples_page.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/bloom_samples_page.py"


rule bloom_metrics:
    input:
        samples="<results>/bloom/samples.jsonl",
        before="<results>/bloom/base/likelihood.json",
        after=expand("<results>/bloom/{arm}/likelihood.json", arm=ARMS),
        training=expand("<results>/bloom/{arm}/training.json", arm=ARMS),
        code=helpers("errors", "job", "tables"),
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


rule bloom_card:
    input:
        metrics="<results>/bloom/metrics.json",
        code=helpers("answers", "errors", "job"),
    output:
        "<results>/bloom/{arm}/adapter/README.md",
    log:
        "<logs>/bloom_card/{arm}.log",
    benchmark:
        "<benchmarks>/bloom_card/{arm}.tsv"
    wildcard_constraints:
        arm=any_of(ARMS),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        base=bloom_base,
        model=lambda wildcards: BLOOM["model"].get("source", {}),
        faq=bloom_setting("faq", "source"),
        prompt=bloom_setting("prompt"),
        lora=bloom_setting("lora"),
        training=bloom_setting("training"),
        sampling=bloom_setting("sampling"),
    script:
        "../scripts/bloom_card.py"


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
        code=helpers("errors", "job", "style", "tables"),
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
