"""Tables: CSV files over all runs of the study, one for each question. semis.study.tables describes them."""

from semis.study.tables import tables_of


rule table:
    input:
        unpack(table_inputs),
    output:
        "<results>/{part}tables/{table}.csv",
    log:
        "<logs>/{part}table/{table}.log",
    benchmark:
        "<benchmarks>/{part}table/{table}.tsv"
    wildcard_constraints:
        table=any_of(tables_of(STUDY, stacked=False)),
    conda:
        "../envs/analysis.yaml"
    resources:
        **asked("table"),
    params:
        recipe=lambda wildcards: recipe(f"table_{wildcards.table}", "analysis", table_settings)(wildcards),
    script:
        "../scripts/table_{wildcards.table}.py"


rule table_stack:
    input:
        unpack(table_inputs),
    output:
        "<results>/{part}tables/{table}.csv",
    log:
        "<logs>/{part}table_stack/{table}.log",
    benchmark:
        "<benchmarks>/{part}table_stack/{table}.tsv"
    wildcard_constraints:
        table=any_of(tables_of(STUDY, stacked=True)),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        recipe=recipe("table_stack", "analysis", table_settings),
    script:
        "../scripts/table_stack.py"
