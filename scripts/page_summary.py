"""Write the summary of a study for its readers: summary.md, and the same page as HTML with embedded figures."""

import base64
import re
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.results import html
from semis.results.markdown_html import converted
from semis.results.markup import escaped
from semis.results.pages import certainty, comparisons, data, metrics, models, published, qlora, training
from semis.results.pages.results import Results
from semis.results.tables import read_table
from semis.text.files import read_json, read_json_lines

import pandas as pd

SECTIONS = [
    metrics.section,
    certainty.section,
    comparisons.section,
    published.section,
    training.section,
    models.pretraining_section,
    models.section,
    data.section,
    qlora.section,
]
END = "[provenance.json](provenance.json) lists the code, config, inputs and versions that produced these results."
READERS = {".json": read_json, ".jsonl": read_json_lines}


def gather(inputs: Any, settings: dict[str, Any]) -> Results:
    """Read the tables and files that the page shows."""
    return Results(
        tables={Path(path).stem: read_table(path) for path in inputs.tables},
        figures=settings["figures"],
        qlora={Path(path).stem: READERS[Path(path).suffix](path) for path in inputs.qlora},
        published=pd.read_csv(inputs.published[0], dtype=str, keep_default_na=False) if inputs.published else None,
    )


def inlined(page: str, folder: Path) -> str:
    """Return the Markdown `page` as HTML and embed its figures, whose paths are relative to `folder`."""

    def inline(match: re.Match[str]) -> str:
        image = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{image}"'

    return re.sub(r'src="(figures/[^"]+\.png)"', inline, converted(page))


def so_far(missing: list[str] | None) -> list[str]:
    """Return a section on what the page leaves out, if it shows only the finished runs; nothing for the whole study."""
    if missing is None:
        return []
    left_out = f"Not shown: {escaped(', '.join(missing))}." if missing else "All runs are finished."
    return [
        "## So far",
        "This page shows the runs that were finished when it was made. It is not the result of the study. Methods with "
        f"different seeds are hard to compare. {left_out}",
    ]


def write(results: Results, output: Any, settings: dict[str, Any]) -> None:
    """Write both pages."""
    parts = [f"# {escaped(settings['study'])}"]
    if settings["remark"]:
        parts.append(f"> {escaped(settings['remark'])}")
    parts += so_far(settings["missing"])
    for section in SECTIONS:
        parts += section(results)
    if settings["missing"] is None:
        parts.append(END)
    page = "\n\n".join(parts) + "\n"
    Path(output.page).write_text(page, encoding="utf-8")
    body = inlined(page, Path(output.page).parent)
    Path(output.html).write_text(html.page(settings["study"], body), encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        settings = snakemake.params.recipe["settings"]
        write(gather(snakemake.input, settings), snakemake.output, settings)
