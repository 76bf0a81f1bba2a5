#!bash -c 'exec bash -euo pipefail "$*"' bash
# Snakemake runs this file as FIRST-LINE PATH without quotes; the line above joins a path with spaces again.
# fairseq is built here and not in the YAML: pip's isolated build would fetch a CUDA torch of several GB just to build it,
# and its declared needs a torchaudio that does not load beside this torch. The YAML lists what it needs at run time.
# pip's configuration may send packages to the user's own folder (PIP_USER) or elsewhere.
unset PIP_TARGET PIP_PREFIX PIP_ROOT
PIP_USER=0 python -m pip install --no-build-isolation --no-deps \
    --config-settings="--build-option=build_ext --parallel=2" fairseq-fixed==0.12.3.1
python -c "import fairseq, fairseq.libbase, fairseq.data.data_utils_fast"
