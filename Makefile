# For a newcomer: `make demo` (about a minute) and `make test` (some minutes). Each makes an environment of its own;
# nothing is installed outside this folder. Settings, all optional:
#   PYTHON=python3.12   the interpreter that the environments are made with (3.11 or newer)
#   PIP_FLAGS=…         more arguments for pip, such as another package index (see CONTRIBUTING.md)
#   JOBS=4              test processes (each with one thread)
#   DATA=…              folder of the real data sets, for `make reproduce` and `make compare`
#   ARGS=…              more arguments for pytest, such as ARGS='tests/test_grid.py -x'

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

at_least_311 = $(shell $(1) -c 'import sys; print("yes" if sys.version_info >= (3, 11) else "")' 2>/dev/null)
PYTHON ?= $(firstword $(foreach p,python3.11 python3,$(if $(call at_least_311,$(p)),$(p))))
PIP_FLAGS ?=
JOBS ?= 2
DATA ?= ../shared/data
ARGS ?=
TORCH := torch==2.13.0
EXTRAS := train,test,dev
LIGHT := compare parquet report view zarr
LIGHT_LIST := compare,parquet,report,view,zarr
LOWEST_TESTS := tests/cli/test_options.py tests/test_scene.py tests/test_grid.py tests/readers/test_granule.py \
  tests/readers/test_meteorology.py tests/product/test_cube.py tests/analysis tests/test_region.py
SOURCES := $(shell find src simulator/src -type f -not -name '*.pyc')

DEMO := .venv-demo
TEST := .venv-test
LOCK := .venv-lock
AUDIT := .venv-audit
DOCS := .venv-docs
MUTANTS := .venv-mutants
NOTEBOOKS := .venv-notebooks
LOWEST := .venv-lowest
LISTS := pyproject.toml simulator/pyproject.toml constraints.txt

# $(call environment,FOLDER,WHAT TO INSTALL): from scratch where the lists of packages are newer, else brought up to date.
define environment
@test -n "$(call at_least_311,$(PYTHON))" || { \
  echo "Python 3.11 or newer is needed, and neither python3.11 nor python3 is one." \
       "Install it (Debian: apt-get install python3.11 python3.11-venv) or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; }
@$(if $(filter $(LISTS),$?),rm -rf $(1))
@test -d $(1) || $(PYTHON) -m venv $(1) || { \
  echo "$(PYTHON) cannot make an environment (Debian: apt-get install python3.11-venv)." >&2; rm -rf $(1); exit 1; }
@echo "Installing into $(1)"
@$(1)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) $(2)
@touch $@
endef

.PHONY: help demo test coverage mutants lint format types trials audit reproduce compare bench bench-scale bench-season bench-tasks docs notebooks pictures lowest lock clean

help:
	@echo "make demo     run the whole chain on a synthetic scene: GeoTIFFs, a picture, errors against the known truth"
	@echo "make test     install everything and run all tests"
	@echo "make lint     ruff: rules and format        make format   let ruff mend what it can"
	@echo "make types    mypy --strict                 make trials   the long tests"
	@echo "make coverage the tests again, counting branches of src; fails under 90 %"
	@echo "make mutants  change the numeric core in small ways and see whether its tests notice; fails under 90 %"
	@echo "make audit    hold constraints.txt against the public lists of vulnerabilities (asks the network)"
	@echo "make reproduce   train a short form of the shipped model, hold it against bounds on unseen data"
	@echo "make compare  every method and model on every data set: tables and figures of docs/comparison.md and docs/results.md"
	@echo "make bench    seconds and memory of a full tile against their limits"
	@echo "make bench-season   30 dates of a farm, from granules to a table, against its limit"
	@echo "make bench-tasks   eight tasks of users, each one command, with its time; writes the table of docs/tasks.md"
	@echo "make bench-scale   many units: overhead, workers killed, 100,000 units; fails where a limit is missed"
	@echo "make docs     the documentation as a site, in site/; a warning is an error"
	@echo "make notebooks   docs/notebooks from the tutorials, executed"
	@echo "make pictures    demo, report and viewer in docs/img, as a newcomer sees them (Chromium)"
	@echo "make lowest   tests with the lowest allowed versions of all packages"
	@echo "make lock     rewrite constraints.txt       make clean    remove environments and caches"

# The light package and the simulator, built and installed as a user's pip would do it: no torch.
$(DEMO)/.installed: $(LISTS) $(SOURCES)
	$(call environment,$(DEMO),-c constraints.txt . ./simulator)

# Everything, the sources in place. torch stands on the same pip line as the extras: left to itself pip would
# take the newest build with several gigabytes of CUDA.
$(TEST)/.installed: $(LISTS)
	$(call environment,$(TEST),-c constraints.txt $(TORCH) -e ".[$(EXTRAS)]" -e ./simulator)

demo: $(DEMO)/.installed
	$(DEMO)/bin/srdanet demo -o demo --overwrite

test: $(TEST)/.installed
	OMP_NUM_THREADS=1 $(TEST)/bin/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

trials: $(TEST)/.installed
	OMP_NUM_THREADS=1 $(TEST)/bin/python -m pytest -n $(JOBS) --dist load -m trial $(ARGS)

# Processes that the tests start are counted too (pyproject.toml, tool.coverage.run).
coverage: $(TEST)/.installed
	rm -f .coverage .coverage.*
	OMP_NUM_THREADS=1 $(TEST)/bin/python -m coverage run -m pytest -n $(JOBS) --dist loadfile $(ARGS)
	$(TEST)/bin/python -m coverage combine --quiet
	$(TEST)/bin/python -m coverage report

# The tool stands outside constraints.txt: no test needs it.
$(MUTANTS)/.installed: $(LISTS)
	$(call environment,$(MUTANTS),-c constraints.txt $(TORCH) -e ".[$(EXTRAS)]" -e ./simulator cosmic-ray==8.7.0)

mutants: $(MUTANTS)/.installed
	nice $(MUTANTS)/bin/python benchmarks/mutants.py $(ARGS)

audit:
	test -d $(AUDIT) || $(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) pip-audit==2.10.1
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

reproduce: $(TEST)/.installed
	OMP_NUM_THREADS=1 $(TEST)/bin/python benchmarks/reproduce.py --data $(DATA)

compare: $(TEST)/.installed
	OMP_NUM_THREADS=1 $(TEST)/bin/python benchmarks/comparison.py --data $(DATA)
	OMP_NUM_THREADS=1 $(TEST)/bin/python benchmarks/accuracy.py --data $(DATA)

bench: $(TEST)/.installed
	$(TEST)/bin/python benchmarks/tile.py $(ARGS)

bench-season: $(TEST)/.installed
	OMP_NUM_THREADS=1 $(TEST)/bin/python benchmarks/season.py $(ARGS)

bench-tasks: $(TEST)/.installed
	OMP_NUM_THREADS=1 $(TEST)/bin/python benchmarks/tasks.py $(ARGS)

bench-scale: $(TEST)/.installed
	OMP_NUM_THREADS=1 $(TEST)/bin/python benchmarks/scale.py $(ARGS)

lint: $(TEST)/.installed
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .

format: $(TEST)/.installed
	$(TEST)/bin/ruff check --fix .
	$(TEST)/bin/ruff format .

types: $(TEST)/.installed
	$(TEST)/bin/mypy

# An environment of its own, without what the package needs: the site takes signatures from the sources, and of the
# command line it loads click alone. No test needs these packages, so constraints.txt does not pin them.
$(DOCS)/.installed: $(LISTS)
	$(call environment,$(DOCS),-c constraints.txt click $(shell sed -n 's/^docs = \[\(.*\)\]$$/\1/p' pyproject.toml | tr ',' ' '))

docs: $(DOCS)/.installed
	PYTHONPATH=src NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs build --strict --quiet

$(NOTEBOOKS)/.installed: $(LISTS) $(SOURCES)
	$(call environment,$(NOTEBOOKS),-c constraints.txt ".[compare,report,view]" ./simulator nbclient ipykernel)

notebooks: $(NOTEBOOKS)/.installed
	$(NOTEBOOKS)/bin/python docs/notebooks/make.py

pictures: $(TEST)/.installed
	SRDANET_SCREENSHOTS=$(CURDIR)/docs/img OMP_NUM_THREADS=1 $(TEST)/bin/python -m pytest -m trial tests/test_newcomer.py -k looked_at

# The lowest versions that pyproject.toml allows, found by uv; then the tests that need no torch.
$(LOWEST)/.installed: $(LISTS)
	$(call environment,$(LOWEST),uv)
	$(LOWEST)/bin/uv pip compile --quiet --resolution lowest-direct $(LIGHT:%=--extra %) --no-annotate --no-header \
	  --python $(LOWEST)/bin/python -o $(LOWEST)/lowest.txt pyproject.toml
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c $(LOWEST)/lowest.txt \
	  -e ".[$(LIGHT_LIST)]" -e ./simulator pytest hypothesis pyyaml

lowest: $(LOWEST)/.installed
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest $(LOWEST_TESTS) $(ARGS)

lock:
	rm -rf $(LOCK)
	$(PYTHON) -m venv $(LOCK)
	$(LOCK)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) $(TORCH) ".[$(EXTRAS)]" ./simulator
	{ sed '/^#/!d' constraints.txt; \
	  $(LOCK)/bin/python -m pip freeze --all --exclude pip --exclude srdanet --exclude srdanet-simulator | sed -E 's/^(torch==[0-9.]+)\+.*/\1/' | LC_ALL=C sort -f; } > $(LOCK)/constraints.txt
	mv $(LOCK)/constraints.txt constraints.txt
	rm -rf $(LOCK)

clean:
	rm -rf $(DEMO) $(TEST) $(LOCK) $(AUDIT) $(DOCS) $(NOTEBOOKS) $(LOWEST) $(MUTANTS) .mutants .coverage .coverage.* demo site build dist simulator/build simulator/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests simulator -name __pycache__ -type d -prune -exec rm -rf {} +
