# AWS's DynamoDB Local. Races and lost responses are tested on it, because moto lets several conditional writes win.
DYNAMODB_PORT ?= 8000

.PHONY: dynamodb-local
dynamodb-local:  ## run AWS's DynamoDB Local on this machine, in memory (DYNAMODB_PORT)
	@exec $(PYTHON) scripts/dynamodb-local --port $(DYNAMODB_PORT)

.PHONY: test-dynamodb-local
test-dynamodb-local: $(VENV)/development  ## test races, lost responses and the functions against DynamoDB Local
	@exec $(PYTHON) scripts/dynamodb-local --port 0 -- $(BIN)/pytest -m dynamodb_local -n 2 --dist worksteal --timeout 1800
