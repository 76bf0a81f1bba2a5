"""Draw the validation accuracy of every run by step, and what its chosen checkpoint reaches on test."""

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_json, read_table

from matplotlib.lines import Line2D


def draw(history, metrics):
    """Return the figure: a panel for each dataset and method, a line for each seed.

    `history` holds the rows of tables/history.csv on validation accuracy, `metrics` the contents of every metrics.json.
    """
    chosen = {tuple(run[key] for key in ("dataset", "method", "seed")): run for run in metrics}
    methods = list(history.groupby(["dataset", "method"], sort=False))
    fig, panels = style.grid(len(methods), height_cm=5.5, sharex=True, sharey=True)
    looks = style.looks(history["seed"].unique())
    for axes, ((dataset, method), runs) in zip(panels, methods, strict=True):
        axes.set_title(f"{dataset}\n{method}")
        axes.grid()
        for seed, run in runs.groupby("seed", sort=False):
            look, found = looks[seed], chosen[dataset, method, seed]
            best = run[run["step"] == found["checkpoint"]["step"]]
            axes.plot(run["step"], run["value"], color=look["color"], linestyle=look["linestyle"], linewidth=1)
            axes.plot(best["step"], best["value"], look["marker"], color=look["color"])
            axes.plot(
                best["step"], found["accuracy"]["test"], look["marker"], color=look["color"], markerfacecolor="white"
            )
        axes.set(xlabel="step (updates)", ylabel="accuracy (%)")
        axes.tick_params(labelbottom=True)  # also above a place of the grid that stays empty
    marks = [Line2D([], [], label=f"seed {seed}", **look) for seed, look in looks.items()]
    if len(marks) > len(style.COLOURS):
        marks = []  # two seeds would look the same
    plain = {"color": "black", "marker": "o", "linestyle": ""}
    marks.append(Line2D([], [], label="chosen, on valid", **plain))
    marks.append(Line2D([], [], label="the same, on test", markerfacecolor="white", **plain))
    fig.legend(handles=marks, loc="outside lower center", ncols=5, frameon=False)
    return fig


if __name__ == "__main__":
    with job(snakemake):
        history = read_table(snakemake.input.history).query("split == 'valid' and metric == 'accuracy'")
        style.save(draw(history, [read_json(path) for path in snakemake.input.metrics]), snakemake.output)
