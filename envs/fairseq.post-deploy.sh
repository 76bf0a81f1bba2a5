#!bash -c 'exec bash -euo pipefail "$*"' bash
# Snakemake runs this file as FIRST-LINE PATH without quotes; the line above joins a path with spaces again.
# fairseq is built here and not in the YAML: pip's isolated build would fetch a CUDA torch of several GB just to build it,
# and its declared needs a torchaudio that does not load beside this torch. Its run-time needs stand in the YAML.
python -m pip install --no-build-isolation --no-deps fairseq-fixed==0.12.3.1
python -c "import fairseq, fairseq.libbase, fairseq.data.data_utils_fast"
