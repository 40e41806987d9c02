# The book's commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
QUARTO_VERSION := 1.10.18

# What a user has set for other work changes none of the commands, except how pip reaches an index.
PIP_REACH := INDEX_URL EXTRA_INDEX_URL NO_INDEX FIND_LINKS TRUSTED_HOST CERT CLIENT_CERT PROXY TIMEOUT \
	DEFAULT_TIMEOUT RETRIES CACHE_DIR NO_CACHE_DIR CONFIG_FILE KEYRING_PROVIDER
IGNORED := PYTHON% PYTEST% PIP_% RUFF_% MPL% MATPLOTLIB% IPYTHON% JUPYTER% QUARTO_PROFILE
IGNORED += FORCE_COLOR CLICOLOR_FORCE COLUMNS LINES
unexport $(filter-out $(PIP_REACH:%=PIP_%) PYTHON PYTHONUTF8,$(filter $(IGNORED),$(.VARIABLES)))
export PYTHONUTF8 := 1
# One order of sets in all runs, so that they trace the same programs, which JAX then has kept.
export PYTHONHASHSEED := 0
# The same for pip's configuration file: packages go into this environment and nowhere else.
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --no-user --target= --root=/ \
	--prefix="$(CURDIR)/$(VENV)"

LOCK := $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --upgrade \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock" pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help site preview pdf lab test check data study results notebooks tables lint format lock bench dist release clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

site: $(VENV)/quarto  ## Render the site and the deck, and print the page to open
	@$(RUN) -m bnmbook.site

preview: $(VENV)/quarto  ## Serve the site locally and render it again on each change
	@$(RUN) -m bnmbook.site preview

pdf: $(VENV)/quarto  ## Print the book into _pdf/, where Quarto brings Typst: all, or NAMES="02-grid-scan ..."
	@$(RUN) -m bnmbook.printed $(NAMES)

lab: $(VENV)/lab  ## Open the chapters in JupyterLab, which is installed on first use
	@$(RUN) -m jupyterlab --LabApp.default_url=/lab/tree/chapters $(ARGS)

test: $(VENV)/ready lint  ## Run every check: unit tests, notebooks against their outputs, the built site
	@BOOK_RESULTS=require TQDM_DISABLE=1 $(RUN) -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/ready lint  ## Run the tests of what has changed since the last commit
	@BOOK_RESULTS=require TQDM_DISABLE=1 $(RUN) -m pytest -q -n 2 --dist loadfile $$($(RUN) tests/changed.py) $(ARGS)

data: $(VENV)/ready  ## Fetch real brains, which are not part of the book, into data/, a folder each
	@$(RUN) -m bnmfit.open_data data

study: $(VENV)/quarto  ## Study your own brain: DATA=folder, and TEST=folder with one to predict
	@$(RUN) -m bnmbook.studies "$(DATA)" $(if $(TEST),"$(TEST)")

results: $(VENV)/ready  ## Recompute stored results: all, or NAMES="grid_scan 06-random-search ..."
	@$(RUN) -m bnmbook.compute $(NAMES)

notebooks: $(VENV)/ready  ## Execute chapters in place, in a fresh kernel: all, or NAMES="02-grid-scan ..."
	@$(RUN) -m bnmbook.notebooks $(NAMES)

tables: $(VENV)/ready  ## Write the measured costs into the landing page and the page on the runs
	@$(RUN) -m bnmbook.tables

bench: $(VENV)/ready  ## Measure simulations, gradients and batches against the plain formulation and C
	@$(RUN) benchmarks/bench.py

lint: $(VENV)/ready  ## Check style and formatting, of notebooks too
	@$(RUN) -m ruff check --no-cache --quiet . && $(RUN) -m ruff format --no-cache --quiet --check .

format: $(VENV)/ready  ## Format the code, of notebooks too
	@$(RUN) -m ruff check --no-cache --quiet --fix . && $(RUN) -m ruff format --no-cache --quiet .

lock: $(VENV)/ready  ## Resolve the dependencies anew into requirements.txt and requirements-lab.txt
	@$(PIP) uv
	@$(LOCK) --extra dev --output-file requirements.txt
	@$(LOCK) --all-extras --constraint requirements.txt --output-file requirements-lab.txt

dist: site  ## Build what a release attaches into dist/: sources, wheel, and the site as a zip
	@$(RUN) -m bnmbook.releases build

release: $(VENV)/ready lint  ## Check that this version can be released, build it on trial, and tag it
	@$(RUN) -m bnmbook.releases

clean:  ## Remove the environment and everything that was built
	@rm -rf $(VENV) _site _pdf dist .cache .quarto .pytest_cache .ruff_cache *.egg-info

# Without isolation, since another pip, which heeds the user's settings, would prepare the build.
$(VENV)/ready: requirements.txt pyproject.toml
	@echo "Making the environment in $(VENV) (first use, or its requirements changed) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/lab: $(VENV)/ready requirements-lab.txt
	@echo "Installing JupyterLab (first use, or its requirements changed) ..."
	@$(PIP) -r requirements-lab.txt
	@touch $@

# Quarto is no Python package, but one brings it. Without it the site is built in a reduced form.
$(VENV)/quarto: $(VENV)/ready
	@command -v quarto >/dev/null \
		|| $(PIP) quarto-cli==$(QUARTO_VERSION) >/dev/null 2>&1 \
		|| true
	@touch $@
