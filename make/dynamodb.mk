# AWS's own DynamoDB Local: what races and lost answers are proven on, because moto has no single winner.
DYNAMODB_PORT ?= 8000

.PHONY: dynamodb-local
dynamodb-local:  ## run AWS's DynamoDB Local here, in memory (DYNAMODB_PORT)
	@exec $(PYTHON) scripts/dynamodb-local --port $(DYNAMODB_PORT)

.PHONY: test-dynamodb-local
test-dynamodb-local: $(VENV)/development  ## races and lost answers, against DynamoDB Local
	@exec $(PYTHON) scripts/dynamodb-local --port 0 -- $(BIN)/pytest -m dynamodb_local
