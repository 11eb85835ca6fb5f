# `make serve` runs Tapedeck on this machine, and `make test` runs the tests. Both install their dependencies first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PORT ?= 3000
HTTPS_PORT ?= 3443
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := $(CURDIR)/layers/shared:$(CURDIR)/engine/protocol:$(CURDIR)/engine/callflow:$(CURDIR)/standin:$(CURDIR)/packages/dynamodb-memory/src
export SAM_CLI_TELEMETRY := 0
# Otherwise each program that a test starts compiles the code again, and each run of pytest the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

$(VENV)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/bootstrap.txt
	touch $@

# Each target installs its packages, and again when the pins change.
$(VENV)/standin: requirements/standin.txt | $(VENV)/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $<
	touch $@

$(VENV)/development: requirements/development.txt | $(VENV)/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $<
	touch $@ $(VENV)/standin

.PHONY: serve
serve: $(VENV)/standin  ## run the API on this machine, without an AWS account (PORT, HTTPS_PORT)
	@exec $(BIN)/python scripts/foreground.py $(BIN)/python -m tapedeck_standin serve --port $(PORT) --https-port $(HTTPS_PORT)

.PHONY: test
test: $(VENV)/development  ## run the tests that need only Python, at the fast size
	TAPEDECK_TEST_SIZE=fast $(BIN)/pytest -n auto --dist worksteal

.PHONY: lint
lint: $(VENV)/development  ## run ruff, mypy, cfn-lint and sam validate
	$(BIN)/ruff format --check .
	$(BIN)/ruff check . scripts/dynamodb-local
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml
	AWS_DEFAULT_REGION=us-east-1 $(BIN)/sam validate --lint --template template.yaml

.PHONY: format
format: $(VENV)/development  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(VENV)/uv  ## update the hashed pins in requirements/
	for name in bootstrap standin development layer encoder lambda-runtime signalwire-sdk bench docs openapi; do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command 'make lock' requirements/$$name.in --output-file requirements/$$name.txt; \
	done

-include make/*.mk
