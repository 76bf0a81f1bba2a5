"""Figures: each drawn from tables, as SVG (which the report page shows) and PNG."""

FIGURES = ["accuracy_by_method", "validation_accuracy", "confusion", "training_loss", "learning_rate", "wall_time"]
FIGURES += ["parameters", "lengths"] * bool(MODELS_SIZED) + ["perplexity"] * bool(MODELS_PRETRAINED)
if METHODS:
    STUDY_TARGETS += expand("<results>/figures/{figure}.{format}", figure=FIGURES, format=["svg", "png"])


rule plot_accuracy_by_method:
    input:
        accuracy="<results>/tables/accuracy.csv",
        summary="<results>/tables/summary.csv",
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/accuracy_by_method.svg",
            caption="../report/accuracy_by_method.rst",
            category="Accuracy",
            labels={"figure": "test accuracy by method"},
        ),
        "<results>/figures/accuracy_by_method.png",
    log:
        "<logs>/plot_accuracy_by_method.log",
    benchmark:
        "<benchmarks>/plot_accuracy_by_method.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_accuracy_by_method.py"


rule plot_validation_accuracy:
    input:
        history="<results>/tables/history.csv",
        metrics=runs("<results>/runs/{dataset}/{method}/seed{seed}/metrics.json"),
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/validation_accuracy.svg",
            caption="../report/validation_accuracy.rst",
            category="Accuracy",
            labels={"figure": "validation accuracy by step"},
        ),
        "<results>/figures/validation_accuracy.png",
    log:
        "<logs>/plot_validation_accuracy.log",
    benchmark:
        "<benchmarks>/plot_validation_accuracy.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_validation_accuracy.py"


rule plot_confusion:
    input:
        confusion="<results>/tables/confusion.csv",
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/confusion.svg",
            caption="../report/confusion.rst",
            category="Accuracy",
            labels={"figure": "confusion matrices"},
        ),
        "<results>/figures/confusion.png",
    log:
        "<logs>/plot_confusion.log",
    benchmark:
        "<benchmarks>/plot_confusion.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_confusion.py"


rule plot_training_loss:
    input:
        history="<results>/tables/history.csv",
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/training_loss.svg",
            caption="../report/training_loss.rst",
            category="Training",
            labels={"figure": "training loss by step"},
        ),
        "<results>/figures/training_loss.png",
    log:
        "<logs>/plot_training_loss.log",
    benchmark:
        "<benchmarks>/plot_training_loss.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        split="train",
        metric="loss",
        label="training loss",
    script:
        "../scripts/plot_history.py"


rule plot_learning_rate:
    input:
        history="<results>/tables/history.csv",
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/learning_rate.svg",
            caption="../report/learning_rate.rst",
            category="Training",
            labels={"figure": "learning rate by step"},
        ),
        "<results>/figures/learning_rate.png",
    log:
        "<logs>/plot_learning_rate.log",
    benchmark:
        "<benchmarks>/plot_learning_rate.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        split="train",
        metric="learning_rate",
        label="learning rate",
    script:
        "../scripts/plot_history.py"


rule plot_perplexity:
    input:
        pretraining="<results>/tables/pretraining.csv",
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/perplexity.svg",
            caption="../report/perplexity.rst",
            category="Training",
            labels={"figure": "perplexity of the pretraining"},
        ),
        "<results>/figures/perplexity.png",
    log:
        "<logs>/plot_perplexity.log",
    benchmark:
        "<benchmarks>/plot_perplexity.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_perplexity.py"


rule plot_parameters:
    input:
        parameters="<results>/tables/parameters.csv",
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/parameters.svg",
            caption="../report/parameters.rst",
            category="Models",
            labels={"figure": "parameters by part"},
        ),
        "<results>/figures/parameters.png",
    log:
        "<logs>/plot_parameters.log",
    benchmark:
        "<benchmarks>/plot_parameters.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_parameters.py"


rule plot_wall_time:
    input:
        runtime="<results>/tables/runtime.csv",
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/wall_time.svg",
            caption="../report/wall_time.rst",
            category="Training",
            labels={"figure": "wall time by method"},
        ),
        "<results>/figures/wall_time.png",
    log:
        "<logs>/plot_wall_time.log",
    benchmark:
        "<benchmarks>/plot_wall_time.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    script:
        "../scripts/plot_wall_time.py"


rule plot_lengths:
    input:
        lengths=expand("<results>/data/{dataset}/tokens/{model}/lengths.csv", dataset=DATASETS, model=MODELS_SIZED),
        code=helpers("errors", "job", "style", "tables"),
    output:
        report(
            "<results>/figures/lengths.svg",
            caption="../report/lengths.rst",
            category="Data",
            labels={"figure": "lengths of the reviews"},
        ),
        "<results>/figures/lengths.png",
    log:
        "<logs>/plot_lengths.log",
    benchmark:
        "<benchmarks>/plot_lengths.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        of=[{**of, "positions": MODELS[of["model"]]["positions"]} for of in TOKENIZED],
    script:
        "../scripts/plot_lengths.py"
