# Both targets do their whole set-up: Python 3.11, git and a C++ compiler are enough.
PYTHON ?= python3.11
CORES ?= 2
VENV := .venv
SNAKEMAKE := $(VENV)/bin/snakemake
SIDE_BY_SIDE := --numprocesses $(CORES) --dist loadgroup --no-loadscope-reorder

.PHONY: demo test quick-test torture verify bench equivalence bench-scale
demo: $(VENV)/.workflow  ## run the whole chain on the embedded texts
	$(SNAKEMAKE) --cores $(CORES) --configfile demo/config.yaml

test: $(VENV)/.tests  ## pass all tests
	$(SNAKEMAKE) --cores 1 --nolock --conda-create-envs-only  # once, before several tests ask for them
	$(VENV)/bin/pytest $(SIDE_BY_SIDE)

quick-test: $(VENV)/.tests  ## pass the tests that build no environment and train nothing
	$(VENV)/bin/pytest $(SIDE_BY_SIDE) -m "not slow"

torture: $(VENV)/.tests  ## kill the demo KILLS times, go on each time, compare; the same kills again with SEED=...
	KILLS=$(KILLS) SEED=$(SEED) $(VENV)/bin/pytest -s tests/test_kills.py

verify: $(VENV)/.workflow  ## repeat one run of a finished study, RUN=DATASET/METHOD/seedN, and compare
	$(VENV)/bin/python scripts/verify.py $(or $(STUDY),demo) $(RUN) --cores $(CORES)

bench: $(VENV)/.workflow  ## how fast the engines are beside the report's commands; 10 minutes, hours with FULL=1
	FULL=$(FULL) $(VENV)/bin/python benchmarks/bench.py

equivalence: $(VENV)/.tests  ## whether the engines are equally accurate, on a folder REVIEWS and files TEXT; hours
	$(VENV)/bin/python benchmarks/equivalence.py $(REVIEWS) $(TEXT)

bench-scale: $(VENV)/.workflow  ## how planning grows from 10 to 1,000 seeds; minutes
	$(VENV)/bin/python benchmarks/scale.py

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Semis: $(PYTHON) is needed; install Python 3.11, or give its path as PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.workflow: requirements.txt $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/.tests: tests/requirements.txt $(VENV)/.workflow
	$(VENV)/bin/python -m pip install --quiet --requirement tests/requirements.txt
	@touch $@
