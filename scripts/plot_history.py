"""Draw what the runs measured on their way, against the step: a colour for each method, a line for each seed."""

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table


def draw(history, label):
    """Return the figure for rows of tables/history.csv of one metric, a panel for each dataset.

    `label` says what the values are.
    """
    if history.empty:
        fig, axes = style.figure()
        axes.set_title(f"no {label} was logged: training.log_every is longer than the trainings")
        return fig
    datasets, methods = history["dataset"].unique(), history["method"].unique()
    fig, panels = style.figure(
        height_cm=2 + 6 * len(datasets), nrows=len(datasets), sharex=True, sharey=True, squeeze=False
    )
    looks = style.looks(methods)
    for axes, (dataset, rows) in zip(panels.flat, history.groupby("dataset", sort=False), strict=True):
        axes.set_title(dataset)
        axes.set_ylabel(label)
        axes.grid()
        for (method, _), run in rows.groupby(["method", "seed"], sort=False):
            look = looks[method]
            axes.plot(run["step"], run["value"], color=look["color"], linestyle=look["linestyle"], linewidth=1)
    panels.flat[-1].set_xlabel("step (updates)")
    for axes, (_, rows) in zip(panels.flat, history.groupby("dataset", sort=False), strict=True):
        style.label_ends(axes, [end(method, runs, looks) for method, runs in rows.groupby("method", sort=False)])
    return fig


def end(method, runs, looks):
    """What `label_ends` needs: the method, its last step, the mean of its seeds there, its colour."""
    last = runs[runs["step"] == runs["step"].max()]
    return method, last["step"].iloc[0], last["value"].mean(), looks[method]["color"]


if __name__ == "__main__":
    with job(snakemake):
        params = snakemake.params
        history = read_table(snakemake.input.history).query("split == @params.split and metric == @params.metric")
        style.save(draw(history, params.label), snakemake.output)
