#!bash -c 'exec bash -euo pipefail "$*"' bash
# Snakemake runs this file as FIRST-LINE PATH without quotes; the line above joins a path with spaces again.
# fairseq is built here and not in the YAML: pip's isolated build would fetch a CUDA torch of several GB just to build it,
# and its declared needs a torchaudio that does not load beside this torch. The YAML lists what it needs at run time.
headers=$(python -c "import sysconfig; print(sysconfig.get_path('include'))")
if ! command -v g++ c++ >/dev/null || [ ! -e "$headers/Python.h" ]; then
    echo "Semis: fairseq is compiled here, which takes a C++ compiler and Python's headers; install them, on Debian and" \
        "Ubuntu with: apt install g++ python3-dev" >&2
    exit 1
fi
temporary=${TMPDIR:-/tmp}
if [ "$(df -Pk "$temporary" | awk 'NR == 2 {print $4}')" -lt 500000 ]; then
    echo "Semis: compiling fairseq takes 0.5 GB, and $temporary has less; free some, or set TMPDIR to another folder" >&2
    exit 1
fi
# pip's configuration may send packages to the user's own folder (PIP_USER) or elsewhere; with CUDA_HOME fairseq would
# compile kernels that nothing here uses. Without debugging symbols (-g0) compiling takes two thirds of the time.
unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON CUDA_HOME
export PIP_USER=0 PIP_DRY_RUN=0 CFLAGS="${CFLAGS:-} -g0"
# A wheel of PyPI, such as that for Python 3.12, is linked with another torch than the YAML's, so it is not used.
python -m pip install --no-build-isolation --no-deps --no-binary fairseq-fixed fairseq-fixed==0.12.3.1
python -c "import fairseq, fairseq.libbase, fairseq.data.data_utils_fast"
