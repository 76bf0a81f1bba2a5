"""Pages: the summary of the study, and the parameters of its fairseq models. semis.study.pages describes their inputs."""

from semis.study import pages


rule summary:
    input:
        unpack(shown(pages.summary_inputs)),
    output:
        page="<results>/{part}summary.md",
        html=report(
            "<results>/{part}summary.html",
            caption="../report/summary.rst",
            category="Summary",
            labels={"page": "summary"},
        ),
    log:
        "<logs>/{part}summary.log",
    benchmark:
        "<benchmarks>/{part}summary.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("page_summary", "analysis", shown(pages.summary_settings)),
    script:
        "../scripts/page_summary.py"


rule page_parameters:
    input:
        parameters="<results>/tables/parameters.csv",
    output:
        report(
            "<results>/tables/parameters.html",
            caption="../report/parameters_page.rst",
            category="Models",
            labels={"figure": "parameters, tensor by tensor"},
        ),
    log:
        "<logs>/page_parameters.log",
    benchmark:
        "<benchmarks>/page_parameters.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe(
            "page_parameters",
            "analysis",
            {"sizes": {model: STUDY.sizes_of(model) for model in STUDY.models_sized}},
        ),
    script:
        "../scripts/page_parameters.py"
