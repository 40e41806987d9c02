# The book's commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
QUARTO_VERSION := 1.10.18

.DEFAULT_GOAL := help
.PHONY: help site preview test results notebooks tables lint format lock bench clean

help:  ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 18

site: $(VENV)/quarto  ## Render the site and the deck, and print the page to open
	@$(RUN) -m bnmbook.site

preview: $(VENV)/quarto  ## Serve the site locally and render it again on each change
	@$(RUN) -m bnmbook.site preview

test: $(VENV)/ready lint  ## Run every check: unit tests, notebooks against their outputs, the built site
	@BOOK_RESULTS=require TQDM_DISABLE=1 $(RUN) -m pytest $(ARGS)

results: $(VENV)/ready  ## Recompute stored results: all, or NAMES="grid_scan ..."
	@$(RUN) -m bnmbook.results $(NAMES)

notebooks: $(VENV)/ready  ## Execute chapters in place, in a fresh kernel: all, or NAMES="02-grid-scan ..."
	@$(RUN) -m bnmbook.notebooks $(NAMES)

tables: $(VENV)/ready  ## Write the measured costs into the landing page and the page on the runs
	@$(RUN) -m bnmbook.tables

bench: $(VENV)/ready  ## Measure simulations, gradients and batches against the plain formulation and C
	@$(RUN) benchmarks/bench.py

lint: $(VENV)/ready  ## Check style and formatting, of notebooks too
	@$(RUN) -m ruff check --quiet . && $(RUN) -m ruff format --quiet --check .

format: $(VENV)/ready  ## Format the code, of notebooks too
	@$(RUN) -m ruff check --quiet --fix . && $(RUN) -m ruff format --quiet .

lock: $(VENV)/ready  ## Resolve the dependencies anew into requirements.txt
	@$(RUN) -m pip install --quiet uv
	@$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --all-extras --upgrade \
		--no-annotate --no-emit-index-url --custom-compile-command "make lock" \
		pyproject.toml --output-file requirements.txt

clean:  ## Remove the environment and everything that was built
	@rm -rf $(VENV) _site .quarto .pytest_cache .ruff_cache *.egg-info

$(VENV)/ready: requirements.txt pyproject.toml
	@echo "Making the environment in $(VENV) (first use, or its requirements changed) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Quarto is no Python package, but one brings it. Without it the site is built in a reduced form.
$(VENV)/quarto: $(VENV)/ready
	@command -v quarto >/dev/null \
		|| $(RUN) -m pip install --quiet --disable-pip-version-check quarto-cli==$(QUARTO_VERSION) >/dev/null 2>&1 \
		|| true
	@touch $@
