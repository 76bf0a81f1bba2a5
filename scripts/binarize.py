"""Binarize one text file with fairseq-preprocess and a given dictionary."""

import shutil
import subprocess
import sys
from pathlib import Path

from semis.fairseq.dictionaries import read_dictionary
from semis.harness.job import job


def binarize(text, dictionary, bin_file, idx_file, threads):
    """Write fairseq's .bin and .idx of the tokenized file `text`, with the words numbered as in `dictionary`.

    Raises UserError for a dictionary that cannot be read, CalledProcessError where fairseq-preprocess fails.
    """
    read_dictionary(dictionary)
    folder = Path(f"{bin_file}.new")
    shutil.rmtree(folder, ignore_errors=True)  # of a job that was killed
    command = [sys.executable, "-m", "fairseq_cli.preprocess", "--only-source", "--trainpref", str(text)]
    command += ["--srcdict", str(dictionary), "--destdir", str(folder), "--workers", str(threads)]
    subprocess.run(command, check=True)
    (folder / "train.bin").rename(bin_file)
    (folder / "train.idx").rename(idx_file)
    shutil.rmtree(folder)


if __name__ == "__main__":
    with job(snakemake):
        files = snakemake.input, snakemake.output
        binarize(files[0].text, files[0].dictionary, files[1].bin, files[1].idx, snakemake.threads)
