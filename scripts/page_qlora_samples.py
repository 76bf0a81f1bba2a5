"""Write the page of answers: a section for each question, with the answers of all methods side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.qlora.answers import ending
from semis.results.html import escaped, page
from semis.text.files import read_json_lines

TITLE = "Answers before and after training"
STYLE = """
body { max-width: 80em; }
h2 { font-size: 17px; margin: 2em 0 .5em; }
div { display: flex; flex-wrap: wrap; gap: 1em; }
article { flex: 1 1 18em; border: 1px solid #ccc; padding: .5em 1em; }
h3 { font-size: 14px; margin: 0; }
p { white-space: pre-wrap; overflow-wrap: anywhere; }
small { color: #666; }
"""


def article(sample: dict[str, Any]) -> str:
    """Return the HTML of one answer."""
    text = escaped(sample["answer"]) or "<em>(nothing)</em>"
    title = escaped(f"{sample['method']}, {sample['stage']}")
    end = escaped(f"{ending(sample)}, seed {sample['seed']}")
    return f"<article><h3>{title}</h3><p>{text}</p><small>{end}</small></article>"


def samples_page(samples: Sequence[dict[str, Any]]) -> str:
    """Return the page for the rows of samples.jsonl."""
    parts = [f"<h1>{TITLE}</h1>"]
    for question in dict.fromkeys(sample["question"] for sample in samples):
        answers = [article(sample) for sample in samples if sample["question"] == question]
        parts += [f"<h2>{escaped(question)}</h2>", "<div>", *answers, "</div>"]
    return page(TITLE, "\n".join(parts), STYLE)


if __name__ == "__main__":
    with job(snakemake):
        samples = read_json_lines(snakemake.input.samples)
        Path(snakemake.output[0]).write_text(samples_page(samples), encoding="utf-8")
