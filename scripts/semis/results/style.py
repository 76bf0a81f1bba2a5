"""The style of all figures: sizes, colours, markers, and files whose bytes depend only on the drawing."""

from collections.abc import Hashable, Iterable
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The colour-blind safe palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), ordered so that neighbours also
# differ in lightness: a figure printed in grey keeps them apart, and markers and line styles help.
COLOURS = ["#0072B2", "#E69F00", "#000000", "#D55E00", "#56B4E9", "#009E73", "#CC79A7"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
LINES = ["-", "--", ":", "-.", (0, (6, 1)), (0, (1, 1)), (0, (6, 1, 1, 1, 1, 1))]

Name = TypeVar("Name", bound=Hashable)

plt.rcParams.update(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": 8,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.2,
        "lines.markersize": 5,
        "svg.fonttype": "path",
        "svg.hashsalt": "semis",
        "text.parse_math": False,  # a label may hold two dollar signs
        "savefig.dpi": 200,
    }
)


def figure(width_cm: float = 16, height_cm: float = 9, **subplots_kwargs: Any) -> tuple[Figure, Any]:
    """Return (figure, axes) of this size in centimetres; other arguments go to `matplotlib.pyplot.subplots`."""
    return plt.subplots(figsize=(width_cm / 2.54, height_cm / 2.54), layout="constrained", **subplots_kwargs)


def grid(n: int, height_cm: float, **subplots_kwargs: Any) -> tuple[Figure, list[Axes]]:
    """Return (figure, list of n axes) in rows of at most three; `height_cm` is the height of a row."""
    rows = -(-n // 3)
    columns = -(-n // rows)
    fig, axes = figure(height_cm=rows * height_cm, nrows=rows, ncols=columns, squeeze=False, **subplots_kwargs)
    for unused in axes.flat[n:]:
        unused.remove()
    return fig, list(axes.flat[:n])


def save(fig: Figure, paths: Iterable[str | Path]) -> None:
    """Write the figure to each path, in the format of its ending (.svg, .png), and close it."""
    for path in paths:
        fig.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)
    plt.close(fig)


def looks(names: Iterable[Name]) -> dict[Name, dict[str, Any]]:
    """Return {name: {color, marker, linestyle}} in the order of the names, as keywords for `Axes.plot`.

    Pass all names of the study in the config's order: then a name looks the same in every figure, and a new name at the
    end changes no other.
    """
    styles = zip(cycle(COLOURS), cycle(MARKERS), cycle(LINES))
    return {name: dict(zip(("color", "marker", "linestyle"), style)) for name, style in zip(names, styles)}


def label_ends(fig: Figure, axes: Axes, ends: Iterable[tuple[str, float, float, str]]) -> None:
    """Write each label of `ends` (label, x, y, colour) to the right of the axes, near its point, without overlaps.

    Call it last, since it depends on the limits of the axes.
    """
    fig.draw_without_rendering()  # lays the axes out, so that their height is known
    gap = 11 / 72 * fig.dpi / axes.bbox.height
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = sorted(ends, key=lambda end: end[2])
    heights: list[float] = []
    for _, x, y, _ in ends:
        wanted = to_axes.transform((x, y))[1]
        heights.append(max(wanted, heights[-1] + gap) if heights else wanted)
    excess = max(0, heights[-1] - 1) if heights else 0
    for (label, x, y, colour), height in zip(ends, heights):
        axes.annotate(
            label,
            (x, y),
            (1.04, height - excess),
            textcoords="axes fraction",
            verticalalignment="center",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )
