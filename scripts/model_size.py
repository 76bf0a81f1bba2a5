"""Count the parameters of a fairseq RoBERTa tensor by tensor, and compare each count with its formula."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semis.fairseq import checkpoints
from semis.harness.job import job

import sympy

D, F, L, T, V = SYMBOLS = sympy.symbols("D F L T V", positive=True, integer=True)
BASE = "encoder.sentence_encoder."
# fairseq numbers positions from the padding index (1) + 1, so no position uses the first two rows.
PADDING_OFFSET = 2
# {pattern of a tensor's name: its parameters}; D is the dimension, F the feed-forward width, L the number of layers,
# T that of positions and V that of tokens.
FORMULAS = {
    r"embed_tokens\.weight": V * D,
    r"embed_positions\.weight": (T + PADDING_OFFSET) * D,
    r"layernorm_embedding\.(weight|bias)": D,
    r"layers\.\d+\.self_attn\.(q|k|v|out)_proj\.weight": D**2,
    r"layers\.\d+\.self_attn\.(q|k|v|out)_proj\.bias": D,
    r"layers\.\d+\.(self_attn|final)_layer_norm\.(weight|bias)": D,
    r"layers\.\d+\.fc1\.weight": D * F,
    r"layers\.\d+\.fc1\.bias": F,
    r"layers\.\d+\.fc2\.weight": F * D,
    r"layers\.\d+\.fc2\.bias": D,
}


def formula(module: str) -> sympy.Expr:
    """Return the sympy expression for the parameters of a tensor, by its name without the encoder's prefix."""
    return next(found for pattern, found in FORMULAS.items() if re.fullmatch(pattern, module))


def total() -> sympy.Expr:
    """Return the sympy expression for all parameters of the encoder, without heads.

    With F = D and L = 4 it is the report's 24 D^2 + D V + D (T + 2) + 42 D.
    """
    layer = 4 * (D**2 + D) + 2 * 2 * D + D * F + F + F * D + D
    return V * D + (T + PADDING_OFFSET) * D + 2 * D + L * layer


def parameter_rows(
    shapes: Mapping[str, tuple[int, ...]], values: Mapping[sympy.Symbol, int]
) -> list[tuple[str, str, int, str, int]]:
    """Return rows (module, shape, parameters, formula, analytic) for the tensors in `shapes` ({module: tuple}).

    `values` gives each symbol its number. The last row is the total; its analytic value comes from the general formula
    (see `total`), not from the rows.
    """
    rows = []
    for module, shape in shapes.items():
        found = formula(module)
        rows.append((module, "x".join(map(str, shape)), int(sympy.prod(shape)), str(found), int(found.subs(values))))
    counted = sum(row[2] for row in rows)
    rows.append(("total", "", counted, str(sympy.expand(total())), int(total().subs(values))))
    return rows


def main(inputs: Any, output: str, settings: dict[str, Any]) -> None:
    """Write the table for a checkpoint, or for the model.pt in a folder, as it is with the config's positions."""
    path = Path(inputs.model)
    path = path / "model.pt" if path.is_dir() else path
    weights = checkpoints.cut_positions(path, checkpoints.load(path)["model"], settings["positions"])
    shapes = {name.removeprefix(BASE): tuple(t.shape) for name, t in weights.items() if name.startswith(BASE)}
    shapes = {name: shape for name, shape in shapes.items() if not name.endswith("version")}
    sizes, positions = settings["architecture"], settings["positions"]
    values = {D: sizes["dimension"], F: sizes["feed_forward"], L: sizes["layers"], T: positions}
    values[V] = shapes["embed_tokens.weight"][0]
    with open(output, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["module", "shape", "parameters", "formula", "analytic"])
        writer.writerows(parameter_rows(shapes, values))


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output[0], snakemake.params.recipe["settings"])
