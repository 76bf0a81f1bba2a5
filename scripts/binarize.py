"""Binarize tokenized text, and the labels of its lines where there are any, with fairseq-preprocess."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from semis.fairseq.data import label_dictionary
from semis.fairseq.dictionaries import read_dictionary
from semis.harness.job import job

from fairseq.options import get_preprocessing_parser
from fairseq_cli import preprocess


def binarize(text: str, dictionary: str, bin_file: str, idx_file: str, threads: int) -> None:
    """Write fairseq's .bin and .idx of the tokenized file `text`; `dictionary` numbers the words.

    fairseq-preprocess runs in this process, since importing fairseq again would take longer than the work. Raises
    UserError if the dictionary cannot be read.
    """
    read_dictionary(dictionary)
    folder = Path(f"{bin_file}.new")
    shutil.rmtree(folder, ignore_errors=True)  # a killed job may have left it
    flags = ["--only-source", "--trainpref", text, "--srcdict", dictionary, "--destdir", str(folder)]
    preprocess.main(get_preprocessing_parser().parse_args([*flags, "--workers", str(threads)]))
    for handler in [*preprocess.logger.handlers]:  # an open log would keep the folder on a network file system
        preprocess.logger.removeHandler(handler)
        handler.close()
    (folder / "train.bin").rename(bin_file)
    (folder / "train.idx").rename(idx_file)
    shutil.rmtree(folder)


def main(inputs: Any, output: Any, settings: dict, threads: int) -> None:
    """Binarize the text and, if the settings name `labels`, the labels of a dataset."""
    binarize(inputs.text, inputs.dictionary, output.bin, output.idx, threads)
    if "labels" in settings:
        with tempfile.TemporaryDirectory() as folder:
            labels = Path(folder, "dict.txt")
            labels.write_text(label_dictionary(settings["labels"]), encoding="utf-8")
            binarize(inputs.label, str(labels), output.label_bin, output.label_idx, threads)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params.recipe["settings"], snakemake.threads)
