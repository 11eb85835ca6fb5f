# `make serve` runs Tapedeck here, `make test` proves it; both set up what they need. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PORT ?= 3000
HTTPS_PORT ?= 3443
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := $(CURDIR)/layers/shared:$(CURDIR)/standin:$(CURDIR)/packages/dynamodb-memory/src
export SAM_CLI_TELEMETRY := 0
# Seconds for one test, in place of pyproject.toml's: in full, one may take long without being stuck.
ifdef CI
export PYTEST_TIMEOUT ?= 1800
endif

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

$(VENV)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/bootstrap.txt
	touch $@

# Each environment is set up once, and again when its pins change.
$(VENV)/standin: requirements/standin.txt | $(VENV)/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $<
	touch $@

$(VENV)/development: requirements/development.txt | $(VENV)/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $<
	touch $@ $(VENV)/standin

.PHONY: serve
serve: $(VENV)/standin  ## run the API here, without an account (PORT, HTTPS_PORT)
	@exec $(BIN)/python -m tapedeck_standin serve --port $(PORT) --https-port $(HTTPS_PORT)

.PHONY: test
test: $(VENV)/development  ## the tests that need nothing but Python
	$(BIN)/pytest -n auto --dist worksteal

.PHONY: lint
lint: $(VENV)/development  ## ruff, mypy, cfn-lint, sam validate
	$(BIN)/ruff format --check .
	$(BIN)/ruff check . scripts/dynamodb-local
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml
	AWS_DEFAULT_REGION=us-east-1 $(BIN)/sam validate --lint --template template.yaml

.PHONY: format
format: $(VENV)/development  ## put the code into the house's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(VENV)/uv  ## renew the hashed pins in requirements/
	for name in bootstrap standin layer encoder lambda-runtime development signalwire-sdk bench; do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command 'make lock' requirements/$$name.in --output-file requirements/$$name.txt; \
	done

-include make/*.mk
