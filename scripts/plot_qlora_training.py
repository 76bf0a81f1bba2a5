"""Draw training loss and learning rate of each arm against the step."""

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table

LABELS = {"loss": "training loss", "learning_rate": "learning rate"}


def draw(history):
    """Return the figure for bloom/history.csv (arm, step, metric, value), a panel for each metric."""
    fig, panels = style.figure(height_cm=12, nrows=len(LABELS), sharex=True)
    looks = style.looks(history["arm"].unique())
    for axes, (metric, label) in zip(panels, LABELS.items(), strict=True):
        axes.set_ylabel(label)
        axes.grid()
        for arm, rows in history[history["metric"] == metric].groupby("arm", sort=False):
            look = looks[arm]
            axes.plot(rows["step"], rows["value"], label=arm, color=look["color"], linestyle=look["linestyle"])
    panels[0].legend(frameon=False)
    panels[-1].set_xlabel("step (updates)")
    return fig


if __name__ == "__main__":
    with job(snakemake):
        style.save(draw(read_table(snakemake.input.history)), snakemake.output)
