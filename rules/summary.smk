"""Summary: the reader's page of the study, from its tables and figures."""

SUMMARY_TABLES = [table for table in TABLES if table not in ("accuracy", "confusion", "runtime")]
SUMMARY_INPUTS = {table: f"{RESULTS}/tables/{table}.csv" for table in SUMMARY_TABLES if METHODS}
if "published" in config:
    SUMMARY_INPUTS["published"] = config["published"]
if BLOOM:
    SUMMARY_INPUTS |= {
        "bloom_parameters": f"{RESULTS}/bloom/parameters.json",
        "bloom_metrics": f"{RESULTS}/bloom/metrics.json",
        "bloom_samples": f"{RESULTS}/bloom/samples.jsonl",
    }


rule summary:
    input:
        **SUMMARY_INPUTS,
        figures=expand(
            "<results>/figures/{figure}.png",
            figure=FIGURES * bool(METHODS) + BLOOM_FIGURES * bool(BLOOM),
        ),
        code=helpers("answers", "errors", "job", "statistics", "tables"),
    output:
        page="<results>/summary.md",
        html=report(
            "<results>/summary.html",
            caption="../report/summary.rst",
            category="Summary",
            labels={"page": "summary"},
        ),
    log:
        "<logs>/summary.log",
    benchmark:
        "<benchmarks>/summary.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        study=lambda wildcards: config["study"],
        remark=config["remark"],
    script:
        "../scripts/summary.py"
