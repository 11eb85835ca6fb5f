# AWS's own DynamoDB Local: what races and lost answers are proven on, because moto has no single winner.
DYNAMODB_PORT ?= 8000

.PHONY: dynamodb-local
dynamodb-local:  ## run AWS's DynamoDB Local here, in memory (DYNAMODB_PORT)
	@exec $(PYTHON) scripts/dynamodb-local --port $(DYNAMODB_PORT)

.PHONY: test-dynamodb-local
test-dynamodb-local: $(VENV)/development  ## races, lost answers and what functions ask, against DynamoDB Local
	@$(PYTHON) scripts/dynamodb-local --port 0 -- $(BIN)/pytest -m dynamodb_local --ignore=tests/functions
	@# What is asked of it differs from moto, not how much: CI makes many of these tests larger, on moto.
	@CI= exec $(PYTHON) scripts/dynamodb-local --port 0 -- $(BIN)/pytest -m dynamodb_local -n 2 tests/functions
