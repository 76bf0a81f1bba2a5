"""Join the answers before and after training. The untrained model counts once: its rows have the method `base`."""

from pathlib import Path

from semis.harness.job import job

if __name__ == "__main__":
    with job(snakemake):
        texts = [Path(path).read_text(encoding="utf-8") for path in snakemake.input.answers]
        Path(snakemake.output[0]).write_text("".join(texts), encoding="utf-8")
