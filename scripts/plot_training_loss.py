"""Draw the training loss of every run against the step."""

from semis.harness.job import job
from semis.results import curves, style
from semis.results.tables import metric_rows, read_table

if __name__ == "__main__":
    with job(snakemake):
        history = metric_rows(read_table(snakemake.input.history), "loss", "train")
        methods = snakemake.params.recipe["settings"]["methods"]
        style.save(curves.draw(history, "training loss", methods), snakemake.output)
