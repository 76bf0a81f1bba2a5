"""Write fairseq's dictionary of the labels in the config's order: by itself fairseq orders them by frequency."""

from pathlib import Path

from semis.harness.job import job


def label_dictionary(labels):
    """Return dict.txt for `labels`: a line each, with a count that fairseq needs and nobody reads."""
    return "".join(f"{label} 1\n" for label in labels)


if __name__ == "__main__":
    with job(snakemake):
        Path(snakemake.output[0]).write_text(label_dictionary(snakemake.params.labels), encoding="utf-8")
