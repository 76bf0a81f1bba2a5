"""Draw the parameters that LoRA trains: for each kind of layer, the model's own weights and those of the adapters."""

from typing import Any

from semis.harness.job import job
from semis.results import style
from semis.results.markup import shown
from semis.text.files import read_json

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter


def draw(found: dict[str, Any]) -> Figure:
    """Return the figure for qlora/parameters.json, two bars for each kind of layer, on a logarithmic scale."""
    modules = [shown(entry["module"]) for entry in found["modules"]]
    after = found["after_lora"]
    fig, axes = style.figure(height_cm=2.5 + 1.1 * len(modules))
    axes.set_title(f"{after['trainable']:,} trainable of {after['all']:,} parameters ({after['percent']:.3f} %)")
    for key, label, offset, colour in [
        ("parameters", "frozen, of the model", -0.2, style.COLOURS[0]),
        ("lora", "trained, of the LoRA adapters", 0.2, style.COLOURS[1]),
    ]:
        shown = [(place + offset, entry[key]) for place, entry in enumerate(found["modules"]) if entry[key]]
        bars = axes.barh(*zip(*shown), height=0.38, color=colour, label=label)
        axes.bar_label(bars, [f"{value:,}" for _, value in shown], padding=3)
    axes.set_yticks(range(len(modules)), modules)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.xaxis.set_minor_formatter("")
    axes.set_xmargin(0.2)  # leaves room for the numbers
    axes.set_xlabel("parameters, before 4-bit packing (logarithmic)")
    fig.legend(loc="outside lower center", ncols=2, frameon=False)
    return fig


if __name__ == "__main__":
    with job(snakemake):
        style.save(draw(read_json(snakemake.input.parameters)), snakemake.output)
