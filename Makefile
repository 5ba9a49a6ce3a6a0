# Everything a person types here. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8000
WORKSPACE ?= .
WORKERS ?= 2
PROBLEM ?= nyc_sales
# what `make train` trains: the example hypothesis on simulated sales
HYPOTHESIS ?= H-SEG-001
CHANGE ?= architecture
STRATEGY ?= segmented_router
FEATURES ?= v2.0
DATASET ?= sim-v1
OWNER ?= $(or $(USER),me)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := ./scripts/ds_workflow.sh

# With this set, Python compiles mlflow anew at each start (4 to 6 s instead of 1.6 s).
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install demo test train serve lint format bench docs notebooks replay image sbom audit wheel constraints clean

help: ## list what can be typed
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  variables: PYTHON=$(PYTHON) PORT=$(PORT) WORKSPACE=$(WORKSPACE) PROBLEM=$(PROBLEM) WORKERS=$(WORKERS)"

install: $(STAMP) ## make .venv and install into it, with the pinned versions

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; '$(PYTHON)' is older. Name another: make install PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "'$(PYTHON)' can't make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@echo 'Installing into $(VENV), with the versions of constraints.txt: a minute or two, about 1.1 GB.'
	[[ -x $(BIN)/python ]] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --progress-bar off -e '.[dev]' -c constraints.txt
	@touch $@

demo: install ## the whole lifecycle on simulated sales, within three minutes
	./scripts/demo.sh

test: lint ## style, types, the rules of the house, and every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

train: install ## train the example hypothesis (HYPOTHESIS, CHANGE, STRATEGY, FEATURES, DATASET, OWNER)
	$(RUN) --workspace '$(WORKSPACE)' data-snapshot --dataset-version '$(DATASET)' --simulate
	$(RUN) --workspace '$(WORKSPACE)' train-candidate --hypothesis-id '$(HYPOTHESIS)' --change-type '$(CHANGE)' \
		--change-summary 'make train: $(STRATEGY) on $(FEATURES)' --owner '$(OWNER)' --strategy '$(STRATEGY)' \
		--feature-set-version '$(FEATURES)' --dataset-version '$(DATASET)'

serve: install ## answer GET /health and POST /predict with the champion of WORKSPACE, on PORT
	$(RUN) --workspace '$(WORKSPACE)' serve --port '$(PORT)'

lint: install ## ruff (rules and format) and mypy (strict)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

replay: install ## compute every verdict of WORKSPACE again, and fail when one comes out otherwise
	$(RUN) --workspace '$(WORKSPACE)' arena-audit --all

bench: install ## every figure that README quotes, measured again
	for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

notebooks: install ## execute the notebooks again, on simulated rows, from the scripts beside them
	$(BIN)/python notebooks/make.py

image: ## build the images train and serve with what this machine has: docker, podman or buildah
	./scripts/build_image.sh all

sbom: install ## list every component with version and licence (CycloneDX) in dist, and hold them against what they should be
	$(RUN) sbom --check --out dist/champion-challenger-workflow.cdx.json

audit: install ## ask the index for known faults of every pinned version (needs the network)
	$(BIN)/python -m pip install --quiet -e '.[audit]' -c constraints.txt
	$(BIN)/pip-audit --strict --disable-pip --no-deps -r constraints.txt

wheel: install ## build the wheel into dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

docs: install ## write docs/reference/cli.md, docs/data_dictionary, docs/DATA_SOURCES.md, and the documents of WORKSPACE's champion of PROBLEM
	$(BIN)/python -m ds_workflow.cli.reference docs/reference/cli.md
	$(RUN) data-dictionary --all --out docs/data_dictionary
	$(RUN) docs-sources --out docs/DATA_SOURCES.md
	@champion=$$($(RUN) --workspace '$(WORKSPACE)' --problem '$(PROBLEM)' arena-status --json | \
		$(BIN)/python -c 'import json, sys; print(bool(json.load(sys.stdin)["aliases"]["champion"]))'); \
	if [[ $$champion == True ]]; then \
		$(RUN) --workspace '$(WORKSPACE)' --problem '$(PROBLEM)' docs-build; \
		$(RUN) --workspace '$(WORKSPACE)' --problem '$(PROBLEM)' docs-check; \
	else \
		echo "No documents of a version were built: $(PROBLEM) has no champion in '$(WORKSPACE)'. Name the workspace that" \
			"has one: make docs WORKSPACE=demo PROBLEM=nyc_sales ('make demo' makes it)."; \
	fi

constraints: ## resolve setup.cfg anew into constraints.txt (needs the registry)
	scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(PYTHON) -m venv "$$scratch/venv"; "$$scratch/venv/bin/python" -m pip install --quiet uv; \
	"$$scratch/venv/bin/uv" pip compile setup.cfg --all-extras --universal --python-version 3.11 --upgrade \
		--no-header --quiet -o "$$scratch/pins"; \
	{ sed -n '/^#/!q;p' constraints.txt; cat "$$scratch/pins"; } > "$$scratch/new"; \
	mv "$$scratch/new" constraints.txt

clean: ## remove .venv, caches and builds; never a workspace's models, decisions or data
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
