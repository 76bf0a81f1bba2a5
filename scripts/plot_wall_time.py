"""Draw the wall time of each method's runs: the mean over the seeds by stage, and each run."""

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table

import pandas as pd
from matplotlib.figure import Figure


def draw(runtime: pd.DataFrame) -> Figure:
    """Return the figure for tables/runtime.csv, a panel for each dataset."""
    runtime = runtime.assign(minutes=runtime["seconds"] / 60)
    datasets, all_methods = runtime["dataset"].unique(), runtime["method"].unique()
    height = 2 + len(datasets) * (1.2 + 0.9 * len(all_methods))
    fig, panels = style.figure(height_cm=height, nrows=len(datasets), sharex=True, squeeze=False)
    for axes, (dataset, rows) in zip(panels.flat, runtime.groupby("dataset", sort=False), strict=True):
        methods = [method for method in all_methods if method in set(rows["method"])]
        means = rows.pivot_table(index="method", columns="stage", values="minutes").loc[methods]
        totals = rows.groupby(["method", "seed"], sort=False)["minutes"].sum().loc[methods].reset_index()
        axes.set_title(dataset)
        axes.barh(methods, means["finetune"], height=0.6, color=style.COLOURS[4])
        axes.barh(methods, means["evaluate"], left=means["finetune"], height=0.6, color=style.COLOURS[0])
        axes.plot(totals["minutes"], totals["method"], "o", color="black", markerfacecolor="white")
        for place, (_, runs) in enumerate(totals.groupby("method", sort=False)):
            text = f"{means.iloc[place].sum():.1f} min"
            axes.annotate(text, (runs["minutes"].max(), place), (7, 0), textcoords="offset points", va="center")
        axes.invert_yaxis()
    panels.flat[-1].set_xmargin(0.15)
    panels.flat[-1].set_xlabel("wall time of one run (minutes): fine-tuning light, evaluation dark; a circle is a seed")
    return fig


if __name__ == "__main__":
    with job(snakemake):
        style.save(draw(read_table(snakemake.input.runtime)), snakemake.output)
