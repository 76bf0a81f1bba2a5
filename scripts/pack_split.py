"""Pack all that fairseq reads of a split into one file: each of its runs then has one input for it, not six."""

import zipfile
from pathlib import Path

from semis.harness.job import job


def pack(path, files):
    """Write the archive `path` of `files` ({name in it: path}), without dates: equal files give equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in files.items():
            archive.writestr(zipfile.ZipInfo(name), Path(file).read_bytes())


def main(inputs, output):
    """Lay out the folder of fairseq's task sentence_prediction, and beside its folders the labels as text."""
    files = {"input0/dict.txt": inputs.dictionary, "label/dict.txt": inputs.label_dictionary}
    files |= {f"input0/{Path(path).name}": path for path in inputs.reviews}
    files |= {f"label/{Path(path).name}": path for path in inputs.labels}
    pack(output, {**files, Path(inputs.label_text).name: inputs.label_text})


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output[0])
