"""Model size: parameters counted in the checkpoint, beside the formula that predicts them; a page of them."""

MODELS_SIZED = sorted({method["model"] for name, method in METHODS.items() if name in methods_of("fairseq")})


rule model_size:
    input:
        model=counted_checkpoint,
        code=helpers("checkpoints", "errors", "job"),
    output:
        "<results>/models/{model}.parameters.csv",
    log:
        "<logs>/model_size/{model}.log",
    benchmark:
        "<benchmarks>/model_size/{model}.tsv"
    wildcard_constraints:
        model=any_of(MODELS_SIZED),
    conda:
        "../envs/fairseq.yaml"
    params:
        architecture=lambda wildcards: MODELS[wildcards.model]["architecture"],
        positions=lambda wildcards: MODELS[wildcards.model]["positions"],
    script:
        "../scripts/model_size.py"


rule parameters_page:
    input:
        parameters="<results>/tables/parameters.csv",
        code=helpers("errors", "job", "tables"),
    output:
        report(
            "<results>/tables/parameters.html",
            caption="../report/parameters_page.rst",
            category="Models",
            labels={"figure": "parameters, tensor by tensor"},
        ),
    log:
        "<logs>/parameters_page.log",
    benchmark:
        "<benchmarks>/parameters_page.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        sizes={model: sizes_of(MODELS[model]) for model in MODELS_SIZED},
    script:
        "../scripts/parameters_page.py"
