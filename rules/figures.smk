"""Figures: drawn from tables, as SVG (which the report shows) and PNG. semis.study.figures describes them."""

from semis.study.figures import figures_of

# A rule for each, since a caption knows no wildcards. A script's path is read when the job runs, after the loop, so it
# comes from the wildcard.
for name, figure in figures_of(STUDY).items():

    rule:
        name:
            f"plot_{name}"
        input:
            **figure.inputs(STUDY),
        output:
            report(
                "<results>/figures/{figure}.svg",
                caption=f"../report/{name}.rst",
                category=figure.category,
                labels={"figure": figure.label},
            ),
            "<results>/figures/{figure}.png",
        log:
            "<logs>/plot_{figure}.log",
        benchmark:
            "<benchmarks>/plot_{figure}.tsv"
        wildcard_constraints:
            figure=name,
        localrule: True
        conda:
            "../envs/analysis.yaml"
        params:
            recipe=recipe(f"plot_{name}", "analysis", figure.settings(STUDY)),
        script:
            "../scripts/plot_{wildcards.figure}.py"
