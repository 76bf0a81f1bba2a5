# Each target does its whole set-up: a Python from 3.11 to 3.13 with its headers, git and a C++ compiler are enough.
# The first Python that fits is taken; another one: make PYTHON=/path/to/python3.12
CORES ?= 2
VENV := .venv
SNAKEMAKE := $(VENV)/bin/snakemake
PYTEST := $(VENV)/bin/pytest --numprocesses $(CORES) --dist loadgroup --no-loadscope-reorder

PYTHONS := $(if $(PYTHON),'$(PYTHON)',python3.11 python3.12 python3.13 python3)
# it makes environments, and has what fairseq is compiled with
FITS := import os, sys, sysconfig, venv, ensurepip; \
    headers = os.path.exists(sysconfig.get_path("include") + "/Python.h"); \
    sys.exit(not (headers and (3, 11) <= sys.version_info < (3, 14)))
TRIED := $(if $(PYTHON),PYTHON=$(PYTHON) is not,none of $(PYTHONS) is)

# What a shell may hold for other Pythons must not reach ours, nor send packages elsewhere.
export PIP_USER := 0
export PIP_NO_DEPS := 0
export PIP_DRY_RUN := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON PYTHONPATH PYTHONHOME
ELSEWHERE := pip put packages elsewhere than into $(VENV): take target, prefix, root and python out of its configuration \
    (pip config list), then run make again.
# A half-made environment, one of another tool, or one whose Python was uninstalled is moved away, and a new one is made.
$(shell [ ! -e $(VENV) ] || { [ -x $(VENV)/bin/python ] && [ -x $(VENV)/bin/pip ]; } || { mv $(VENV) $(VENV).old.$$$$ && \
    echo "Semis: $(VENV) has no working Python with pip, so it was moved to $(VENV).old.$$$$" >&2; })
ifneq ($(and $(PYTHON),$(wildcard $(VENV)/.workflow)),)
ifneq ($(shell '$(PYTHON)' -V 2>/dev/null),$(shell $(VENV)/bin/python -V))
$(error Semis: $(VENV) was made with $(shell $(VENV)/bin/python -V); move $(VENV) away to have it made with $(PYTHON))
endif
endif

.PHONY: demo test test-quick test-slow test-long torture verify bench equivalence bench-scale environments
demo: $(VENV)/.workflow  ## run the whole chain on the embedded texts
	$(SNAKEMAKE) --cores $(CORES) --configfile demo/config.yaml

test: environments  ## does it work here? the environments, the demo's chain and the quick tests
	$(PYTEST) -m "not slow and not long"

test-quick: $(VENV)/.tests  ## the tests that build no environment and train nothing
	$(PYTEST) -m "not slow and not long" tests/unit tests/plan

test-slow: environments  ## the tests that `make test` leaves out
	$(PYTEST) -m "slow and not long"

test-long: environments  ## simulations, 100 kills, breakages; hours
	$(PYTEST) -m long

torture: $(VENV)/.tests  ## kill the demo KILLS times, resume it each time, compare; the same kills again with SEED=...
	KILLS=$(KILLS) SEED=$(SEED) $(VENV)/bin/pytest -s -m slow tests/torture/test_kills.py

verify: $(VENV)/.workflow  ## repeat one run of a finished study, RUN=DATASET/METHOD/seedN, and compare
	$(VENV)/bin/python scripts/verify.py $(or $(STUDY),demo) $(RUN) --cores $(CORES)

bench: $(VENV)/.workflow  ## how fast the engines are beside the report's commands; 10 minutes, hours with FULL=1
	FULL=$(FULL) $(VENV)/bin/python benchmarks/bench.py

equivalence: $(VENV)/.tests  ## whether the engines are equally accurate, on a folder REVIEWS and files TEXT; hours
	$(VENV)/bin/python benchmarks/equivalence.py $(REVIEWS) $(TEXT)

bench-scale: $(VENV)/.workflow  ## how planning grows from 10 to 1,000 seeds; minutes
	$(VENV)/bin/python benchmarks/scale.py

environments: $(VENV)/.tests  # once, before several tests ask for them at the same time
	$(SNAKEMAKE) --cores 1 --nolock --conda-create-envs-only

$(VENV)/bin/python:
	@for python in $(PYTHONS); do \
	    if "$$python" -I -c '$(FITS)' 2>/dev/null; then exec "$$python" -I -m venv $(VENV); fi; \
	done; \
	echo "Semis: $(TRIED) a Python from 3.11 to 3.13 with venv and headers; install one (on Debian and Ubuntu:" \
	    "apt install python3-venv python3-dev g++) or give its path as PYTHON=/path/to/python." >&2; \
	exit 1

$(VENV)/.workflow: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --requirement requirements.txt
	@[ -x $(SNAKEMAKE) ] || { echo "Semis: $(ELSEWHERE)" >&2; exit 1; }
	@touch $@

$(VENV)/.tests: tests/requirements.txt $(VENV)/.workflow
	$(VENV)/bin/python -m pip install --quiet --requirement tests/requirements.txt
	@[ -x $(VENV)/bin/pytest ] || { echo "Semis: $(ELSEWHERE)" >&2; exit 1; }
	@touch $@
