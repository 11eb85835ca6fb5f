# AWS's DynamoDB Local. Races and lost responses are tested on it, because only it is AWS's own.
DYNAMODB_PORT ?= 8000

.PHONY: dynamodb-local
dynamodb-local:  ## run AWS's DynamoDB Local on this machine, in memory (DYNAMODB_PORT)
	@exec $(PYTHON) scripts/dynamodb-local --port $(DYNAMODB_PORT)

.PHONY: test-dynamodb-local
test-dynamodb-local: $(VENV)/development  ## test races, lost responses and the functions against DynamoDB Local
	@exec $(PYTHON) scripts/dynamodb-local --port 0 -- $(BIN)/pytest -n 2 --dist worksteal --timeout 1800 \
	  -m dynamodb_local --ignore=tests/functions
	@# The functions at the fast size: large variants run in memory only. All cases of a test only at the deep size.
	@TAPEDECK_TEST_SIZE=fast exec $(PYTHON) scripts/dynamodb-local --port 0 -- $(BIN)/pytest -n 2 --dist worksteal \
	  -m "dynamodb_local$(if $(filter deep,$(TAPEDECK_TEST_SIZE)),, and not ci)" tests/functions
