"""Tables: what all runs of the study come to, one CSV for each question."""

RUNS = [
    {"dataset": dataset, "method": method, "seed": seed}
    for dataset in DATASETS
    for method in METHODS
    for seed in config["seeds"]
]
TOKENIZED = [{"dataset": dataset, "model": model} for dataset in DATASETS for model in MODELS_SIZED]
STARTS = {MODELS[m["model"]].get("export", m["model"]) for m in METHODS.values() if m["start"] == "pretrained"}
MODELS_PRETRAINED = sorted(STARTS & set(models_with("fairseq", "pretraining")))
TABLES = ["accuracy", "summary", "comparisons", "spread", "confusion", "history", "runtime", "checks"]
TABLES += ["parameters", "tokens"] * bool(MODELS_SIZED)
TABLES += ["pretraining"] * bool(MODELS_PRETRAINED)
STUDY_TARGETS = expand("<results>/tables/{table}.csv", table=TABLES) if METHODS else []
STUDY_TARGETS += ["<results>/tables/parameters.html"] * bool(MODELS_SIZED)


rule table_accuracy:
    input:
        metrics=runs("<results>/runs/{dataset}/{method}/seed{seed}/metrics.json"),
        code=helpers("errors", "job", "tables"),
    output:
        "<results>/tables/accuracy.csv",
    log:
        "<logs>/table_accuracy.log",
    benchmark:
        "<benchmarks>/table_accuracy.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/table_accuracy.py"


rule table_summary:
    input:
        accuracy="<results>/tables/accuracy.csv",
        predictions=runs("<results>/runs/{dataset}/{method}/seed{seed}/predictions.csv"),
        code=helpers("errors", "job", "statistics", "tables"),
    output:
        "<results>/tables/summary.csv",
    log:
        "<logs>/table_summary.log",
    benchmark:
        "<benchmarks>/table_summary.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        runs=RUNS,
    script:
        "../scripts/table_summary.py"


rule table_comparisons:
    input:
        predictions=runs("<results>/runs/{dataset}/{method}/seed{seed}/predictions.csv"),
        code=helpers("errors", "job", "statistics", "tables"),
    output:
        "<results>/tables/comparisons.csv",
    log:
        "<logs>/table_comparisons.log",
    benchmark:
        "<benchmarks>/table_comparisons.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        runs=RUNS,
    script:
        "../scripts/table_comparisons.py"


rule table_spread:
    input:
        predictions=runs("<results>/runs/{dataset}/{method}/seed{seed}/predictions.csv"),
        code=helpers("errors", "job", "statistics", "tables"),
    output:
        "<results>/tables/spread.csv",
    log:
        "<logs>/table_spread.log",
    benchmark:
        "<benchmarks>/table_spread.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        runs=RUNS,
    script:
        "../scripts/table_spread.py"


rule table_confusion:
    input:
        predictions=runs("<results>/runs/{dataset}/{method}/seed{seed}/predictions.csv"),
        code=helpers("errors", "job", "statistics", "tables"),
    output:
        "<results>/tables/confusion.csv",
    log:
        "<logs>/table_confusion.log",
    benchmark:
        "<benchmarks>/table_confusion.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        runs=RUNS,
        labels={name: dataset["labels"] for name, dataset in DATASETS.items()},
    script:
        "../scripts/table_confusion.py"


rule table_history:
    input:
        tables=runs("<results>/runs/{dataset}/{method}/seed{seed}/history.csv"),
        code=helpers("errors", "job"),
    output:
        "<results>/tables/history.csv",
    log:
        "<logs>/table_history.log",
    benchmark:
        "<benchmarks>/table_history.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=RUNS,
    script:
        "../scripts/table_join.py"


rule table_pretraining:
    input:
        tables=expand("<results>/pretraining/{model}/history.csv", model=MODELS_PRETRAINED),
        code=helpers("errors", "job"),
    output:
        "<results>/tables/pretraining.csv",
    log:
        "<logs>/table_pretraining.log",
    benchmark:
        "<benchmarks>/table_pretraining.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=[
            {
                "model": model,
                "tokens_per_step": MODELS[model]["pretraining"]["batch_size"] * MODELS[model]["positions"],
            }
            for model in MODELS_PRETRAINED
        ],
    script:
        "../scripts/table_join.py"


rule table_parameters:
    input:
        tables=expand("<results>/models/{model}.parameters.csv", model=MODELS_SIZED),
        code=helpers("errors", "job"),
    output:
        "<results>/tables/parameters.csv",
    log:
        "<logs>/table_parameters.log",
    benchmark:
        "<benchmarks>/table_parameters.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=[{"model": model} for model in MODELS_SIZED],
    script:
        "../scripts/table_join.py"


rule table_checks:
    input:
        tables=expand("<results>/data/{dataset}/checks.csv", dataset=DATASETS),
        code=helpers("errors", "job"),
    output:
        "<results>/tables/checks.csv",
    log:
        "<logs>/table_checks.log",
    benchmark:
        "<benchmarks>/table_checks.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=[{} for _ in DATASETS],  # checks.csv names its dataset itself
    script:
        "../scripts/table_join.py"


rule table_tokens:
    input:
        tables=expand("<results>/data/{dataset}/tokens/{model}/checks.csv", dataset=DATASETS, model=MODELS_SIZED),
        code=helpers("errors", "job"),
    output:
        "<results>/tables/tokens.csv",
    log:
        "<logs>/table_tokens.log",
    benchmark:
        "<benchmarks>/table_tokens.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=TOKENIZED,
    script:
        "../scripts/table_join.py"


rule table_runtime:
    input:
        benchmarks=runs("<benchmarks>/finetune/{dataset}/{method}/seed{seed}.tsv")
        + runs("<benchmarks>/evaluate/{dataset}/{method}/seed{seed}.tsv"),
        code=helpers("errors", "job"),
    output:
        "<results>/tables/runtime.csv",
    log:
        "<logs>/table_runtime.log",
    benchmark:
        "<benchmarks>/table_runtime.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=[{**run, "stage": stage} for stage in ("finetune", "evaluate") for run in RUNS],
    script:
        "../scripts/table_runtime.py"
