"""Figures: drawn from tables, as SVG for the report and as PNG. semis.study.figures describes them."""

from semis.study.figures import figures_of

# Each figure has its own rule, since a caption cannot contain wildcards. Snakemake reads a script's path when the job
# runs, after the loop, so the path comes from the wildcard.
for name, figure in figures_of(STUDY).items():

    rule:
        name:
            f"plot_{name}"
        input:
            unpack(shown(figure.inputs)),
        output:
            report(
                "<results>/{part}figures/{figure}.svg",
                caption=f"../report/{name}.rst",
                category=figure.category,
                labels={"figure": figure.label},
            ),
            "<results>/{part}figures/{figure}.png",
        log:
            "<logs>/{part}plot_{figure}.log",
        benchmark:
            "<benchmarks>/{part}plot_{figure}.tsv"
        wildcard_constraints:
            figure=name,
        localrule: True
        conda:
            "../envs/analysis.yaml"
        params:
            recipe=recipe(f"plot_{name}", "analysis", shown(figure.settings)),
        script:
            "../scripts/plot_{wildcards.figure}.py"
