"""Binarize one text file with fairseq-preprocess and a given dictionary."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from semis.job import job


def binarize(text, dictionary, bin_file, idx_file, threads):
    """Write fairseq's .bin and .idx of the tokenized file `text`, with the words numbered as in `dictionary`.

    Raises CalledProcessError where fairseq-preprocess fails.
    """
    with tempfile.TemporaryDirectory(dir=Path(bin_file).parent) as folder:
        command = [sys.executable, "-m", "fairseq_cli.preprocess", "--only-source", "--trainpref", str(text)]
        command += ["--srcdict", str(dictionary), "--destdir", folder, "--workers", str(threads)]
        subprocess.run(command, check=True)
        shutil.move(Path(folder, "train.bin"), bin_file)
        shutil.move(Path(folder, "train.idx"), idx_file)


if __name__ == "__main__":
    with job(snakemake):
        files = snakemake.input, snakemake.output
        binarize(files[0].text, files[0].dictionary, files[1].bin, files[1].idx, snakemake.threads)
