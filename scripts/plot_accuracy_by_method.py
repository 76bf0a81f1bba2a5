"""Draw the test accuracy of each method: a point for each seed, their mean and its interval."""

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table


def draw(accuracy, summary):
    """Return the figure for the test rows of tables/accuracy.csv and tables/summary.csv, a panel for each dataset."""
    datasets, methods = summary["dataset"].unique(), summary["method"].unique()
    height = 2 + len(datasets) * (1 + 0.9 * len(methods))
    fig, panels = style.figure(height_cm=height, nrows=len(datasets), sharex=True, squeeze=False)
    looks = style.looks(methods)
    for axes, dataset in zip(panels.flat, datasets, strict=True):
        axes.set_title(dataset)
        axes.grid(axis="x")
        for place, method in enumerate(methods):
            at = f"dataset == {dataset!r} and method == {method!r}"
            [found], points = summary.query(at).to_dict("records"), accuracy.query(at)["accuracy"]
            colour = looks[method]["color"]
            axes.plot([found["ci_low"], found["ci_high"]], [place, place], color=colour, linewidth=2.5, alpha=0.4)
            axes.plot(points, [place] * len(points), looks[method]["marker"], color=colour, markerfacecolor="white")
            axes.plot(found["mean"], place, "|", color=colour, markersize=14, markeredgewidth=2)
            axes.annotate(f"{found['mean']:.1f} %", (found["mean"], place - 0.3), ha="center", va="bottom")
        axes.set_yticks(range(len(methods)), methods)
        axes.set_ylim(len(methods) - 0.5, -0.7)
    panels.flat[-1].set_xlabel("accuracy on the test reviews (%)")
    return fig


if __name__ == "__main__":
    with job(snakemake):
        tables = [
            read_table(path).query("split == 'test'") for path in (snakemake.input.accuracy, snakemake.input.summary)
        ]
        style.save(draw(*tables), snakemake.output)
